/**
 * Doing beforehand what would otherwise be done while the machine is down: unpacking the kernel, unpacking the
 * initrd and packing it again so that the new kernel has the least to do.
 * @module
 */
import { createHash } from 'node:crypto';
import { KhopError } from '../error.ts';
import { joinInitrds } from '../formats/initramfs.ts';
import type { NamedBytes } from '../formats/named-bytes.ts';
import { type UnpackedKernel, unpackKernel } from '../formats/unpacked-kernel.ts';
import { readNamedFile } from '../kernels/kernel-files.ts';
import { forgetCleanPages } from '../machine/clean-pages.ts';
import { type UnwrappedImage, unwrapImage } from '../plan/unwrap-image.ts';
import { VERSION } from '../version.ts';
import { makeRoom } from './cache-room.ts';
import { readInitrdFiles } from './initrd-files.ts';
import { attemptPart } from './part-attempt.ts';
import { describeInitramfs, type InitramfsWish, prepareInitramfs, variantOf } from './prepare-initramfs.ts';
import {
  type FileIdentity,
  PREPARED_RECIPE,
  PREPARED_VERSION,
  type PreparedFile,
  type PreparedRecord,
} from './prepared-record.ts';
import { removeSurplus } from './prepared-removal.ts';
import {
  type FileContent,
  findByKey,
  findPrepared,
  identifyFile,
  type PreparedEntry,
  renewPrepared,
  writePrepared,
} from './prepared-store.ts';
import { requireUnchanged } from './source-files.ts';

const DIGEST_STEP = 4 * 1024 * 1024;

/** What preparing needs of the world. */
export interface PrepareWorld {
  readonly cacheFolder: string;
  /** Realtime, ms since 1970. */
  readonly nowMs: () => number;
}

/** Which files, for which start, and how far to go. */
export interface PrepareRequest extends InitramfsWish {
  readonly image: string;
  readonly initrds: readonly string[];
  /** Make it anew even when there is an entry. */
  readonly isForced: boolean;
}

/** An entry, and whether it was there already. */
export interface PrepareOutcome extends PreparedEntry {
  readonly wasThere: boolean;
}

/**
 * Finds the entry for these files as they are now, or makes it.
 * @throws E_NOT_FOUND, E_UNREADABLE, E_FORMAT for files that cannot be read or are no kernel; E_REFUSED when somebody
 *   changes them meanwhile
 */
export function prepareKernel(world: PrepareWorld, request: PrepareRequest): PrepareOutcome {
  const image = identifyFile(request.image);
  const initrds = request.initrds.map(identifyFile);
  const variant = variantOf(request);
  const found = request.isForced ? undefined : findEntry(world, image, initrds, variant);
  if (found !== undefined) return { ...found, wasThere: true };
  const startedMs = world.nowMs();
  const files = { image: readNamedFile(request.image), initrds: readInitrdFiles(request.initrds, false) };
  const key = keyOf([files.image, ...files.initrds], variant);
  const same = request.isForced ? undefined : findByKey(world.cacheFolder, key);
  if (same !== undefined) {
    requireUnchanged([image, ...initrds]);
    return { ...renewPrepared(same, { image, initrds }), wasThere: true };
  }
  const unwrapped = unwrapImage(files.image);
  const kernel = attemptPart(() => unpack(unwrapped));
  const initramfs = attemptPart(() =>
    prepareInitramfs(joinInitrds([...unwrapped.initrds, ...files.initrds]), request),
  );
  const { contents, leftOut } = fitting(
    kernel.value === undefined ? [] : kernelContents(kernel.value),
    initramfs.value === undefined ? [] : [{ name: 'initrd.img', pieces: initramfs.value.pieces }],
    (bytes) => makeRoom(world.cacheFolder, bytes, [image, ...initrds]),
  );
  const recorded = leftOut === undefined ? variant : kernelAlone(variant);
  const entry = writePrepared(world.cacheFolder, contents, (written) => {
    // Nothing is read of them from here on.
    requireUnchanged([image, ...initrds]);
    return {
      version: PREPARED_VERSION,
      recipe: PREPARED_RECIPE,
      key: leftOut === undefined ? key : keyOf([files.image, ...files.initrds], recorded),
      release: request.release ?? null,
      image,
      initrds,
      variant: recorded,
      kernel: describeKernel(kernel.value, written),
      kernelObstacle: kernel.obstacle,
      initramfs: leftOut === undefined ? describeInitramfs(initramfs.value, written) : null,
      initramfsObstacle: leftOut?.obstacle ?? initramfs.obstacle,
      ...(leftOut === undefined ? {} : { leftOutBytes: leftOut.bytes }),
      isLasting: kernel.isLasting && initramfs.isLasting,
      madeBy: VERSION,
      madeAtMs: startedMs,
      tookMs: Math.max(0, world.nowMs() - startedMs),
    };
  });
  removeSurplus(world.cacheFolder, entry);
  return { ...entry, wasThere: false };
}

