/**
 * Time spans as systemd's settings have them, systemd.time(7): `90`, `3min`, `1min 30s`, `off`.
 * @module
 */

const SECONDS_OF_UNIT: Readonly<Record<string, number>> = {
  '': 1,
  ms: 0.001,
  s: 1,
  sec: 1,
  m: 60,
  min: 60,
  h: 3600,
};

/** Seconds; 0 for `off`, undefined for what is not understood. */
export function parseTimeSpan(span: string): number | undefined {
  if (/^(?:off|0|)$/.test(span.trim())) return 0;
  const parts = [...span.matchAll(/(\d+)\s*([a-z]*)\s*/g)];
  if (parts.length === 0 || parts.map((part) => part[0]).join('') !== span) return undefined;
  let total = 0;
  for (const [, amount, unit] of parts) {
    const factor = SECONDS_OF_UNIT[unit as string];
    if (factor === undefined) return undefined;
    total += Number(amount) * factor;
  }
  return total;
}
