/**
 * Segments of an x86-64 kernel that is entered at its 64-bit entry point: the kernel, the initrd, boot_params
 * with the command line behind it, setup_data, the EFI memory map and the stub that starts it all.
 *
 * A kernel with KASLR moves itself to a random address, which its decompressor keeps off the initrd, the
 * command line, boot_params and setup_data, but not off the EFI memory map. It never moves below its load
 * address, so the small parts go below the kernel where there is room, and that is nearly always.
 * @module
 */
import { BOOT_PARAMS_SIZE, encodeBootParams } from '../../formats/boot-params.ts';
import type { MemoryMap } from '../../formats/memory-map.ts';
import { alignUp, type Range, rangeFromSize } from '../../formats/range.ts';
import {
  encodeSetupData,
  encodeSetupDataHeader,
  SETUP_DATA_HEADER_SIZE,
  type SetupDataNode,
  setupDataSize,
} from '../../formats/setup-data.ts';
import type { SegmentLayout, SegmentParts } from '../arch/architecture.ts';
import { appendArguments, checkCommandLine, commandLineBytes } from '../command-line.ts';
import { type CrashHeader, crashHeader } from '../crash-header.ts';
import type { PlannedSegment, ReportRoom } from '../load-plan.ts';
import {
  type CrashReservation,
  type PlacementMemory,
  requireCrashReservation,
  requireMemoryTotal,
} from '../machine-memory.ts';
import { type AddressOf, keptDraft, placeDrafts, type SegmentDraft } from '../segment-drafts.ts';
import { verifySegments } from '../verify-segments.ts';
import { type EfiHandover, planBootParams, planEfiHandover, planSetupData } from './boot-params-plan.ts';
import { ENTRY_STUB_SIZE, entryStub } from './entry-stub.ts';
import { crashMap, handedOverMap, LOW_MEMORY, PAGE_SIZE, x86PlacementMemory } from './memory-map.ts';
import { planScreen } from './screen-handover.ts';

const PAGE = BigInt(PAGE_SIZE);
/** boot_params, setup_data and the rest are read through 32-bit pointers by some paths of old kernels. */
const BELOW_4G = 0xffff_f000n;
/** The kernel's own loader keeps initrds above 16 MiB, out of the way of ISA DMA. */
const INITRD_MINIMUM = 0x100_0000n;

/** The draft of the node whose data come later. */
const REPORT = 'report';

/** loadflags: LOADED_HIGH, the protected-mode kernel lies at 1 MiB or above. */
export const LOADED_HIGH = 1;

/** What is left to say of a kernel once its own format is understood. */
export interface X86Kernel {
  /** Bytes from the load address on. */
  readonly bytes: Uint8Array;
  readonly source: string;
  /** Bytes of memory from the load address on. */
  readonly memorySize: number;
  /** Bytes of it that have to be copied in the jump; undefined: all. */
  readonly copiedSize?: number | undefined;
  readonly alignment: bigint;
  /** Lowest load address for a normal start; a panic kernel runs inside the reservation wherever that is. */
  readonly minimum: bigint;
  /** Of the 64-bit entry, from the load address. */
  readonly entryOffset: bigint;
  /** From 0x1f1, for boot_params. */
  readonly setupHeader: Uint8Array;
  readonly supportsEfiKexec: boolean;
  /** Bytes with the NUL. */
  readonly commandLineLimit: number;
  /** loadflags of the setup header. */
  readonly loadFlags: number;
  /** Picks the load address among free ranges; undefined: the lowest that fits. */
  readonly choosePlace?: ((free: readonly Range[]) => bigint) | undefined;
}

/** Everything that the drafts are made from. */
interface Handover {
  readonly kernel: X86Kernel;
  readonly parts: SegmentParts;
  readonly efi: EfiHandover;
  readonly crash: { readonly reservation: CrashReservation; readonly header: CrashHeader } | undefined;
}

