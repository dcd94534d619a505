/**
 * An arm64 Image for kexec_load. Documentation/arch/arm64/booting.rst; for what a kernel does as a loader:
 * arch/arm64/kernel/kexec_image.c and machine_kexec_file.c.
 * @module
 */
import { KhopError } from '../../error.ts';
import { type Arm64Image, parseArm64Image } from '../../formats/arm64-image.ts';
import type { MemoryMap } from '../../formats/memory-map.ts';
import { alignDown, type Range, rangeFromSize, subtractRanges } from '../../formats/range.ts';
import type { MachineFacts } from '../../machine/facts.ts';
import { valueOf } from '../../machine/reading.ts';
import type { SegmentLayout, SegmentParts } from '../arch/architecture.ts';
import { checkCommandLine } from '../command-line.ts';
import { type CrashHeader, crashHeader } from '../crash-header.ts';
import {
  type CrashReservation,
  type PlacementMemory,
  placementMemory,
  requireCrashReservation,
  requireIomem,
  requireMemoryTotal,
} from '../machine-memory.ts';
import { type AddressOf, keptDraft, placeDrafts, type SegmentDraft } from '../segment-drafts.ts';
import { verifySegments } from '../verify-segments.ts';
import { chosenDeviceTree } from './device-tree.ts';
import { ARM64_STUB_SIZE, arm64EntryStub } from './entry-stub.ts';

/** MIN_KIMG_ALIGN: the image lies text_offset bytes above a multiple of this. */
const IMAGE_ALIGNMENT = 0x20_0000n;
/** booting.rst, 2: the device tree is mapped in one block of this size. */
const DEVICE_TREE_LIMIT = 0x20_0000;
/** booting.rst, 3: initrd and kernel in one window of 32 GiB that starts at a multiple of 1 GiB. */
const WINDOW_ALIGNMENT = 1n << 30n;
const WINDOW_SIZE = 32n << 30n;
/** COMMAND_LINE_SIZE, arch/arm64/include/uapi/asm/setup.h. */
const COMMAND_LINE_SIZE = 2048;
const DEFAULT_PAGE_SIZE = 4096;

/** Everything that the drafts are made from. */
interface Handover {
  readonly image: Arm64Image;
  readonly deviceTree: Uint8Array;
  readonly parts: SegmentParts;
  readonly crash: { readonly reservation: CrashReservation; readonly header: CrashHeader } | undefined;
}

/** Why an Image cannot be placed on this machine; empty when it can. */
export function arm64ImageObstacles(image: Arm64Image, machine: MachineFacts): string[] {
  const obstacles: string[] = [];
  if (image.isBigEndian) obstacles.push('the image is big-endian');
  if (valueOf(machine.cpu.enableMethods)?.includes('spin-table') === true)
    obstacles.push('the CPUs start by spin-table and cannot be taken offline');
  return obstacles;
}

/** @throws E_PLAN when a part does not fit, E_UNREADABLE when memory is not known, E_FORMAT for a part */
export function planArm64Segments(parts: SegmentParts): SegmentLayout {
  const { machine } = parts;
  checkCommandLine(parts.commandLine, COMMAND_LINE_SIZE, 'the kernel');
  const crash =
    parts.slot === 'crash'
      ? { reservation: requireCrashReservation(machine), header: crashHeader(machine, []) }
      : undefined;
  const handover: Handover = {
    image: parseArm64Image(parts.image.kernel.bytes),
    deviceTree: requireDeviceTree(parts),
    parts,
    crash,
  };
  const pageSize = valueOf(machine.pageSize) ?? DEFAULT_PAGE_SIZE;
  const memory = memoryFor(handover);
  const { segments, addressOf } = placeDrafts(draftsFor(handover), memory, pageSize);
  const entry = addressOf('stub');
  verifySegments(segments, entry, {
    allowed: memory.ram,
    forbidden: memory.avoid,
    lowest: 0n,
    pageSize,
    memoryTotal: requireMemoryTotal(machine),
  });
  return {
    segments,
    entry,
    memoryMap: memoryMapFor(handover),
    commandLine: parts.commandLine,
    notes: crash?.header.notes ?? [],
    optionalFlags: crash?.header.optionalFlags ?? 0,
  };
}

function requireDeviceTree({ deviceTree, machine }: SegmentParts): Uint8Array {
  if (deviceTree !== undefined) return deviceTree.bytes;
  const running = valueOf(machine.deviceTree);
  if (running !== undefined) return running;
  throw new KhopError('E_UNREADABLE', `${machine.deviceTree.source} is needed for the new kernel`, {
    hint: 'Run as root, or give a device tree with --dtb.',
  });
}

function memoryFor({ parts, crash }: Handover): PlacementMemory {
  return crash === undefined ? placementMemory(parts.machine) : { ram: [crash.reservation.main], avoid: [] };
}

/** Told through the device tree or EFI, not by khop; this is what the running kernel knows. */
export function arm64MemoryMap(machine: MachineFacts): MemoryMap {
  return requireIomem(machine).flatMap(({ name, start, end }): MemoryMap => {
    if (name === 'System RAM') return [{ start, end, type: 'ram' }];
    return name.toLowerCase() === 'reserved' ? [{ start, end, type: 'reserved' }] : [];
  });
}

