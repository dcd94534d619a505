/**
 * An initrd as the kernel unpacks it: archives one behind the other, each plain or compressed, zeros between.
 * Documentation/driver-api/early-userspace/buffer-format.rst; init/initramfs.c, unpack_to_rootfs() and the
 * states below write_buffer().
 * @module
 */
import { KhopError } from '../error.ts';
import {
  type Compression,
  type DecompressedPart,
  decompressFirst,
  detectCompression,
} from './compression.ts';
import { type CpioEntry, isCpio, parseCpio } from './cpio.ts';
import { joinBytes } from './join-bytes.ts';
import type { NamedBytes, NamedPieces } from './named-bytes.ts';
import { releaseBytes } from './release-bytes.ts';

/** One archive, or one compressed run of archives, with the offset it has in the initrd. */
export interface InitramfsPart {
  readonly offset: number;
  /** Bytes in the initrd, without the zeros behind it. */
  readonly size: number;
  readonly compression: Compression | 'none';
  readonly entries: readonly CpioEntry[];
}

/** What an initrd holds. */
export interface Initramfs {
  /** In order; a later file of the same name replaces an earlier one. */
  readonly parts: readonly InitramfsPart[];
  /** Those of all parts. */
  readonly entries: readonly CpioEntry[];
  /** What the files take in memory when unpacked: whole pages, hard links once. */
  readonly unpackedBytes: number;
  /**
   * Offsets of parts that the kernel does not reach: archives that are not on a multiple of 4, and whatever
   * is so behind a plain archive. It stops there, and starts with what it has.
   */
  readonly misalignedArchives: readonly number[];
  /** The first archive is the early one that the boot processor's microcode is taken from. */
  readonly hasMicrocode: boolean;
}

const DEFAULT_LIMIT = 2 * 1024 * 1024 * 1024;
const PAGE_SIZE = 4096;
/** arch/x86/kernel/cpu/microcode: found by name in the first archive, which has to be plain. */
const MICROCODE_FOLDER = 'kernel/x86/microcode/';

/** How an initrd is read. */
export interface InitramfsReading {
  /** What all compressed parts together may unpack to. */
  readonly maxOutputBytes?: number;
  /** Called with bytes of the initrd that were read, and will not be looked at for a while. */
  readonly onRead?: ((read: Uint8Array) => void) | undefined;
}

/** @throws E_FORMAT for what the kernel would not unpack, E_UNSUPPORTED for more output than allowed */
export function readInitramfs(
  bytes: Uint8Array,
  name: string,
  { maxOutputBytes = DEFAULT_LIMIT, onRead }: InitramfsReading = {},
): Initramfs {
  const parts: InitramfsPart[] = [];
  const misalignedArchives: number[] = [];
  let room = maxOutputBytes;
  for (let at = skipZeros(bytes, 0); at < bytes.length; ) {
    const isPlain = isCpio(bytes.subarray(at));
    const isBehindPlain = parts.at(-1)?.compression === 'none';
    const read = isPlain ? readPlain(bytes, at, name, onRead) : readCompressed(bytes, at, name, room);
    if ((at % 4 !== 0 && (isPlain || isBehindPlain)) || read.isMisaligned) misalignedArchives.push(at);
    room -= read.unpackedSize;
    parts.push(read.part);
    onRead?.(bytes.subarray(at, at + read.part.size));
    at = skipZeros(bytes, at + read.part.size);
  }
  const entries = parts.flatMap((part) => part.entries);
  const first = parts[0];
  return {
    parts,
    entries,
    unpackedBytes: memoryOf(entries),
    misalignedArchives,
    hasMicrocode:
      first?.compression === 'none' && first.entries.some((entry) => entry.name.startsWith(MICROCODE_FOLDER)),
  };
}

/**
 * Frees what the compressed parts were unpacked to, now and not when the garbage collector thinks of it: whoever has read
 * an initrd often needs the memory next. Their entries have no bytes any longer.
 */
export function releaseUnpacked({ parts }: Initramfs): void {
  for (const { compression, entries } of parts)
    if (compression !== 'none') for (const { bytes } of entries) releaseBytes(bytes);
}

interface ReadPart {
  readonly part: InitramfsPart;
  readonly unpackedSize: number;
  /** An archive inside it is not on a multiple of 4. */
  readonly isMisaligned: boolean;
}

