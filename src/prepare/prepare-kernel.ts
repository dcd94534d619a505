/**
 * Doing beforehand what would otherwise be done while the machine is down: unpacking the kernel, unpacking the
 * initrd and packing it again so that the new kernel has the least to do.
 * @module
 */
import { createHash } from 'node:crypto';
import { KhopError } from '../error.ts';
import { joinInitrds } from '../formats/initramfs.ts';
import type { NamedBytes } from '../formats/named-bytes.ts';
import { releaseBytes } from '../formats/release-bytes.ts';
import { type UnpackedKernel, unpackKernel } from '../formats/unpacked-kernel.ts';
import { readNamedFile } from '../kernels/kernel-files.ts';
import { forgetCleanPages } from '../machine/clean-pages.ts';
import type { Reading } from '../machine/reading.ts';
import { lackOfMemory } from '../plan/unpacking-memory.ts';
import { type UnwrappedImage, unwrapImage } from '../plan/unwrap-image.ts';
import { VERSION } from '../version.ts';
import { makeRoom } from './cache-room.ts';
import { fittingContents, initramfsMemory, kernelMemory } from './fitting.ts';
import { exactPurpose, type InitramfsPurpose, variantOf } from './initramfs-purpose.ts';
import { readInitrdFiles } from './initrd-files.ts';
import { attemptPart, type PartAttempt } from './part-attempt.ts';
import {
  describeInitramfs,
  type InitramfsWish,
  type PreparedInitramfs,
  prepareInitramfs,
} from './prepare-initramfs.ts';
import {
  PREPARED_RECIPE,
  PREPARED_VERSION,
  type PreparedFile,
  type PreparedRecord,
} from './prepared-record.ts';
import { removeSurplus } from './prepared-removal.ts';
import {
  type FileContent,
  findByContent,
  findPrepared,
  identifyFile,
  type PreparedEntry,
  renewPrepared,
  writePrepared,
} from './prepared-store.ts';
import { requireUnchanged } from './source-files.ts';

/** As obstacles name it. */
const PREPARING = 'preparing it';
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
  /** What this machine has free; where it does not say, nothing is left out because of it. */
  readonly memoryAvailableBytes: Reading<bigint>;
}

/** An entry, and whether it was there already. */
export interface PrepareOutcome extends PreparedEntry {
  readonly wasThere: boolean;
}

/**
 * Finds the entry for these files as they are now, or makes it.
 * @throws E_NOT_FOUND, E_UNREADABLE, E_FORMAT for files that cannot be read or are no kernel; E_REFUSED when somebody
 *   changes them meanwhile; E_REFUSED, E_UNWRITABLE when there is no room for any of it, in memory or on the disk
 */
