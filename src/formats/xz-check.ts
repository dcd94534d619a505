/**
 * The integrity checks of .xz blocks. "The .xz File Format" 2.1.1.2 (stream flags) and 3.4 (check).
 * @module
 */
import { createHash } from 'node:crypto';
import { crc32 } from 'node:zlib';
import { KhopError } from '../error.ts';
import type { ByteReader } from './byte-reader.ts';
import { crc64 } from './crc64.ts';

/** A kind of check. */
export interface XzCheck {
  readonly name: string;
  readonly size: number;
  /** The check of `content`, as it is stored. */
  readonly compute: (content: Uint8Array) => Uint8Array;
}

const CHECKS: ReadonlyMap<number, XzCheck> = new Map<number, XzCheck>([
  [0x00, { name: 'none', size: 0, compute: () => new Uint8Array() }],
  [0x01, { name: 'CRC32', size: 4, compute: (content) => littleEndian(BigInt(crc32(content)), 4) }],
  [0x04, { name: 'CRC64', size: 8, compute: (content) => littleEndian(crc64(content), 8) }],
  [0x0a, { name: 'SHA-256', size: 32, compute: (content) => createHash('sha256').update(content).digest() }],
]);

function littleEndian(value: bigint, size: number): Uint8Array {
  return Uint8Array.from({ length: size }, (_, index) => Number((value >> BigInt(8 * index)) & 0xffn));
}

/** The kind that the stream flags (first byte high) name. @throws E_UNSUPPORTED for ids without a meaning yet */
export function parseXzCheck(flags: number, reader: ByteReader, offset: number, name: string): XzCheck {
  if ((flags & 0xfff0) !== 0) reader.fail('stream flags', offset, 'use reserved bits');
  const check = CHECKS.get(flags);
  if (check !== undefined) return check;
  throw new KhopError('E_UNSUPPORTED', `${name}: xz integrity check number ${flags} is not known`, {
    hint: 'Pack the file again with CRC32, CRC64 or SHA-256: xz --check=crc32.',
  });
}

/** @throws E_FORMAT when what is stored at `offset` is not the check of `content` */
export function verifyXzCheck(reader: ByteReader, offset: number, check: XzCheck, content: Uint8Array): void {
  const stored = reader.slice(offset, check.size, 'block check');
  if (Buffer.compare(stored, check.compute(content)) !== 0)
    reader.fail('block check', offset, `the ${check.name} does not match the unpacked data`);
}
