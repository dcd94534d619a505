/**
 * Sizes of memory as kernel parameters have them.
 * Specification: linux Documentation/admin-guide/kernel-parameters.rst, "[KMG]"; lib/cmdline.c, memparse().
 * @module
 */

/** The binary exponent of each suffix. */
const SUFFIXES = { K: 10n, M: 20n, G: 30n, T: 40n, P: 50n, E: 60n } as const;

/** unsigned long long; memparse() wraps around above it, which nobody means. */
const LIMIT = 1n << 64n;

/** A size at the start of `text`, and how many characters it takes; undefined when there is none. */
export function readMemorySize(
  text: string,
): { readonly bytes: bigint; readonly length: number } | undefined {
  const match = /^(?:0x([0-9a-f]+)|0([0-7]*)|([1-9]\d*))([KMGTPE]?)/i.exec(text);
  if (match === null) return undefined;
  const [whole, hexadecimal, octal, decimal, suffix = ''] = match;
  const number =
    hexadecimal !== undefined
      ? BigInt(`0x${hexadecimal}`)
      : octal !== undefined
        ? BigInt(`0o0${octal}`)
        : BigInt(decimal ?? '0');
  const exponent = suffix === '' ? 0n : SUFFIXES[suffix.toUpperCase() as keyof typeof SUFFIXES];
  const bytes = number << exponent;
  return bytes < LIMIT ? { bytes, length: whole.length } : undefined;
}

/** The shortest way to write `bytes` exactly: `128M`, `1536K`, `4097`. */
export function printMemorySize(bytes: bigint): string {
  for (const [suffix, exponent] of Object.entries(SUFFIXES).reverse())
    if (bytes !== 0n && bytes % (1n << exponent) === 0n) return `${bytes >> exponent}${suffix}`;
  return String(bytes);
}
