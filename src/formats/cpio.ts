/**
 * cpio archives of the "newc" kind, as initramfs images are made of them.
 * Documentation/driver-api/early-userspace/buffer-format.rst; init/initramfs.c for what the kernel makes of
 * hard links and checksums. A header is 6 digits of magic and 13 fields of 8 hex digits:
 *
 *     0 ino   1 mode   2 uid   3 gid   4 nlink   5 mtime   6 filesize   7 major   8 minor
 *     9 rmajor   10 rminor   11 namesize   12 check
 *
 * The name follows, with its NUL or several, then zeros to a multiple of 4, the data, and zeros again.
 * @module
 */
import { ByteReader } from './byte-reader.ts';

/** One file of an archive. */
export interface CpioEntry {
  /** Without a leading slash or `./`. */
  readonly name: string;
  /** st_mode: type and permissions. */
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  /** Seconds since 1970. */
  readonly modifiedAt: number;
  /** Of a device node. */
  readonly deviceMajor: number;
  readonly deviceMinor: number;
  /** Contents; the target of a symbolic link. A view of the input. All names of one file have the same. */
  readonly bytes: Uint8Array;
  /** The first name of the same file, when this is another one. */
  readonly hardLinkTo: string | undefined;
}

export const CPIO_HEADER_SIZE = 110;
export const CPIO_TRAILER = 'TRAILER!!!';
const MAGIC = '070701';
const MAGIC_WITH_CHECKSUM = '070702';
const FIELD_WIDTH = 8;
/** PATH_MAX: the kernel passes over longer names. */
const NAME_LIMIT = 4096;
/** How much is read before anybody is told. */
const READ_STEP = 4 * 1024 * 1024;
const FILE_TYPE = 0o170000;
const REGULAR_FILE = 0o100000;

/** Whether an archive begins here: magic 070701, or 070702 with checksums. */
export function isCpio(bytes: Uint8Array): boolean {
  const magic = magicOf(bytes, 0);
  return magic === MAGIC || magic === MAGIC_WITH_CHECKSUM;
}

function magicOf(bytes: Uint8Array, at: number): string {
  return String.fromCharCode(...bytes.subarray(at, at + MAGIC.length));
}

/** Entries of one archive, up to its trailer. */
export interface CpioArchive {
  readonly entries: readonly CpioEntry[];
  /** Bytes up to the end of the trailer, without what pads it. */
  readonly size: number;
}

/**
 * @param onRead called from time to time with the bytes that were read since the last time
 * @throws E_FORMAT when a header is damaged or the archive ends without its trailer
 */
export function parseCpio(bytes: Uint8Array, onRead?: (read: Uint8Array) => void): CpioArchive {
  const reader = new ByteReader(bytes, 'cpio archive');
  const members: Member[] = [];
  for (let at = 0, told = 0; ; ) {
    if (at - told >= READ_STEP) {
      onRead?.(bytes.subarray(told, at));
      told = at;
    }
    const member = readMember(reader, at);
    // The trailer's padding may be cut off with the file.
    if (member.entry.name === CPIO_TRAILER)
      return { entries: joinHardLinks(members), size: Math.min(member.end, bytes.length) };
    members.push(member);
    at = member.end;
  }
}

/** An entry with what tells that another one is the same file. */
interface Member {
  readonly entry: CpioEntry;
  /** Undefined when the file has one name. */
  readonly linkKey: string | undefined;
  readonly end: number;
}

