/**
 * The way up after a switch, as text.
 * @module
 */
import type { ArrivalHistoryEntry } from '../../switch/history.ts';
import { renderMilliseconds } from './quantity.ts';
import { renderTable } from './table.ts';

/** What is measured on the way up, in its order; ms from the start of the kernel's clock. */
type WayUp = Pick<ArrivalHistoryEntry, 'initrdMs' | 'initMs' | 'service' | 'finishedMs'>;

/** `initramfs 900 ms, init 2.1 s, ssh.service 6.2 s, default target 9.0 s`, as far as it is known. */
export function describeWayUp(wayUp: WayUp): string {
  return pointsOf(wayUp)
    .flatMap(([name, ms]) => (ms === null ? [] : [`${name} ${renderMilliseconds(ms)}`]))
    .join(', ');
}

/** Times from the start of the new kernel's clock, then what took longest to start. */
export function renderArrival(entry: ArrivalHistoryEntry): string {
  const rows = pointsOf(entry).map(([name, ms]) => [
    `  ${name}`,
    ms === null ? 'not known' : renderMilliseconds(ms),
  ]);
  const slowest = entry.slowest.map(({ unit, tookMs }) => `${unit} ${renderMilliseconds(tookMs)}`);
  return [
    'Way up, from the start of the kernel:',
    renderTable(rows),
    `Longest to start: ${slowest.length === 0 ? 'nothing' : slowest.join(', ')}.`,
  ].join('\n');
}

function pointsOf({ initrdMs, initMs, service, finishedMs }: WayUp): (readonly [string, number | null])[] {
  return [
    ['initramfs', initrdMs],
    ['init', initMs],
    ...(service === null ? [] : [[service.name, service.answeredMs] as const]),
    ['default target', finishedMs],
  ];
}
