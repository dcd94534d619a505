/**
 * Compressed data, told by its first bytes and unpacked by the decoder for it.
 * @module
 */
import { KhopError } from '../error.ts';
import { decodeBzip2, isBzip2 } from './bzip2.ts';
import type { Decoded, DecodeRequest, ExpectedSize } from './decoder.ts';
import { decodeGzip, isGzip } from './gzip.ts';
import { decodeLz4, isLz4Frame, isLz4Legacy, measureLz4Legacy } from './lz4.ts';
import { decodeLzmaAlone, isLzmaAlone } from './lzma-alone.ts';
import { decodeLzop, isLzop } from './lzop.ts';
import { decodeXz, isXz, measureXz } from './xz.ts';
import { decodeZstd, isZstd, measureZstd } from './zstd.ts';

/**
 * `lz4` is the legacy frame of `lz4 -l`, the one that the kernel unpacks; `lz4-frame` is what lz4(1) writes
 * without options; `lzo` is the format of lzop(1).
 */
export type Compression = 'gzip' | 'zstd' | 'xz' | 'lz4' | 'lz4-frame' | 'lzma' | 'bzip2' | 'lzo';

interface Codec {
  readonly detect: (bytes: Uint8Array) => boolean;
  readonly decode: (request: DecodeRequest) => Decoded;
  /** The first stream, without decoding it; only where the format tells. */
  readonly measure?: (bytes: Uint8Array) => ExpectedSize;
}

/** lzma has no magic, so it is asked last. */
const CODECS: Readonly<Record<Compression, Codec>> = {
  gzip: { detect: isGzip, decode: decodeGzip },
  zstd: { detect: isZstd, decode: decodeZstd, measure: measureZstd },
  xz: { detect: isXz, decode: decodeXz, measure: measureXz },
  lz4: { detect: isLz4Legacy, decode: decodeLz4, measure: measureLz4Legacy },
  'lz4-frame': { detect: isLz4Frame, decode: decodeLz4 },
  bzip2: { detect: isBzip2, decode: decodeBzip2 },
  lzo: { detect: isLzop, decode: decodeLzop },
  lzma: { detect: isLzmaAlone, decode: decodeLzmaAlone },
};

/** What the bytes begin like, or undefined. */
export function detectCompression(bytes: Uint8Array): Compression | undefined {
  return (Object.keys(CODECS) as Compression[]).find((kind) => CODECS[kind].detect(bytes));
}

/** Of an initramfs of Debian with the formats that tell: 4.4. */
const USUAL_RATIO = 5;

/**
 * What the first stream unpacks to, at most where its format tells, else about and with all that follows. Never throws:
 * what is damaged is found when it is decoded.
 */
export function expectUnpacked(bytes: Uint8Array): ExpectedSize {
  const kind = detectCompression(bytes);
  try {
    const measured = kind === undefined ? undefined : CODECS[kind].measure?.(bytes);
    if (measured !== undefined) return measured;
  } catch (error) {
    if (!(error instanceof KhopError)) throw error;
  }
  return { size: kind === undefined ? 0 : bytes.length * USUAL_RATIO, end: bytes.length };
}

/** Limits and names for `decompress`. */
export interface DecompressOptions {
  /** How errors name the bytes. */
  readonly name: string;
  /** More output than this is an error. */
  readonly maxOutputBytes: number;
  /**
   * `reject` (the default): the data is the whole of `bytes`; several streams count as one, as the format's
   * own tool has it. `allow`: the first stream counts, whatever follows, as the kernel has it: a payload of a
   * kernel image has the size of its output behind it, an initrd its next archive.
   */
  readonly trailing?: 'reject' | 'allow';
}

/** What `decompressFirst` found. */
export interface DecompressedPart extends Decoded {
  readonly compression: Compression;
}

/**
 * The unpacked bytes.
 * @throws E_FORMAT for damaged data or what is not compressed at all, E_UNSUPPORTED for more output than
 * allowed or an option of the format that khop does not handle
 */
export function decompress(bytes: Uint8Array, options: DecompressOptions): Uint8Array {
  const { name, maxOutputBytes, trailing } = options;
  const extent = trailing === 'allow' ? 'first' : 'all';
  return CODECS[requireCompression(bytes, name)].decode({ bytes, name, maxOutputBytes, extent }).bytes;
}

/** The first stream, and how many bytes it took. @throws as `decompress` */
export function decompressFirst(
  bytes: Uint8Array,
  options: Omit<DecompressOptions, 'trailing'>,
): DecompressedPart {
  const compression = requireCompression(bytes, options.name);
  return { compression, ...CODECS[compression].decode({ bytes, ...options, extent: 'first' }) };
}

function requireCompression(bytes: Uint8Array, name: string): Compression {
  const kind = detectCompression(bytes);
  if (kind !== undefined) return kind;
  throw new KhopError('E_FORMAT', `${name}: begins like no kind of compressed data`, {
    hint: 'gzip, zstd, xz, lzma, lz4, bzip2 and lzop files can be unpacked.',
  });
}
