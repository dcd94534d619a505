/**
 * What a load takes of memory, and whether that is there. A fast switch chooses by it and the preflight judges by it,
 * so that nothing is chosen only to be refused.
 * @module
 */
import { parseArm64Image } from '../formats/arm64-image.ts';
import { parseBzImage } from '../formats/bzimage.ts';
import { identifyImage } from '../formats/image-kind.ts';
import type { NamedBytes } from '../formats/named-bytes.ts';
import { commandLineValue, hasArgument } from './command-line.ts';
import type { KexecSlot, LoadPlan } from './load-plan.ts';

/**
 * With kexec_file_load: command line, boot_params, setup_data, EFI map, device tree, stub, never more than this together.
 * With kexec_load: the kernel's lists of the pages of a load, and its tables for the jump.
 */
const SMALL_PARTS_BYTES = 4 * 1024 * 1024;
/** Who takes more than this part of what is available leaves little for the rest. */
const AMPLE_PART = 0.8;
/** The same for an initrd, packed and unpacked, while the new kernel has nothing else to do. */
const AMPLE_UNPACKING_PART = 0.7;

/** Bytes. */
export interface LoadMemory {
  /** Of all segments together: kernel/kexec_core.c, sanity_check_segment_list(), allows half of RAM. */
  readonly segmentBytes: number;
  /** What has to be available until the load is made. */
  readonly neededBytes: number;
}

/** `scarce`: it is there, and little is left for the rest. */
export type Room = 'ample' | 'scarce' | 'none';

/** @param heldBytes how much memory bytes of the plan take in this process, which has them until the load is made */
export function loadMemoryOf(plan: LoadPlan, heldBytes: (bytes: Uint8Array) => number): LoadMemory {
  if (plan.method === 'segments') {
    const segmentBytes = sumOf(plan.segments.map(({ memorySize }) => memorySize));
    const held = sumOf(plan.segments.map(({ bytes }) => heldBytes(bytes)));
    return { segmentBytes, neededBytes: copiedBytes(plan.slot, segmentBytes) + held + SMALL_PARTS_BYTES };
  }
  const { image, initrd, slot } = plan;
  const files = initrd === undefined ? [image] : [image, initrd];
  const held = sumOf(files.map((file) => heldBytes(file.bytes) + handedOverBytes(file)));
  const { segmentBytes, neededBytes } = fileLoadMemory(
    {
      imageBytes: image.bytes.length,
      memoryBytes: memoryWhereItRuns(image),
      initrdBytes: initrd?.bytes.length ?? 0,
    },
    slot,
  );
  return { segmentBytes, neededBytes: neededBytes + held };
}

/** What the kernel takes for a kexec_file_load: it reads the files as a whole before it copies them. */
export function fileLoadMemory(
  sizes: { readonly imageBytes: number; readonly memoryBytes: number; readonly initrdBytes: number },
  slot: KexecSlot,
): LoadMemory {
  const segmentBytes = sizes.memoryBytes + sizes.initrdBytes + SMALL_PARTS_BYTES;
  const read = sizes.imageBytes + sizes.initrdBytes;
  return { segmentBytes, neededBytes: read + copiedBytes(slot, segmentBytes) };
}

/** A panic kernel's copy lies in memory that was reserved at boot. */
function copiedBytes(slot: KexecSlot, segmentBytes: number): number {
  return slot === 'crash' ? 0 : segmentBytes;
}

function sumOf(sizes: readonly number[]): number {
  return sizes.reduce((sum, size) => sum + size, 0);
}

/** What is in no file is given to the kernel as one in memory. */
function handedOverBytes({ path, bytes }: NamedBytes): number {
  return path === undefined ? bytes.length : 0;
}

/** init_size of a bzImage, image_size of an arm64 Image. */
function memoryWhereItRuns({ bytes }: NamedBytes): number {
  switch (identifyImage(bytes)) {
    case 'bzimage':
      return parseBzImage(bytes).initSize;
    case 'arm64-image':
      return Number(parseArm64Image(bytes).imageSize);
    default:
      return bytes.length;
  }
}

/** Whether a load that needs so much has it. */
export function roomFor(neededBytes: number, availableBytes: number): Room {
  if (neededBytes > availableBytes) return 'none';
  return neededBytes > availableBytes * AMPLE_PART ? 'scarce' : 'ample';
}

/** What of RAM the new kernel needs for its initrd, and what it has. */
export interface UnpackingRoom {
  readonly neededBytes: number;
  readonly limitBytes: number;
  readonly room: Room;
}

/**
 * Without root= the unpacked initrd lives on a tmpfs of half of RAM, with it on a ramfs without limit
 * (init/do_mounts.c init_rootfs()); initramfs_options= changes the former since 6.18.
 */
export function unpackingRoom(
  initrd: { readonly packedBytes: number; readonly unpackedBytes: number },
  totalBytes: number,
  commandLine: string,
): UnpackingRoom {
  const isLimited =
    commandLineValue(commandLine, 'root') === undefined && !hasArgument(commandLine, 'initramfs_options');
  const both = initrd.packedBytes + initrd.unpackedBytes;
  const limitBytes = isLimited ? totalBytes / 2 : totalBytes;
  const neededBytes = isLimited ? initrd.unpackedBytes : both;
  if (neededBytes > limitBytes) return { neededBytes, limitBytes, room: 'none' };
  return { neededBytes, limitBytes, room: both > totalBytes * AMPLE_UNPACKING_PART ? 'scarce' : 'ample' };
}