/** @throws E_PLAN when a part does not fit, E_UNREADABLE when memory is not known */
export function planHandover(kernel: X86Kernel, parts: SegmentParts): SegmentLayout {
  const { machine } = parts;
  const efi = planEfiHandover(machine, kernel.supportsEfiKexec);
  const crash =
    parts.slot === 'crash'
      ? { reservation: requireCrashReservation(machine), header: crashHeader(machine, [LOW_MEMORY]) }
      : undefined;
  const handover: Handover = { kernel, parts, efi, crash };
  const memory = memoryFor(handover);
  const placed = placeDrafts(draftsFor(handover), memory, PAGE_SIZE);
  const { addressOf } = placed;
  const report = reportRoomAt(parts, addressOf);
  const segments = placed.segments.filter(({ name }) => name !== REPORT);
  const entry = addressOf('stub');
  const kernelStart = addressOf('kernel');
  const keptFree = [
    { owner: 'kernel', range: rangeFromSize(kernelStart, BigInt(kernel.memorySize)) },
    ...(report === undefined
      ? []
      : [{ owner: REPORT, range: rangeFromSize(report.address, BigInt(report.size)) }]),
  ];
  verifySegments(segments, entry, {
    keptFree,
    allowed: memory.ram,
    forbidden: memory.avoid,
    lowest: LOW_MEMORY.end,
    pageSize: PAGE_SIZE,
    memoryTotal: requireMemoryTotal(machine),
  });
  return {
    segments,
    entry,
    memoryMap: mapFor(handover, addressOf),
    commandLine: commandLineFor(handover, addressOf),
    notes: [...efiNotes(efi), ...planScreen(machine).notes, ...(crash?.header.notes ?? [])],
    optionalFlags: crash?.header.optionalFlags ?? 0,
    keptFree,
    report,
  };
}

function memoryFor({ parts, crash }: Handover): PlacementMemory {
  if (crash !== undefined) return { ram: [crash.reservation.main], avoid: [LOW_MEMORY] };
  return x86PlacementMemory(parts.machine);
}

function efiNotes(efi: EfiHandover): string[] {
  return efi.state === 'lost'
    ? [`EFI is not handed over: ${efi.reason}. EFI variables and MOK keys will be gone.`]
    : [];
}

function mapFor({ parts, crash }: Handover, addressOf: AddressOf): MemoryMap {
  if (crash === undefined) return handedOverMap(parts.machine);
  const start = addressOf('elfcorehdr');
  const header = rangeFromSize(start, BigInt(crash.header.memorySize));
  const kept = (parts.kept ?? []).map(rangeOfSegment);
  return crashMap(parts.machine, crash.reservation, [header, ...kept]);
}

function commandLineFor({ parts, crash }: Handover, addressOf: AddressOf): string {
  if (crash === undefined) return parts.commandLine;
  return appendArguments(parts.commandLine, `elfcorehdr=0x${addressOf('elfcorehdr').toString(16)}`);
}

function nodesFor(handover: Handover, addressOf: AddressOf): SetupDataNode[] {
  const { parts, efi } = handover;
  return planSetupData(mapFor(handover, addressOf), efi, parts.entropy, parts.deviceTree?.bytes);
}

/** In the order of placement. A kernel that goes anywhere must not be the one to split the room for an initrd. */
function draftsFor(handover: Handover): SegmentDraft[] {
  const kernel = kernelDraft(handover);
  const initrd = initrdDrafts(handover);
  return [
    ...crashDrafts(handover),
    ...(handover.kernel.choosePlace === undefined ? [kernel, ...initrd] : [...initrd, kernel]),
    bootParamsDraft(handover),
    ...reportDrafts(handover),
    setupDataDraft(handover),
    ...efiMapDrafts(handover),
    stubDraft(handover),
  ];
}

function lowWish(size: number) {
  return {
    size,
    alignment: PAGE,
    minimum: LOW_MEMORY.end,
    maximum: BELOW_4G,
    direction: 'bottom-up',
  } as const;
}

/** A reservation above 4 GiB (crashkernel=...,high) has no room below it; the 64-bit entry copes. */
function smallWish(handover: Handover, size: number) {
  return handover.crash === undefined ? lowWish(size) : { ...lowWish(size), maximum: undefined };
}

function rangeOfSegment({ address, memorySize }: PlannedSegment): Range {
  return rangeFromSize(address, BigInt(memorySize));
}

function crashDrafts({ parts, crash }: Handover): SegmentDraft[] {
  if (crash === undefined) return [];
  const { header } = crash;
  return [
    ...(parts.kept ?? []).map(keptDraft),
    {
      name: 'elfcorehdr',
      source: header.source,
      wish: () => ({ ...lowWish(header.memorySize), maximum: undefined }),
      bytes: () => header.bytes,
    },
  ];
}

