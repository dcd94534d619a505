/**
 * The planner's answers for x86-64.
 * @module
 */
import { KhopError } from '../../error.ts';
import { parseBzImage } from '../../formats/bzimage.ts';
import type { UnpackedKernel } from '../../formats/unpacked-kernel.ts';
import type { MachineFacts } from '../../machine/facts.ts';
import { type Reading, valueOf } from '../../machine/reading.ts';
import type { UnwrappedImage } from '../unwrap-image.ts';
import { bzImageKernel, bzImageObstacles } from '../x86-64/bzimage-segments.ts';
import { directKernel, directObstacles } from '../x86-64/direct-kernel.ts';
import { planHandover } from '../x86-64/handover-segments.ts';
import { handedOverMap } from '../x86-64/memory-map.ts';
import { vmlinuxKernel, vmlinuxObstacles } from '../x86-64/vmlinux-segments.ts';
import { planWayHome, wayHomeSize } from '../x86-64/way-home.ts';
import type { ArchitecturePlanner, DirectLayout, SegmentLayout, SegmentParts } from './architecture.ts';

/** arch/x86/kernel/kexec-bzimage64.c always keeps room for `elfcorehdr=0x<64-bit> `. */
const ELFCOREHDR_ROOM = 30;
/** COMMAND_LINE_SIZE, arch/x86/include/asm/setup.h. */
const COMMAND_LINE_SIZE = 2048;

const OTHER_ARCHITECTURE = 'the image is for arm64, and this machine is x86-64';
const NO_KASLR =
  'The kernel is entered without its decompressor: it starts sooner, and its address is not randomised (KASLR).';

function fileObstacles(image: UnwrappedImage): readonly string[] {
  if (image.kind === 'bzimage') return [];
  return image.kind === 'elf' ? ['kexec_file_load takes no vmlinux'] : [OTHER_ARCHITECTURE];
}

function segmentObstacles(image: UnwrappedImage, machine: MachineFacts): readonly string[] {
  if (image.kind === 'bzimage') return bzImageObstacles(parseBzImage(image.kernel.bytes), machine);
  return image.kind === 'elf' ? vmlinuxObstacles(image.kernel, machine) : [OTHER_ARCHITECTURE];
}

function planSegments(parts: SegmentParts): SegmentLayout {
  if (parts.image.kind === 'bzimage')
    return planHandover(bzImageKernel(parts.image.kernel, parts.isKernelHigh), parts);
  const layout = planHandover(vmlinuxKernel(parts.image.kernel), parts);
  return { ...layout, notes: [NO_KASLR, ...layout.notes] };
}

function planDirect(unpacked: UnpackedKernel, parts: SegmentParts): DirectLayout {
  const { kernel, isRandom, note } = directKernel(unpacked, parts.image.kernel.name, parts);
  const layout = planHandover(kernel, parts);
  return {
    layout: { ...layout, notes: [note, ...layout.notes] },
    kaslrOff: isRandom ? undefined : note,
  };
}

function isFiveLevel({ cpu }: MachineFacts): boolean {
  return requireFact(cpu.fiveLevelPaging, 'the paging mode');
}

function requireFact<T>(reading: Reading<T>, what: string): T {
  if (reading.state === 'read') return reading.value;
  throw new KhopError('E_UNREADABLE', `${reading.source} does not tell ${what}`, {
    hint: 'Check that /proc is mounted.',
  });
}

/** x86-64. */
export const X86_64: ArchitecturePlanner = {
  fileObstacles,
  segmentObstacles,
  fileCommandLineLimit: (image) =>
    (image.kind === 'bzimage' ? parseBzImage(image.kernel.bytes).commandLineSize : COMMAND_LINE_SIZE) -
    ELFCOREHDR_ROOM,
  expectedMemoryMap: (machine) => {
    const isKnown = machine.iomem.state === 'read' || valueOf(machine.firmwareMap) !== undefined;
    return isKnown ? handedOverMap(machine) : [];
  },
  planSegments,
  directObstacles,
  planDirect,
  keepHome: {
    size: (plan, machine) => wayHomeSize(plan, isFiveLevel(machine)),
    plan: (plan, region, machine) => ({
      ...planWayHome(plan, region, isFiveLevel(machine)),
      bootProcessor: requireFact(machine.cpu.bootProcessor, 'the boot processor'),
    }),
  },
};
