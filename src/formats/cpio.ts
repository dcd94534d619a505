/**
 * cpio "newc" archives, as initramfs images are made of them.
 * Documentation/driver-api/early-userspace/buffer-format.rst; header fields are 8 hex digits each.
 * @module
 */
import { ByteReader } from './byte-reader.ts';

/** One file of an archive. */
export interface CpioEntry {
  /** Without a leading slash. */
  readonly name: string;
  /** st_mode: type and permissions. */
  readonly mode: number;
  readonly modifiedAt: number;
  readonly deviceMajor: number;
  readonly deviceMinor: number;
  /** Contents; the target of a symbolic link. A view of the input. */
  readonly bytes: Uint8Array;
}

const HEADER_SIZE = 110;
const TRAILER = 'TRAILER!!!';
const NAME_LIMIT = 4096;

/** Whether an archive begins here: magic 070701, or 070702 with checksums. */
export function isCpio(bytes: Uint8Array): boolean {
  return /^07070[12]$/.test(Buffer.from(bytes.subarray(0, 6)).toString('latin1'));
}

/** Entries of one archive, up to its trailer. */
export interface CpioArchive {
  readonly entries: readonly CpioEntry[];
  /** Bytes up to the end of the trailer, without what pads it. */
  readonly size: number;
}

/** @throws E_FORMAT when a header is damaged or the archive ends without its trailer */
export function parseCpio(bytes: Uint8Array): CpioArchive {
  const reader = new ByteReader(bytes, 'cpio archive');
  const entries: CpioEntry[] = [];
  for (let at = 0; ; ) {
    if (!isCpio(bytes.subarray(at))) reader.fail('c_magic', at, 'is neither 070701 nor 070702');
    const field = (index: number, name: string) => readHex(reader, at + 6 + index * 8, name);
    const fileSize = field(6, 'c_filesize');
    const nameSize = field(11, 'c_namesize');
    if (nameSize < 1 || nameSize > NAME_LIMIT) reader.fail('c_namesize', at + 94, `${nameSize} is absurd`);
    const name = Buffer.from(reader.slice(at + HEADER_SIZE, nameSize - 1, 'name')).toString('utf8');
    const dataAt = align4(at + HEADER_SIZE + nameSize);
    if (name === TRAILER) return { entries, size: Math.min(dataAt, bytes.length) };
    entries.push({
      name: name.replace(/^\.?\/+/, ''),
      mode: field(1, 'c_mode'),
      modifiedAt: field(5, 'c_mtime'),
      deviceMajor: field(9, 'c_rdevmajor'),
      deviceMinor: field(10, 'c_rdevminor'),
      bytes: reader.slice(dataAt, fileSize, `data of ${name}`),
    });
    at = align4(dataAt + fileSize);
  }
}

function readHex(reader: ByteReader, at: number, field: string): number {
  const text = Buffer.from(reader.slice(at, 8, field)).toString('latin1');
  if (!/^[0-9A-Fa-f]{8}$/.test(text)) reader.fail(field, at, 'is not 8 hex digits');
  return Number.parseInt(text, 16);
}

function align4(value: number): number {
  return Math.ceil(value / 4) * 4;
}
