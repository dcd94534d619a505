/**
 * An initrd as the kernel unpacks it: archives one behind the other, each plain or compressed, zeros between.
 * Documentation/driver-api/early-userspace/buffer-format.rst; init/initramfs.c, unpack_to_rootfs().
 * @module
 */
import { KhopError } from '../error.ts';
import { type Compression, decompress, detectCompression } from './compression.ts';
import { type CpioEntry, isCpio, parseCpio } from './cpio.ts';
import type { NamedBytes } from './named-bytes.ts';

/** What an initrd holds. */
export interface Initramfs {
  readonly entries: readonly CpioEntry[];
  /** Bytes of all files. */
  readonly unpackedBytes: number;
  /** Offsets of plain archives that are not on a multiple of 4: the kernel skips them. */
  readonly misalignedArchives: readonly number[];
  /** Compressions met, in order; `none` for plain archives. */
  readonly compressions: readonly (Compression | 'none')[];
}

const DEFAULT_LIMIT = 2 * 1024 * 1024 * 1024;

/**
 * A compressed part counts to the end: nothing says where it ends, and no tool puts anything behind one.
 * @throws E_FORMAT for what the kernel would not unpack, E_UNSUPPORTED for a compression without a decoder
 */
export function readInitramfs(bytes: Uint8Array, name: string, maxOutputBytes = DEFAULT_LIMIT): Initramfs {
  const entries: CpioEntry[] = [];
  const misalignedArchives: number[] = [];
  const compressions: (Compression | 'none')[] = [];
  let at = skipZeros(bytes, 0);
  while (at < bytes.length) {
    const rest = bytes.subarray(at);
    if (isCpio(rest)) {
      if (at % 4 !== 0) misalignedArchives.push(at);
      const archive = parseCpio(rest);
      entries.push(...archive.entries);
      compressions.push('none');
      at = skipZeros(bytes, at + archive.size);
      continue;
    }
    const kind = detectCompression(rest);
    if (kind === undefined) throw notAnInitramfs(name, at);
    compressions.push(kind);
    const inner = readInitramfs(decompress(rest, { name, maxOutputBytes }), name, maxOutputBytes);
    entries.push(...inner.entries);
    break;
  }
  const unpackedBytes = entries.reduce((sum, entry) => sum + entry.bytes.length, 0);
  return { entries, unpackedBytes, misalignedArchives, compressions };
}

function skipZeros(bytes: Uint8Array, from: number): number {
  let at = from;
  while (at < bytes.length && bytes[at] === 0) at++;
  return at;
}

function notAnInitramfs(name: string, at: number): KhopError {
  return new KhopError(
    'E_FORMAT',
    `${name}: at 0x${at.toString(16)} is neither a cpio archive nor a known compression`,
    {
      hint: 'Build the initrd again (update-initramfs -u, dracut -f, mkinitcpio -P).',
    },
  );
}

/** Several initrds as one; each begins on a multiple of 4, or the kernel would skip a plain archive. */
export function joinInitrds(initrds: readonly NamedBytes[]): NamedBytes | undefined {
  const [first, ...others] = initrds;
  if (first === undefined) return undefined;
  if (others.length === 0) return first;
  const starts: number[] = [];
  let size = 0;
  for (const initrd of initrds) {
    starts.push(size);
    size = Math.ceil((size + initrd.bytes.length) / 4) * 4;
  }
  const bytes = new Uint8Array(size);
  for (const [index, initrd] of initrds.entries()) bytes.set(initrd.bytes, starts[index]);
  return { name: initrds.map((initrd) => initrd.name).join(' + '), path: undefined, bytes };
}