function memoryMapFor({ parts, crash }: Handover): MemoryMap {
  if (crash === undefined) return arm64MemoryMap(parts.machine);
  return usableRanges(parts, crash.reservation)
    .map(({ start, end }) => ({ start, end, type: 'ram' as const }))
    .sort((a, b) => (a.start < b.start ? -1 : 1));
}

/**
 * linux,usable-memory-range: the main range first, the low one second (drivers/of/fdt.c). What is kept lies at the end of
 * the main one, so that it stays one.
 */
function usableRanges({ kept }: SegmentParts, { main, low }: CrashReservation): Range[] {
  const own = (kept ?? []).map(({ address, memorySize }) => rangeFromSize(address, BigInt(memorySize)));
  return [...subtractRanges([main], own), ...low];
}

/** In the order of placement. */
function draftsFor(handover: Handover): SegmentDraft[] {
  return [
    ...(handover.crash === undefined ? [] : (handover.parts.kept ?? []).map(keptDraft)),
    kernelDraft(handover),
    ...crashDrafts(handover),
    ...initrdDrafts(handover),
    deviceTreeDraft(handover),
    stubDraft(handover),
  ];
}

/**
 * The segment starts at the multiple of 2 MiB, so that what is before text_offset stays free: kernels before
 * 5.8 have a text_offset, and keep page tables there.
 */
function kernelDraft({ image, parts }: Handover): SegmentDraft {
  const { kernel } = parts.image;
  const offset = Number(image.textOffset);
  return {
    name: 'kernel',
    source: kernel.name,
    wish: () => ({
      size: image.textOffset + image.imageSize,
      alignment: IMAGE_ALIGNMENT,
      minimum: 0n,
      direction: 'bottom-up',
    }),
    bytes: () => (offset === 0 ? kernel.bytes : afterZeros(offset, kernel.bytes)),
  };
}

function afterZeros(count: number, bytes: Uint8Array): Uint8Array {
  const padded = new Uint8Array(count + bytes.length);
  padded.set(bytes, count);
  return padded;
}

/** After the kernel and in its window, which is where early page tables reach. */
function windowWish(addressOf: AddressOf, size: number, alignment: bigint) {
  const kernel = addressOf('kernel');
  const maximum = alignDown(kernel, WINDOW_ALIGNMENT) + WINDOW_SIZE;
  return { size, alignment, minimum: kernel, maximum, direction: 'bottom-up' } as const;
}

function crashDrafts({ crash }: Handover): SegmentDraft[] {
  if (crash === undefined) return [];
  const { header } = crash;
  return [
    {
      name: 'elfcorehdr',
      source: header.source,
      // 64 KiB: the panic kernel may have larger pages than this one.
      wish: (addressOf) => windowWish(addressOf, header.memorySize, 0x1_0000n),
      bytes: () => header.bytes,
    },
  ];
}

function initrdDrafts({ parts: { initrd } }: Handover): SegmentDraft[] {
  if (initrd === undefined || initrd.bytes.length === 0) return [];
  return [
    {
      name: 'initrd',
      source: initrd.name,
      wish: (addressOf) => windowWish(addressOf, initrd.bytes.length, 4096n),
      bytes: () => initrd.bytes,
    },
  ];
}

/** Its size does not depend on the addresses in it, so it can be asked for before they are known. */
function deviceTreeDraft(handover: Handover): SegmentDraft {
  const { parts } = handover;
  return {
    name: 'device-tree',
    source: `${parts.deviceTree?.name ?? parts.machine.deviceTree.source}, with a new /chosen`,
    wish: (addressOf) => {
      const { length } = deviceTreeFor(handover, addressOf);
      if (length > DEVICE_TREE_LIMIT)
        throw new KhopError('E_PLAN', `the device tree has ${length} bytes; the kernel takes 2 MiB`, {
          hint: 'Use a smaller device tree with --dtb.',
        });
      return windowWish(addressOf, length, IMAGE_ALIGNMENT);
    },
    bytes: (addressOf) => deviceTreeFor(handover, addressOf),
  };
}

function deviceTreeFor({ deviceTree, parts, crash }: Handover, addressOf: AddressOf): Uint8Array {
  const initrdSize = BigInt(parts.initrd?.bytes.length ?? 0);
  return chosenDeviceTree(deviceTree, {
    commandLine: parts.commandLine,
    initrd: initrdSize > 0n ? rangeFromSize(addressOf('initrd'), initrdSize) : undefined,
    entropy: parts.entropy,
    crash:
      crash === undefined
        ? undefined
        : {
            elfcorehdr: rangeFromSize(addressOf('elfcorehdr'), BigInt(crash.header.memorySize)),
            usable: usableRanges(parts, crash.reservation),
          },
  });
}

function stubDraft({ image }: Handover): SegmentDraft {
  return {
    name: 'stub',
    source: 'khop’s entry stub',
    wish: (addressOf) => windowWish(addressOf, ARM64_STUB_SIZE, 4096n),
    bytes: (addressOf) =>
      arm64EntryStub({
        entry: addressOf('kernel') + image.textOffset,
        deviceTree: addressOf('device-tree'),
      }),
  };
}
