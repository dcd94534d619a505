/**
 * Bytes that look random and are the same in every run.
 * @module
 */
import { createHash } from 'node:crypto';

/** `length` bytes that depend on `seed` alone (SHAKE256). */
export function seededBytes(seed: string | number, length: number): Uint8Array {
  return createHash('shake256', { outputLength: length }).update(`khop test ${seed}`).digest();
}