function readPlain(
  bytes: Uint8Array,
  offset: number,
  name: string,
  onRead: InitramfsReading['onRead'],
): ReadPart {
  const { entries, size } = named(name, () => parseCpio(bytes.subarray(offset), onRead));
  return { part: { offset, size, compression: 'none', entries }, unpackedSize: 0, isMisaligned: false };
}

/** One stream: whatever follows it is the next part. It has to end with an archive's trailer, or zeros. */
function readCompressed(bytes: Uint8Array, offset: number, name: string, room: number): ReadPart {
  const packed = bytes.subarray(offset);
  if (detectCompression(packed) === undefined)
    throw refusal(name, offset, 'is neither a cpio archive nor a known compression');
  const unpacked = decompressFirst(packed, { name, maxOutputBytes: room });
  requireKernelCanUnpack(packed, unpacked, name, offset);
  const entries: CpioEntry[] = [];
  let isMisaligned = false;
  for (let at = skipZeros(unpacked.bytes, 0); at < unpacked.bytes.length; ) {
    const rest = unpacked.bytes.subarray(at);
    if (!isCpio(rest))
      throw refusal(name, offset, `unpacks to something else than archives at 0x${at.toString(16)}`);
    if (at % 4 !== 0) isMisaligned = true;
    const archive = named(name, () => parseCpio(rest));
    for (const entry of archive.entries) entries.push(entry);
    at = skipZeros(unpacked.bytes, at + archive.size);
  }
  const { compression, consumed } = unpacked;
  return {
    part: { offset, size: consumed, compression, entries },
    unpackedSize: unpacked.bytes.length,
    isMisaligned,
  };
}

/** lib/decompress.c knows no LZ4 frames, and its xz decoder is built for CRC32 alone. */
function requireKernelCanUnpack(
  packed: Uint8Array,
  part: DecompressedPart,
  name: string,
  offset: number,
): void {
  if (part.compression === 'lz4-frame')
    throw refusal(name, offset, 'is an LZ4 frame, which the kernel does not unpack', 'Pack it with lz4 -l.');
  const XZ_CHECK = 7;
  if (part.compression === 'xz' && packed[XZ_CHECK]! > 1)
    throw refusal(
      name,
      offset,
      'is xz with another check than CRC32, which the kernel does not unpack',
      'Pack it with xz --check=crc32.',
    );
}

/** Where the next part begins: the kernel passes over zeros. */
export function skipZeros(bytes: Uint8Array, from: number): number {
  let at = from;
  while (at < bytes.length && bytes[at] === 0) at++;
  return at;
}

/** Pages of a tmpfs or ramfs: each path once, with its last contents. */
function memoryOf(entries: readonly CpioEntry[]): number {
  const pages = new Map<string, number>();
  for (const { name, bytes, hardLinkTo } of entries)
    pages.set(name, hardLinkTo === undefined ? Math.ceil(bytes.length / PAGE_SIZE) : 0);
  return pages.values().reduce((sum, count) => sum + count, 0) * PAGE_SIZE;
}

/** The name in front of what a parser says, which does not know it. */
function named<T>(name: string, parse: () => T): T {
  try {
    return parse();
  } catch (error) {
    if (!(error instanceof KhopError)) throw error;
    throw new KhopError(error.code, `${name}: ${error.message}`, { hint: error.hint, cause: error });
  }
}

function refusal(name: string, at: number, problem: string, hint?: string): KhopError {
  return new KhopError('E_FORMAT', `${name}: at 0x${at.toString(16)} ${problem}`, {
    hint: hint ?? 'Build the initrd again (update-initramfs -u, dracut -f, mkinitcpio -P).',
  });
}

/**
 * Several initrds as one; each begins on a multiple of 4, or the kernel would skip a plain archive.
 * @param last what comes behind them
 */
export function joinInitrds(
  initrds: readonly NamedBytes[],
  last: readonly NamedPieces[] = [],
): NamedBytes | undefined {
  const [first] = initrds;
  if (last.length === 0 && initrds.length < 2) return first;
  const all = [...initrds.map(({ name, bytes }) => ({ name, pieces: [bytes] })), ...last];
  const joined = all.flatMap(({ pieces }) => {
    const size = pieces.reduce((sum, { length }) => sum + length, 0);
    return [...pieces, new Uint8Array(Math.ceil(size / 4) * 4 - size)];
  });
  return { name: all.map(({ name }) => name).join(' + '), path: undefined, bytes: joinBytes(joined) };
}