function readMember(reader: ByteReader, at: number): Member {
  const magic = magicOf(reader.slice(at, MAGIC.length, 'c_magic'), 0);
  if (magic !== MAGIC && magic !== MAGIC_WITH_CHECKSUM) failMagic(reader, at, magic);
  const field = (index: number, name: string) =>
    readHex(reader, at + MAGIC.length + index * FIELD_WIDTH, name);
  const mode = field(1, 'c_mode');
  const nameSize = field(11, 'c_namesize');
  if (nameSize < 1 || nameSize > NAME_LIMIT) reader.fail('c_namesize', at + 94, `${nameSize} is absurd`);
  if (reader.u8(at + CPIO_HEADER_SIZE + nameSize - 1, 'name') !== 0)
    reader.fail('name', at + CPIO_HEADER_SIZE, 'does not end with a NUL');
  const path = textBeforeNul(reader.slice(at + CPIO_HEADER_SIZE, nameSize, 'name'));
  const dataAt = align4(at + CPIO_HEADER_SIZE + nameSize);
  const isTrailer = path === CPIO_TRAILER;
  const data = isTrailer ? new Uint8Array() : reader.slice(dataAt, field(6, 'c_filesize'), `data of ${path}`);
  const isRegular = (mode & FILE_TYPE) === REGULAR_FILE;
  if (magic === MAGIC_WITH_CHECKSUM && isRegular && sumOf(data) !== field(12, 'c_check'))
    reader.fail('c_check', at + 102, `does not match the data of ${path}`);
  const entry: CpioEntry = {
    name: path.replace(/^\.?\/+/, ''),
    mode,
    uid: field(2, 'c_uid'),
    gid: field(3, 'c_gid'),
    modifiedAt: field(5, 'c_mtime'),
    deviceMajor: field(9, 'c_rmajor'),
    deviceMinor: field(10, 'c_rminor'),
    bytes: data,
    hardLinkTo: undefined,
  };
  const linkKey =
    isRegular && field(4, 'c_nlink') >= 2
      ? `${field(7, 'c_major')} ${field(8, 'c_minor')} ${field(0, 'c_ino')}`
      : undefined;
  return { entry, linkKey, end: align4(dataAt + data.length) };
}

/** As the kernel reads it: dracut's own cpio fills names up with more of them, so that data begin with a page. */
function textBeforeNul(bytes: Uint8Array): string {
  return Buffer.from(bytes.subarray(0, bytes.indexOf(0))).toString('utf8');
}

function failMagic(reader: ByteReader, at: number, magic: string): never {
  const known =
    magic === '070707' ? 'is of the old kind, which the kernel does not unpack (use -H newc)' : undefined;
  reader.fail('c_magic', at, known ?? 'is neither 070701 nor 070702');
}

/**
 * Names of one file: same device, inode number and type, and more than one link. Only one of them has the
 * data, by custom the last; all get it here, because all have it once unpacked.
 */
function joinHardLinks(members: readonly Member[]): CpioEntry[] {
  const files = new Map<string, { firstName: string; bytes: Uint8Array }>();
  for (const { entry, linkKey } of members) {
    if (linkKey === undefined) continue;
    const known = files.get(linkKey);
    if (known === undefined) files.set(linkKey, { firstName: entry.name, bytes: entry.bytes });
    else if (entry.bytes.length > 0) known.bytes = entry.bytes;
  }
  return members.map(({ entry, linkKey }) => {
    const file = linkKey === undefined ? undefined : files.get(linkKey);
    if (file === undefined) return entry;
    return {
      ...entry,
      bytes: file.bytes,
      hardLinkTo: file.firstName === entry.name ? undefined : file.firstName,
    };
  });
}

/** 070702: the sum of all bytes, modulo 2^32. */
function sumOf(data: Uint8Array): number {
  let sum = 0;
  for (const byte of data) sum = (sum + byte) >>> 0;
  return sum;
}

function readHex(reader: ByteReader, at: number, field: string): number {
  const text = String.fromCharCode(...reader.slice(at, FIELD_WIDTH, field));
  if (!/^[0-9A-Fa-f]{8}$/.test(text)) reader.fail(field, at, 'is not 8 hex digits');
  return Number.parseInt(text, 16);
}

function align4(value: number): number {
  return Math.ceil(value / 4) * 4;
}