function kernelDraft({ kernel, crash }: Handover): SegmentDraft {
  return {
    name: 'kernel',
    source: kernel.source,
    wish: () => ({
      size: kernel.memorySize,
      alignment: kernel.alignment,
      minimum: crash === undefined && kernel.minimum > LOW_MEMORY.end ? kernel.minimum : LOW_MEMORY.end,
      direction: 'bottom-up',
      choosePlace: kernel.choosePlace,
    }),
    copiedSize: kernel.copiedSize,
    bytes: () => kernel.bytes,
  };
}

function initrdDrafts({ parts: { initrd } }: Handover): SegmentDraft[] {
  if (initrd === undefined || initrd.bytes.length === 0) return [];
  return [
    {
      name: 'initrd',
      source: initrd.name,
      wish: () => ({
        size: initrd.bytes.length,
        alignment: PAGE,
        minimum: INITRD_MINIMUM,
        direction: 'top-down',
      }),
      bytes: () => initrd.bytes,
    },
  ];
}

function bootParamsDraft(handover: Handover): SegmentDraft {
  const { kernel, parts, efi } = handover;
  return {
    name: 'boot-params',
    source: 'boot_params, then the command line at +0x1000',
    wish: (addressOf) => {
      const commandLine = commandLineFor(handover, addressOf);
      checkCommandLine(commandLine, kernel.commandLineLimit, 'the kernel');
      return smallWish(handover, BOOT_PARAMS_SIZE + commandLineBytes(commandLine).length);
    },
    bytes: (addressOf) => {
      const initrdSize = parts.initrd?.bytes.length ?? 0;
      const params = planBootParams(parts.machine, kernel, mapFor(handover, addressOf), efi, {
        commandLine: addressOf('boot-params') + BigInt(BOOT_PARAMS_SIZE),
        initrd: initrdSize > 0 ? addressOf('initrd') : 0n,
        initrdSize,
        setupData: addressOf('setup-data'),
        efiMemoryMap: efi.state === 'handed-over' ? addressOf('efi-map') : 0n,
      });
      return Buffer.concat([encodeBootParams(params), commandLineBytes(commandLineFor(handover, addressOf))]);
    },
  };
}

function setupDataDraft(handover: Handover): SegmentDraft {
  return {
    name: 'setup-data',
    source: 'EFI tables, memory map beyond 128 entries, device tree, seed: what there is of them',
    wish: (addressOf) => smallWish(handover, setupDataSize(nodesFor(handover, addressOf))),
    bytes: (addressOf) =>
      encodeSetupData(
        nodesFor(handover, addressOf),
        addressOf('setup-data'),
        handover.parts.reportRoom === undefined ? 0n : addressOf(REPORT),
      ),
  };
}

/** A place only: its bytes are those of somebody who does not exist yet. */
function reportDrafts(handover: Handover): SegmentDraft[] {
  const { reportRoom } = handover.parts;
  if (reportRoom === undefined) return [];
  return [
    { name: REPORT, source: '', wish: () => smallWish(handover, reportRoom), bytes: () => new Uint8Array(0) },
  ];
}

function reportRoomAt({ reportRoom }: SegmentParts, addressOf: AddressOf): ReportRoom | undefined {
  if (reportRoom === undefined) return undefined;
  const size = Number(alignUp(BigInt(reportRoom), PAGE));
  return {
    address: addressOf(REPORT),
    size,
    header: encodeSetupDataHeader('khopReport', size - SETUP_DATA_HEADER_SIZE),
  };
}

function efiMapDrafts(handover: Handover): SegmentDraft[] {
  const { efi } = handover;
  if (efi.state !== 'handed-over') return [];
  return [
    {
      name: 'efi-map',
      source: '/sys/firmware/efi/runtime-map',
      wish: () => smallWish(handover, efi.memoryMap.length),
      bytes: () => efi.memoryMap,
    },
  ];
}

function stubDraft(handover: Handover): SegmentDraft {
  return {
    name: 'stub',
    source: 'khop’s entry stub',
    wish: () => smallWish(handover, ENTRY_STUB_SIZE),
    bytes: (addressOf) =>
      entryStub(addressOf('stub'), {
        entry: addressOf('kernel') + handover.kernel.entryOffset,
        bootParams: addressOf('boot-params'),
      }),
  };
}
