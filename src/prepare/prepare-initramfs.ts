/**
 * The initramfs, packed again so that the new kernel has the least to do with it: not compressed, and without
 * the modules and firmware that this machine does not use.
 * @module
 */
import { readInitramfs, releaseUnpacked } from '../formats/initramfs.ts';
import type { NamedBytes } from '../formats/named-bytes.ts';
import { releaseBytes } from '../formats/release-bytes.ts';
import { forgetCleanPages } from '../machine/clean-pages.ts';
import type { InitramfsNeeds } from '../machine/initramfs-needs.ts';
import type { Reading } from '../machine/reading.ts';
import type { CoveredNeeds } from '../plan/initramfs/covered-needs.ts';
import { mainParts } from '../plan/initramfs/early-archives.ts';
import { type InitramfsPacking, packInitramfs } from '../plan/initramfs/pack-initramfs.ts';
import { type TrimmedInitramfs, trimInitramfs } from '../plan/initramfs/trim-initramfs.ts';
import type { PreparedFile, PreparedRecord } from './prepared-record.ts';

/** For which kernel and start, and how. */
export interface InitramfsWish {
  /** The new kernel's. */
  readonly release: string | undefined;
  /** The new kernel's. */
  readonly commandLine: string;
  readonly runningCommandLine: Reading<string>;
  /** What this machine needs of it; undefined: it shall stay complete, because of `untrimmedBecause`. */
  readonly needs: InitramfsNeeds | undefined;
  readonly untrimmedBecause: string;
  readonly packing: InitramfsPacking;
}

/** What it consists of, and what became of the content. */
export interface PreparedInitramfs {
  readonly pieces: readonly Uint8Array[];
  readonly packing: InitramfsPacking;
  readonly originalBytes: number;
  readonly unpackedBytes: number;
  /** Undefined when it was to stay complete. */
  readonly trimmed: TrimmedInitramfs | undefined;
  readonly untrimmedBecause: string;
  /** Gives back the memory that the pieces are in, as far as it is nobody else's. They have no bytes from then on. */
  readonly release: () => void;
}

/**
 * Undefined without an initrd.
 * @throws E_FORMAT for what the kernel would not unpack; E_UNSUPPORTED for what cannot be packed again
 */
export function prepareInitramfs(
  initrd: NamedBytes | undefined,
  wish: InitramfsWish,
): PreparedInitramfs | undefined {
  if (initrd === undefined) return undefined;
  const content = readInitramfs(initrd.bytes, initrd.name, { onRead: forgetCleanPages });
  const trimmed =
    wish.needs === undefined ? undefined : trimInitramfs(content, { ...wish, needs: wish.needs });
  const entries = trimmed?.entries ?? mainParts(content).flatMap((part) => part.entries);
  const pieces = packInitramfs(initrd, content, entries, wish.packing);
  return {
    pieces,
    packing: wish.packing,
    originalBytes: initrd.bytes.length,
    unpackedBytes: content.unpackedBytes,
    trimmed,
    untrimmedBecause: trimmed?.obstacle ?? wish.untrimmedBecause,
    release: () => {
      releaseUnpacked(content);
      // The first is of the file.
      if (wish.packing !== 'none') for (const piece of pieces.slice(1)) releaseBytes(piece);
    },
  };
}

/** For the record. */
export function describeInitramfs(
  prepared: PreparedInitramfs | undefined,
  written: ReadonlyMap<string, PreparedFile>,
): PreparedRecord['initramfs'] {
  if (prepared === undefined) return null;
  const { packing, originalBytes, unpackedBytes, trimmed, untrimmedBecause } = prepared;
  return {
    file: written.get('initrd.img')!,
    packing,
    originalBytes,
    unpackedBytes,
    trimmed: trimmed?.covered === undefined ? null : summarise(trimmed, trimmed.covered),
    untrimmedBecause: trimmed?.covered === undefined ? untrimmedBecause : null,
  };
}

function summarise({ dropped, kept }: TrimmedInitramfs, covered: CoveredNeeds) {
  const all = [...dropped.modules, ...dropped.firmware];
  return {
    modules: dropped.modules.length,
    firmware: dropped.firmware.length,
    bytes: all.reduce((sum, { bytes }) => sum + bytes, 0),
    hardwareNames: dropped.hardwareNames,
    keptModules: kept.modules.count,
    covered,
  };
}
