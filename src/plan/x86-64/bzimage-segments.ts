/**
 * Segments of a bzImage for kexec_load: sizes first, then places, then bytes.
 * @module
 */
import { KhopError } from '../../error.ts';
import { BOOT_PARAMS_SIZE, encodeBootParams } from '../../formats/boot-params.ts';
import { type BzImage, ENTRY64_OFFSET, parseBzImage } from '../../formats/bzimage.ts';
import type { MemoryMap } from '../../formats/memory-map.ts';
import type { NamedBytes } from '../../formats/named-bytes.ts';
import { alignUp } from '../../formats/range.ts';
import { encodeSetupData, setupDataSize } from '../../formats/setup-data.ts';
import type { MachineFacts } from '../../machine/facts.ts';
import { valueOf } from '../../machine/reading.ts';
import { checkCommandLine, commandLineBytes } from '../command-line.ts';
import type { PlannedSegment } from '../load-plan.ts';
import { freeRanges, type PlacementWish, placeAll } from '../placement.ts';
import { verifySegments } from '../verify-segments.ts';
import { findRsdp, planBootParams, planEfiHandover, planSetupData } from './boot-params-plan.ts';
import { ENTRY_STUB_SIZE, entryStub } from './entry-stub.ts';
import { handedOverMap, placementMemory } from './memory-map.ts';

const PAGE = 4096n;
/** The kernel's own loader keeps initrds above 16 MiB, out of the way of ISA DMA. */
const INITRD_MINIMUM = 0x100_0000n;

/** What goes in. */
export interface BzImageParts {
  readonly kernel: NamedBytes;
  readonly initrd: NamedBytes | undefined;
  readonly commandLine: string;
  readonly deviceTree: Uint8Array | undefined;
  readonly machine: MachineFacts;
  readonly entropy: Uint8Array;
}

/** What comes out: verified segments, the entry, the map handed over and what is lost. */
export interface SegmentLayout {
  readonly segments: readonly PlannedSegment[];
  readonly entry: bigint;
  readonly memoryMap: MemoryMap;
  readonly notes: readonly string[];
}

/** Why a bzImage cannot be entered at its 64-bit entry from this machine; empty when it can. */
export function bzImageObstacles(image: BzImage, machine: MachineFacts): string[] {
  const obstacles: string[] = [];
  if (!image.xloadFlags.isKernel64) obstacles.push('the image has no 64-bit entry point (XLF_KERNEL_64)');
  if (!image.isRelocatable) obstacles.push('the image is not relocatable');
  if (valueOf(machine.cpu.fiveLevelPaging) === true && !image.xloadFlags.supportsFiveLevelPaging)
    obstacles.push('five-level paging is on, and the image cannot be entered with it (XLF_5LEVEL)');
  // Without EFI the kernel finds the table itself, in low memory.
  if (machine.efi.state !== 'absent' && findRsdp(machine) === 0n)
    obstacles.push(
      'the ACPI tables cannot be found for the new kernel (no RSDP in boot_params or EFI’s systab)',
    );
  return obstacles;
}

