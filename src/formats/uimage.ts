/**
 * U-Boot's legacy image: a 64-byte big-endian header, then one file or several.
 * Specification: u-boot include/image.h, struct legacy_img_hdr; doc/mkimage.1.
 * @module
 */
import { crc32 } from 'node:zlib';
import { ByteReader } from './byte-reader.ts';
import { printableText } from './printable-text.ts';

const MAGIC = 0x27051956;
const HEADER_SIZE = 64;
/** ih_type: several files, with a table of their sizes in front. */
const TYPE_MULTI = 4;

/** ih_os, ih_arch, ih_type and ih_comp, as far as a Linux kernel and what goes with it have them. */
const OPERATING_SYSTEMS = new Map([[5, 'linux']]);
const ARCHITECTURES = new Map([
  [2, 'arm'],
  [3, 'x86'],
  [22, 'arm64'],
  [24, 'x86_64'],
  [26, 'riscv'],
]);
const TYPES = new Map([
  [2, 'kernel'],
  [3, 'ramdisk'],
  [TYPE_MULTI, 'multi'],
  [8, 'flat_dt'],
  [14, 'kernel_noload'],
]);
const COMPRESSIONS = new Map([
  [0, 'none'],
  [1, 'gzip'],
  [2, 'bzip2'],
  [3, 'lzma'],
  [4, 'lzo'],
  [5, 'lz4'],
  [6, 'zstd'],
]);

/** A parsed image. Words are mkimage's; a number it has no word for is given as such, e.g. `os 17`. */
export interface Uimage {
  readonly name: string;
  readonly operatingSystem: string;
  readonly architecture: string;
  readonly type: string;
  readonly compression: string;
  /** Physical. */
  readonly loadAddress: bigint;
  readonly entryAddress: bigint;
  /** One, or those of a `multi`: kernel, ramdisk, device tree. Views of the input, still compressed. */
  readonly files: readonly Uint8Array[];
}

export function isUimage(bytes: Uint8Array): boolean {
  return bytes.length >= HEADER_SIZE && new ByteReader(bytes, 'uImage').u32be(0, 'ih_magic') === MAGIC;
}

/** @throws E_FORMAT, also when a checksum is wrong */
export function parseUimage(bytes: Uint8Array): Uimage {
  const reader = new ByteReader(bytes, 'uImage');
  if (!isUimage(bytes)) reader.fail('ih_magic', 0, 'is not 0x27051956, or the header is cut short');
  checkHeader(reader);
  const data = reader.slice(HEADER_SIZE, reader.u32be(12, 'ih_size'), 'ih_size');
  if (crc32(data) !== reader.u32be(24, 'ih_dcrc')) reader.fail('ih_dcrc', 24, 'the data’s checksum is wrong');
  const type = reader.u8(30, 'ih_type');
  const word = (table: ReadonlyMap<number, string>, offset: number, field: string) => {
    const value = reader.u8(offset, field);
    return table.get(value) ?? `${field.slice(3)} ${value}`;
  };
  return {
    loadAddress: BigInt(reader.u32be(16, 'ih_load')),
    entryAddress: BigInt(reader.u32be(20, 'ih_ep')),
    operatingSystem: word(OPERATING_SYSTEMS, 28, 'ih_os'),
    architecture: word(ARCHITECTURES, 29, 'ih_arch'),
    type: word(TYPES, 30, 'ih_type'),
    compression: word(COMPRESSIONS, 31, 'ih_comp'),
    name: printableText(reader.text(32, 32, 'ih_name')),
    files: type === TYPE_MULTI ? splitFiles(data) : [data],
  };
}

/** ih_hcrc covers the header with itself as zero. */
function checkHeader(reader: ByteReader): void {
  // Not slice(): on a Buffer that is a view, and the caller's bytes would change.
  const header = Uint8Array.from(reader.slice(0, HEADER_SIZE, 'header'));
  header.fill(0, 4, 8);
  if (crc32(header) !== reader.u32be(4, 'ih_hcrc'))
    reader.fail('ih_hcrc', 4, 'the header’s checksum is wrong');
}

/** Sizes up to a zero, then the files, each padded to 4. */
function splitFiles(data: Uint8Array): Uint8Array[] {
  const reader = new ByteReader(data, 'uImage');
  const sizes: number[] = [];
  for (;;) {
    const size = reader.u32be(sizes.length * 4, 'size of a part');
    if (size === 0) break;
    sizes.push(size);
  }
  let at = (sizes.length + 1) * 4;
  return sizes.map((size) => {
    const file = reader.slice(at, size, 'part');
    at += Math.ceil(size / 4) * 4;
    return file;
  });
}