/** Of an entry whose initramfs is left out: with room for it, there will be another. */
function kernelAlone(variant: string): string {
  return `kernel alone, for want of room; ${variant}`;
}

/** The entry, or as long as there is no room for all of it the one with the kernel alone. */
function findEntry(
  { cacheFolder }: PrepareWorld,
  image: FileIdentity,
  initrds: readonly FileIdentity[],
  variant: string,
): PreparedEntry | undefined {
  const whole = findPrepared(cacheFolder, image, initrds, variant);
  if (whole !== undefined) return whole;
  const alone = findPrepared(cacheFolder, image, initrds, kernelAlone(variant));
  if (alone?.record.leftOutBytes === undefined) return undefined;
  const initramfsObstacle = makeRoom(cacheFolder, alone.record.leftOutBytes);
  if (initramfsObstacle === undefined) return undefined;
  return { ...alone, record: { ...alone.record, initramfsObstacle } };
}

/** What is written of an entry. */
interface Fitting {
  readonly contents: readonly FileContent[];
  /** Why the initramfs is not among it; undefined when there is room for all. */
  readonly leftOut: { readonly obstacle: string; readonly bytes: number } | undefined;
}

/**
 * The unpacked kernel saves the most and takes the least.
 * @param lackOfRoom why so many bytes cannot be kept; undefined when they can
 * @throws E_UNWRITABLE when there is room for neither
 */
function fitting(
  kernel: readonly FileContent[],
  initramfs: readonly FileContent[],
  lackOfRoom: (bytes: number) => string | undefined,
): Fitting {
  const contents = [...kernel, ...initramfs];
  const bytes = sizeOf(contents);
  const obstacle = lackOfRoom(bytes);
  if (obstacle === undefined) return { contents, leftOut: undefined };
  if (kernel.length > 0 && initramfs.length > 0 && lackOfRoom(sizeOf(kernel)) === undefined)
    return { contents: kernel, leftOut: { obstacle, bytes } };
  throw new KhopError('E_UNWRITABLE', `there is no room for what was prepared: ${obstacle}`, {
    hint: 'Free room there, or switch without --fast, which needs no cache.',
  });
}

function sizeOf(contents: readonly FileContent[]): number {
  return contents.flatMap(({ pieces }) => pieces).reduce((sum, { length }) => sum + length, 0);
}

function unpack({ kind, kernel }: UnwrappedImage): UnpackedKernel {
  if (kind === 'bzimage') return unpackKernel(kernel.bytes, kernel.name);
  throw new KhopError(
    'E_UNSUPPORTED',
    `${kernel.name} is no bzImage: there is nothing to unpack beforehand`,
    {
      hint: 'Switch without --fast, or name the bzImage of the same kernel.',
    },
  );
}

function keyOf(files: readonly NamedBytes[], variant: string): string {
  const key = createHash('sha256').update(`khop prepare ${PREPARED_RECIPE} ${variant}\n`);
  for (const { bytes } of files) key.update(digestOf(bytes));
  return key.digest('hex');
}

/** SHA-256. Takes no more of memory than a step where the bytes are of a mapped file. */
function digestOf(bytes: Uint8Array): Uint8Array {
  const digest = createHash('sha256');
  for (let at = 0; at < bytes.length; at += DIGEST_STEP) {
    const step = bytes.subarray(at, at + DIGEST_STEP);
    digest.update(step);
    forgetCleanPages(step);
  }
  return digest.digest();
}

function kernelContents({ image, relocationTable }: UnpackedKernel): FileContent[] {
  return [
    { name: 'kernel.image', pieces: [image] },
    { name: 'kernel.relocations', pieces: [relocationTable] },
  ];
}

function describeKernel(
  kernel: UnpackedKernel | undefined,
  written: ReadonlyMap<string, PreparedFile>,
): PreparedRecord['kernel'] {
  if (kernel === undefined) return null;
  return {
    layout: kernel.layout,
    setupHeader: Buffer.from(kernel.setupHeader).toString('base64'),
    image: written.get('kernel.image')!,
    relocations: written.get('kernel.relocations')!,
  };
}
