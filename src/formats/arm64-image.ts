/**
 * The arm64 kernel image and its EFI wrapper. Documentation/arch/arm64/booting.rst, 4; the wrapper:
 * drivers/firmware/efi/libstub/zboot-header.S.
 * @module
 */
import { ByteReader } from './byte-reader.ts';
import { printableText } from './printable-text.ts';

/** The 64-byte header. */
export interface Arm64Image {
  /** Bytes from a 2 MiB boundary at which the image wants to lie. */
  readonly textOffset: bigint;
  /** Bytes of memory the kernel needs. */
  readonly imageSize: bigint;
  readonly isBigEndian: boolean;
  /** Bytes of a page; undefined where the header does not say. */
  readonly pageSize: number | undefined;
  /** Whether it may lie anywhere; otherwise near the start of RAM. */
  readonly canBeAnywhere: boolean;
}

const MAGIC_OFFSET = 0x38;
const MAGIC = 0x644d5241; // "ARM\x64"
const PAGE_SIZES = [undefined, 4096, 16384, 65536] as const;

export function isArm64Image(bytes: Uint8Array): boolean {
  return bytes.length >= 64 && new ByteReader(bytes, 'arm64 Image').u32(MAGIC_OFFSET, 'magic') === MAGIC;
}

/** @throws E_FORMAT, also for an image_size of 0 (before Linux 3.17) */
export function parseArm64Image(bytes: Uint8Array): Arm64Image {
  const reader = new ByteReader(bytes, 'arm64 Image');
  if (!isArm64Image(bytes)) reader.fail('magic', MAGIC_OFFSET, 'is not "ARM\\x64"');
  const imageSize = reader.u64(16, 'image_size');
  if (imageSize === 0n || imageSize > 1n << 32n) reader.fail('image_size', 16, `${imageSize} is absurd`);
  if (imageSize < BigInt(bytes.length)) reader.fail('image_size', 16, 'is less than the file');
  const flags = reader.u64(24, 'flags');
  return {
    textOffset: reader.u64(8, 'text_offset'),
    imageSize,
    isBigEndian: (flags & 1n) !== 0n,
    pageSize: PAGE_SIZES[Number((flags >> 1n) & 3n)],
    canBeAnywhere: (flags & 8n) !== 0n,
  };
}

/** EFI zboot: a PE that unpacks the image in it. */
export interface ZbootImage {
  /** `gzip`, `zstd`, `xz`, `lz4`, ... */
  readonly compression: string;
  readonly payload: Uint8Array;
}

/** `MZ`, then `zimg` at offset 4. */
export function isZboot(bytes: Uint8Array): boolean {
  return (
    bytes.length >= 0x40 &&
    bytes[0] === 0x4d &&
    bytes[1] === 0x5a &&
    Buffer.from(bytes.subarray(4, 8)).toString('latin1') === 'zimg'
  );
}

/** @throws E_FORMAT */
export function parseZboot(bytes: Uint8Array): ZbootImage {
  const reader = new ByteReader(bytes, 'EFI zboot image');
  if (!isZboot(bytes)) reader.fail('magic', 4, 'is not "zimg"');
  return {
    payload: reader.slice(reader.u32(8, 'payload offset'), reader.u32(12, 'payload size'), 'payload'),
    compression: printableText(reader.text(0x18, 32, 'compression type')),
  };
}
