/**
 * Whole-file compression, told by the first bytes.
 * @module
 */
import { gunzipSync, zstdDecompressSync } from 'node:zlib';
import { KhopError } from '../error.ts';
import { decodeXz } from './xz.ts';

export type Compression = 'gzip' | 'zstd' | 'xz' | 'lz4' | 'lzma' | 'bzip2' | 'lzo';

const MAGICS: readonly (readonly [Compression, readonly number[]])[] = [
  ['gzip', [0x1f, 0x8b]],
  ['zstd', [0x28, 0xb5, 0x2f, 0xfd]],
  ['xz', [0xfd, 0x37, 0x7a, 0x58, 0x5a, 0x00]],
  // The format of `lz4 -l`, which the kernel uses, and the frame format.
  ['lz4', [0x02, 0x21, 0x4c, 0x18]],
  ['lz4', [0x04, 0x22, 0x4d, 0x18]],
  ['lzma', [0x5d, 0x00, 0x00]],
  ['bzip2', [0x42, 0x5a, 0x68]],
  ['lzo', [0x89, 0x4c, 0x5a, 0x4f, 0x00]],
];

/** What the bytes begin like, or undefined. */
export function detectCompression(bytes: Uint8Array): Compression | undefined {
  return MAGICS.find(([, magic]) => magic.every((byte, index) => bytes[index] === byte))?.[0];
}

/** Limits and names for `decompress`. */
export interface DecompressOptions {
  /** How errors name the bytes. */
  readonly name: string;
  /** More output than this is an error. */
  readonly maxOutputBytes: number;
}

/**
 * @throws E_FORMAT for damaged data or too much output, E_UNSUPPORTED for a compression without a decoder here
 */
export function decompress(bytes: Uint8Array, options: DecompressOptions): Uint8Array {
  const kind = detectCompression(bytes);
  if (kind === 'xz') return decodeXz({ ...options, bytes, extent: 'first' }).bytes;
  const limit = { maxOutputLength: options.maxOutputBytes };
  try {
    if (kind === 'gzip') return gunzipSync(bytes, limit);
    if (kind === 'zstd') return zstdDecompressSync(bytes, limit);
  } catch (cause) {
    throw new KhopError(
      'E_FORMAT',
      `${options.name}: its ${kind} data cannot be unpacked: ${(cause as Error).message}`,
      {
        hint: 'The file is truncated, corrupt or absurdly large; fetch or build it again.',
        cause,
      },
    );
  }
  throw new KhopError(
    'E_UNSUPPORTED',
    `${options.name}: ${kind ?? 'unknown'} compression cannot be unpacked`,
    {
      hint: 'Unpack it first, or give the image as gzip, zstd or xz.',
    },
  );
}
