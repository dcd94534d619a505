/**
 * Bech32: bytes as text with a name in front and a checksum behind, which finds any four wrong characters.
 * Specification: BIP 173; age lets it be longer than 90 characters.
 * @module
 */
import { KhopError } from '../error.ts';

/** What a text stands for. */
export interface Bech32 {
  /** In front of the last `1`, in lower case. */
  readonly name: string;
  readonly bytes: Uint8Array;
}

const LETTERS = 'qpzry9x8gf2tvdw0s3jn54khce6mua7l';
const GENERATORS = [0x3b6a57b2, 0x26508e6d, 0x1ea119fa, 0x3d4233dd, 0x2a1462b3];
const CHECKSUM_LENGTH = 6;
const LONGEST = 8192;

/** @throws E_FORMAT */
export function decodeBech32(text: string): Bech32 {
  const lower = text.toLowerCase();
  if (text.length > LONGEST) refuse('it is too long');
  if (text !== lower && text !== text.toUpperCase()) refuse('it mixes upper and lower case');
  const one = lower.lastIndexOf('1');
  if (one < 1 || lower.length - one - 1 < CHECKSUM_LENGTH) refuse('it is too short');
  const name = lower.slice(0, one);
  if (!/^[\x21-\x7e]+$/.test(name)) refuse('its name has a character that is none');
  const values = [...lower.slice(one + 1)].map((letter) => {
    const value = LETTERS.indexOf(letter);
    return value < 0 ? refuse(`"${letter}" does not occur in such a text`) : value;
  });
  if (checksum([...expand(name), ...values]) !== 1)
    refuse('its checksum is wrong, so a character is missing or mistyped');
  return { name, bytes: toBytes(values.slice(0, -CHECKSUM_LENGTH)) };
}

function expand(name: string): number[] {
  const codes = [...name].map((letter) => letter.charCodeAt(0));
  return [...codes.map((code) => code >> 5), 0, ...codes.map((code) => code & 31)];
}

/** BIP 173, bech32_polymod. */
function checksum(values: readonly number[]): number {
  return values.reduce((sum, value) => {
    const shifted = ((sum & 0x1ff_ffff) << 5) ^ value;
    const top = sum >>> 25;
    return GENERATORS.reduce((mixed, term, bit) => ((top >> bit) & 1 ? mixed ^ term : mixed), shifted);
  }, 1);
}

/** Five bits each to eight; what is left over is less than five bits, and zero. */
function toBytes(values: readonly number[]): Uint8Array {
  const bytes: number[] = [];
  let kept = 0;
  let bits = 0;
  for (const value of values) {
    kept = ((kept << 5) | value) & 0xfff;
    bits += 5;
    if (bits < 8) continue;
    bits -= 8;
    bytes.push((kept >> bits) & 0xff);
  }
  if (bits >= 5 || (kept & ((1 << bits) - 1)) !== 0) refuse('it does not end with a whole byte');
  return Uint8Array.from(bytes);
}

function refuse(problem: string): never {
  throw new KhopError('E_FORMAT', `not a Bech32 text: ${problem}`, { hint: 'Copy it again, whole.' });
}