/** @throws E_PLAN when a part does not fit, E_UNREADABLE when memory is not known, E_FORMAT for the image */
export function planBzImageSegments(parts: BzImageParts): SegmentLayout {
  const image = parseBzImage(parts.kernel.bytes);
  const { machine } = parts;
  checkCommandLine(parts.commandLine, image.commandLineSize + 1, 'the kernel');
  const memoryMap = handedOverMap(machine);
  const efi = planEfiHandover(machine, image.xloadFlags.supportsEfiKexec);
  const nodes = planSetupData(memoryMap, efi, parts.entropy, parts.deviceTree);
  const commandLine = commandLineBytes(parts.commandLine);
  const memory = placementMemory(machine);
  const sizes = {
    kernel: image.initSize,
    initrd: parts.initrd?.bytes.length ?? 0,
    handover: BOOT_PARAMS_SIZE + commandLine.length,
    'setup-data': setupDataSize(nodes),
    'efi-map': efi.state === 'handed-over' ? efi.memoryMap.length : 0,
    stub: ENTRY_STUB_SIZE,
  };
  const placed = placeAll(freeRanges(memory.ram, memory.avoid), wishesFor(image, sizes));
  const startOf = (name: string) => placed.get(name)?.start ?? 0n;
  const bootParamsAt = startOf('handover');
  const bootParams = encodeBootParams(
    planBootParams(machine, image.setupHeader, memoryMap, efi, {
      commandLine: bootParamsAt + BigInt(BOOT_PARAMS_SIZE),
      initrd: startOf('initrd'),
      initrdSize: sizes.initrd,
      setupData: startOf('setup-data'),
      efiMemoryMap: startOf('efi-map'),
    }),
  );
  const stubAt = startOf('stub');
  const contents: Record<string, { bytes: Uint8Array; source: string; name: string }> = {
    kernel: { name: 'kernel', bytes: image.protectedModeKernel, source: parts.kernel.name },
    initrd: {
      name: 'initrd',
      bytes: parts.initrd?.bytes ?? new Uint8Array(0),
      source: parts.initrd?.name ?? '',
    },
    handover: {
      name: 'boot-params',
      bytes: Buffer.concat([bootParams, commandLine]),
      source: 'boot_params, then the command line at +0x1000',
    },
    'setup-data': {
      name: 'setup-data',
      bytes: encodeSetupData(nodes, startOf('setup-data')),
      source: nodes.map((node) => node.type).join(', '),
    },
    'efi-map': {
      name: 'efi-map',
      bytes: efi.state === 'handed-over' ? efi.memoryMap : new Uint8Array(0),
      source: '/sys/firmware/efi/runtime-map',
    },
    stub: {
      name: 'stub',
      bytes: entryStub(stubAt, { entry: startOf('kernel') + ENTRY64_OFFSET, bootParams: bootParamsAt }),
      source: 'khop’s entry stub',
    },
  };
  const segments = [...placed]
    .map(
      ([name, range]): PlannedSegment => ({
        ...contents[name]!,
        address: range.start,
        memorySize: Number(range.end - range.start),
      }),
    )
    .sort((a, b) => (a.address < b.address ? -1 : 1));
  verifySegments(segments, stubAt, {
    allowed: memory.ram,
    forbidden: memory.avoid,
    lowest: 0x10_0000n,
    pageSize: Number(PAGE),
    memoryTotal: requireMemoryTotal(machine),
  });
  const notes =
    efi.state === 'lost'
      ? [`EFI is not handed over: ${efi.reason}. EFI variables and MOK keys will be gone.`]
      : [];
  return { segments, entry: stubAt, memoryMap, notes };
}

function wishesFor(image: BzImage, sizes: Readonly<Record<string, number>>): PlacementWish[] {
  const wish = (name: string, over: Partial<PlacementWish>): PlacementWish => ({
    name,
    size: alignUp(BigInt(sizes[name]!), PAGE),
    alignment: PAGE,
    minimum: 0x10_0000n,
    direction: 'bottom-up',
    ...over,
  });
  const minimum = image.prefAddress > 0x10_0000n ? image.prefAddress : 0x10_0000n;
  return [
    wish('kernel', { alignment: image.kernelAlignment > PAGE ? image.kernelAlignment : PAGE, minimum }),
    wish('initrd', { minimum: INITRD_MINIMUM, direction: 'top-down' }),
    wish('handover', { maximum: 0xffff_f000n }),
    wish('setup-data', { maximum: 0xffff_f000n }),
    wish('efi-map', { maximum: 0xffff_f000n }),
    wish('stub', { maximum: 0xffff_f000n }),
  ].filter((each) => each.size > 0n);
}

function requireMemoryTotal(machine: MachineFacts): bigint {
  const total = valueOf(machine.memoryTotalBytes);
  if (total !== undefined) return total;
  throw new KhopError('E_UNREADABLE', `${machine.memoryTotalBytes.source} cannot be read`, {
    hint: 'Check that /proc is mounted.',
  });
}
