/**
 * Values as JSON. 64-bit numbers become hexadecimal strings, as addresses are read everywhere else; maps
 * become objects; bytes become their length, since no command prints contents.
 * @module
 */

/** Two-space indented JSON of any value khop's commands return. */
export function renderJson(value: unknown): string {
  return JSON.stringify(value, replacer, 2);
}

function replacer(_key: string, value: unknown): unknown {
  if (typeof value === 'bigint') return `0x${value.toString(16)}`;
  if (value instanceof Map) return Object.fromEntries(value);
  if (value instanceof Set) return [...value];
  if (value instanceof Uint8Array) return { bytes: value.length };
  return value;
}