export function prepareKernel(world: PrepareWorld, request: PrepareRequest): PrepareOutcome {
  const image = identifyFile(request.image);
  const initrds = request.initrds.map(identifyFile);
  const purpose = { variant: variantOf(request), needs: request.needs };
  const find = (made: FindPrepared) =>
    request.isForced ? undefined : findEntry(world, made, purpose, request);
  const found = find((served) => findPrepared(world.cacheFolder, image, initrds, served));
  if (found !== undefined) return { ...found, wasThere: true };
  const startedMs = world.nowMs();
  const files = { image: readNamedFile(request.image), initrds: readInitrdFiles(request.initrds, false) };
  const content = contentOf([files.image, ...files.initrds]);
  const same = find((served) => findByContent(world.cacheFolder, content, served));
  if (same !== undefined) {
    requireUnchanged([image, ...initrds]);
    return { ...renewPrepared(same, { image, initrds }), wasThere: true };
  }
  const unwrapped = unwrapImage(files.image);
  const initrd = joinInitrds([...unwrapped.initrds, ...files.initrds]);
  const lack = (bytes: number) => lackOfMemory(PREPARING, bytes, request.memoryAvailableBytes);
  requireMemory(lack(kernelMemory(unwrapped)));
  const kernel = attemptPart(() => unpack(unwrapped));
  const memoryBytes = initramfsMemory(initrd, kernel.value, request.packing);
  const memoryObstacle = lack(memoryBytes);
  if (kernel.value === undefined) requireMemory(memoryObstacle);
  const initramfs =
    memoryObstacle === undefined
      ? attemptPart(() => prepareInitramfs(initrd, request))
      : missing(memoryObstacle);
  using _memory = released(kernel.value, initramfs.value);
  const fitting = fittingContents(
    kernel.value === undefined ? [] : kernelContents(kernel.value),
    initramfs.value === undefined ? [] : [{ name: 'initrd.img', pieces: initramfs.value.pieces }],
    (bytes) => makeRoom(world.cacheFolder, bytes, [image, ...initrds]),
  );
  const leftOut = memoryObstacle === undefined ? fitting.leftOut : { obstacle: memoryObstacle, diskBytes: 0 };
  const variant = leftOut === undefined ? purpose.variant : kernelAlone(purpose.variant);
  const entry = writePrepared(world.cacheFolder, fitting.contents, (written) => {
    // Nothing is read of them from here on.
    requireUnchanged([image, ...initrds]);
    return {
      version: PREPARED_VERSION,
      recipe: PREPARED_RECIPE,
      key: keyOf(content, leftOut === undefined ? exactPurpose(purpose) : variant),
      content,
      release: request.release ?? null,
      image,
      initrds,
      variant,
      kernel: describeKernel(kernel.value, written),
      kernelObstacle: kernel.obstacle,
      initramfs: leftOut === undefined ? describeInitramfs(initramfs.value, written) : null,
      initramfsObstacle: leftOut?.obstacle ?? initramfs.obstacle,
      ...(leftOut === undefined ? {} : { leftOut: { diskBytes: leftOut.diskBytes, memoryBytes } }),
      isLasting: kernel.isLasting && initramfs.isLasting,
      madeBy: VERSION,
      madeAtMs: startedMs,
      tookMs: Math.max(0, world.nowMs() - startedMs),
    };
  });
  removeSurplus(world.cacheFolder, { entry, needs: request.needs });
  return { ...entry, wasThere: false };
}

/** Of an entry whose initramfs is left out, whatever the machine needs of one: with room for it, there will be another. */
function kernelAlone(variant: string): string {
  return `kernel alone, for want of room; ${variant}`;
}

/** Looks for an entry that serves a purpose. */
type FindPrepared = (purpose: InitramfsPurpose) => PreparedEntry | undefined;

/** The entry, or as long as there is no room for all of it the one with the kernel alone. */
function findEntry(
  { cacheFolder }: PrepareWorld,
  find: FindPrepared,
  purpose: InitramfsPurpose,
  { memoryAvailableBytes }: Pick<PrepareRequest, 'memoryAvailableBytes'>,
): PreparedEntry | undefined {
  const whole = find(purpose);
  if (whole !== undefined) return whole;
  const variant = kernelAlone(purpose.variant);
  const alone = find({ ...purpose, variant });
  if (alone?.record.leftOut === undefined) return undefined;
  const { memoryBytes, diskBytes } = alone.record.leftOut;
  const initramfsObstacle =
    lackOfMemory(PREPARING, memoryBytes, memoryAvailableBytes) ?? makeRoom(cacheFolder, diskBytes);
  if (initramfsObstacle === undefined) return undefined;
  return { ...alone, record: { ...alone.record, initramfsObstacle } };
}

/** The entry is found only as long as there is no room for more, so what it lacks lasts. */
function missing(obstacle: string): PartAttempt<never> {
  return { value: undefined, obstacle, isLasting: true };
}

/** @throws E_REFUSED */
function requireMemory(obstacle: string | undefined): void {
  if (obstacle === undefined) return;
  throw new KhopError('E_REFUSED', `the kernel is not prepared: ${obstacle}`, {
    hint: 'Stop what uses memory, or switch without --fast.',
  });
}

/** Gives back what they are in when they are written: to be looked at or loaded, they are mapped. */
function released(kernel: UnpackedKernel | undefined, initramfs: PreparedInitramfs | undefined): Disposable {
  return {
    [Symbol.dispose]: () => {
      if (kernel !== undefined) releaseBytes(kernel.image);
      initramfs?.release();
    },
  };
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

/** Of the files, in their order. */
function contentOf(files: readonly NamedBytes[]): string {
  const content = createHash('sha256');
  for (const { bytes } of files) content.update(digestOf(bytes));
  return content.digest('hex');
}

function keyOf(content: string, purpose: string): string {
  return createHash('sha256').update(`khop prepare ${PREPARED_RECIPE} ${purpose}\n${content}`).digest('hex');
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
