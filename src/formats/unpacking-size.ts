/**
 * How much memory an initrd will take to be looked into, told without unpacking it.
 * @module
 */
import { KhopError } from '../error.ts';
import { expectUnpacked } from './compression.ts';
import { isCpio, parseCpio } from './cpio.ts';
import { type InitramfsReading, skipZeros } from './initramfs.ts';

/** Bytes, about. */
export interface UnpackingSize {
  /** Of plain archives, which are read where they are. */
  readonly plainBytes: number;
  /** What the compressed parts are unpacked to. */
  readonly unpackedBytes: number;
}

/** Never throws: of what is damaged, the rest counts as what it looks like. */
export function expectUnpacking(bytes: Uint8Array, onRead?: InitramfsReading['onRead']): UnpackingSize {
  let plainBytes = 0;
  let unpackedBytes = 0;
  for (let at = skipZeros(bytes, 0); at < bytes.length; ) {
    const rest = bytes.subarray(at);
    const isPlain = isCpio(rest);
    const { size, end } = isPlain ? measurePlain(rest, onRead) : expectUnpacked(rest);
    if (isPlain) plainBytes += size;
    else unpackedBytes += size;
    onRead?.(rest.subarray(0, end));
    at = skipZeros(bytes, at + Math.max(end, 1));
  }
  return { plainBytes, unpackedBytes };
}

function measurePlain(
  bytes: Uint8Array,
  onRead: InitramfsReading['onRead'],
): { readonly size: number; readonly end: number } {
  try {
    const { size } = parseCpio(bytes, onRead);
    return { size, end: size };
  } catch (error) {
    if (!(error instanceof KhopError)) throw error;
    return { size: bytes.length, end: bytes.length };
  }
}
