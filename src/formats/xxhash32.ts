/**
 * XXH32, the checksum of LZ4 frames. "xxHash fast digest algorithm", version 0.1.1, "XXH32 Algorithm
 * Description"; the steps below are its.
 * @module
 */
const PRIME_1 = 0x9e3779b1 | 0;
const PRIME_2 = 0x85ebca77 | 0;
const PRIME_3 = 0xc2b2ae3d | 0;
const PRIME_4 = 0x27d4eb2f;
const PRIME_5 = 0x165667b1;
const STRIPE = 16;

/** XXH32 of `bytes` with seed 0: an unsigned 32-bit number. */
export function xxhash32(bytes: Uint8Array): number {
  const stripesEnd = bytes.length - (bytes.length % STRIPE);
  // Steps 1 to 3.
  let hash = stripesEnd === 0 ? PRIME_5 : hashStripes(bytes, stripesEnd);
  // Step 4.
  hash = (hash + bytes.length) | 0;
  // Step 5.
  let at = stripesEnd;
  for (; at + 4 <= bytes.length; at += 4)
    hash = Math.imul(rotate(hash + Math.imul(word(bytes, at), PRIME_3), 17), PRIME_4);
  for (; at < bytes.length; at++)
    hash = Math.imul(rotate(hash + Math.imul(bytes[at]!, PRIME_5), 11), PRIME_1);
  // Step 6.
  hash = Math.imul(hash ^ (hash >>> 15), PRIME_2);
  hash = Math.imul(hash ^ (hash >>> 13), PRIME_3);
  return (hash ^ (hash >>> 16)) >>> 0;
}

function hashStripes(bytes: Uint8Array, end: number): number {
  let lane1 = (PRIME_1 + PRIME_2) | 0;
  let lane2 = PRIME_2;
  let lane3 = 0;
  let lane4 = -PRIME_1 | 0;
  for (let at = 0; at < end; at += STRIPE) {
    lane1 = round(lane1, word(bytes, at));
    lane2 = round(lane2, word(bytes, at + 4));
    lane3 = round(lane3, word(bytes, at + 8));
    lane4 = round(lane4, word(bytes, at + 12));
  }
  return (rotate(lane1, 1) + rotate(lane2, 7) + rotate(lane3, 12) + rotate(lane4, 18)) | 0;
}

function round(lane: number, value: number): number {
  return Math.imul(rotate(lane + Math.imul(value, PRIME_2), 13), PRIME_1);
}

function rotate(value: number, count: number): number {
  return (value << count) | (value >>> (32 - count));
}

function word(bytes: Uint8Array, at: number): number {
  return bytes[at]! | (bytes[at + 1]! << 8) | (bytes[at + 2]! << 16) | (bytes[at + 3]! << 24);
}
