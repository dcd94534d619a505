/**
 * An uncompressed x86-64 kernel (vmlinux) for kexec_load: entered directly, without the decompressor that a
 * bzImage starts with. That saves its time, and loses what it does: placing the kernel at random (KASLR) and
 * the set-up of memory encryption.
 *
 * startup_64 (arch/x86/kernel/head_64.S) works out where it runs, so the image may lie at any multiple of
 * 2 MiB; what counts is that its segments keep their distances. A few of them have a virtual address of 0
 * (per-CPU data before Linux 6.15), so only physical addresses are used.
 * @module
 */
import { KhopError } from '../../error.ts';
import { ELF_MACHINES, type ElfFile, type LoadSegment, loadSegments, parseElf } from '../../formats/elf.ts';
import type { NamedBytes } from '../../formats/named-bytes.ts';
import { alignDown, alignUp } from '../../formats/range.ts';
import type { MachineFacts } from '../../machine/facts.ts';
import { valueOf } from '../../machine/reading.ts';
import { handoverObstacles } from './bzimage-segments.ts';
import { LOADED_HIGH, type X86Kernel } from './handover-segments.ts';

/** PMD_SIZE: __startup_64 refuses, by a silent loop, to run from anything else. */
const ALIGNMENT = 0x20_0000n;
/** KERNEL_IMAGE_SIZE with CONFIG_RANDOMIZE_BASE: no kernel is larger, with all its memory. */
const LARGEST_KERNEL = 1n << 30n;
/** COMMAND_LINE_SIZE, arch/x86/include/asm/setup.h. */
const COMMAND_LINE_SIZE = 2048;
const LOWEST_KERNEL_ADDRESS = 0xffff_ffff_8000_0000n;

/** Why a vmlinux cannot be entered from this machine; empty when it can. */
export function vmlinuxObstacles(file: NamedBytes, machine: MachineFacts): string[] {
  const elf = parseElf(file.bytes);
  if (elf.machine !== ELF_MACHINES.x86_64) return [`the ELF file is for machine ${elf.machine}, not x86-64`];
  const obstacles: string[] = [];
  if (valueOf(machine.cpu.fiveLevelPaging) === true)
    obstacles.push('five-level paging is on, and an ELF file does not say whether it can be entered with it');
  const guest = valueOf(machine.confidentialGuest);
  if (guest !== undefined)
    obstacles.push(
      `a confidential guest (${guest}) needs the decompressor’s set-up, which an ELF file lacks`,
    );
  return [...obstacles, ...handoverObstacles(machine)];
}

/** What the hand-over needs of a vmlinux. @throws E_FORMAT, E_UNSUPPORTED */
export function vmlinuxKernel(file: NamedBytes): X86Kernel {
  const elf = parseElf(file.bytes);
  const loads = loadSegments(elf);
  const { start, end } = extentOf(loads, file.name);
  const memorySize = Number(alignUp(end - start, 4096n));
  return {
    bytes: flattenSegments(loads, start),
    source: file.name,
    memorySize,
    alignment: ALIGNMENT,
    minimum: start,
    entryOffset: physicalEntry(elf, loads, file.name) - start,
    setupHeader: setupHeaderFor(start, memorySize),
    // SETUP_EFI is known since Linux 3.14, and nothing older is met as a 64-bit vmlinux today.
    supportsEfiKexec: true,
    commandLineLimit: COMMAND_LINE_SIZE,
    loadFlags: LOADED_HIGH,
  };
}

function refuse(name: string, problem: string): never {
  throw new KhopError('E_FORMAT', `${name}: ${problem}`, {
    hint: 'Name the vmlinux of a kernel build, or a bzImage.',
  });
}

/** From the lowest segment, rounded down to what the kernel is aligned to, to the end of the highest. */
function extentOf(loads: readonly LoadSegment[], name: string): { start: bigint; end: bigint } {
  const [first, last] = [loads[0], loads.at(-1)];
  if (first === undefined || last === undefined) refuse(name, 'the ELF file has nothing to load');
  const start = alignDown(first.physicalAddress, ALIGNMENT);
  const end = last.physicalAddress + last.memorySize;
  if (end - start > LARGEST_KERNEL) refuse(name, `${end - start} bytes of memory are more than a kernel has`);
  return { start, end };
}

/** The segments at their distances, zeros between; what is zero at the end stays out. */
function flattenSegments(loads: readonly LoadSegment[], start: bigint): Uint8Array {
  const last = loads.at(-1)!;
  const bytes = new Uint8Array(Number(last.physicalAddress - start) + last.bytes.length);
  for (const load of loads) bytes.set(load.bytes, Number(load.physicalAddress - start));
  return bytes;
}

/** e_entry is physical in a linked vmlinux (phys_startup_64); a virtual one is brought down. */
function physicalEntry(elf: ElfFile, loads: readonly LoadSegment[], name: string): bigint {
  const entry = elf.entry >= LOWEST_KERNEL_ADDRESS ? elf.entry - LOWEST_KERNEL_ADDRESS : elf.entry;
  const isInBytes = loads.some(
    ({ physicalAddress, bytes }) =>
      entry >= physicalAddress && entry < physicalAddress + BigInt(bytes.length),
  );
  return isInBytes ? entry : refuse(name, `the entry 0x${elf.entry.toString(16)} is in no loaded segment`);
}

/**
 * The header that the boot sector of a bzImage would have brought, from 0x1f1: Documentation/arch/x86/boot.rst,
 * protocol 2.15. root_flags is 1, as the build sets it, or the root would be mounted writable at once.
 */
function setupHeaderFor(prefAddress: bigint, initSize: number): Uint8Array {
  const bytes = new Uint8Array(0x26c - 0x1f1);
  const view = new DataView(bytes.buffer, 0);
  const at = (offset: number): number => offset - 0x1f1;
  view.setUint16(at(0x1f2), 1, true); // root_flags
  view.setUint16(at(0x1fa), 0xffff, true); // vid_mode: normal
  view.setUint16(at(0x1fe), 0xaa55, true); // boot_flag
  view.setUint16(at(0x200), 0x6aeb, true); // jump over the header: eb 6a
  bytes.set(Buffer.from('HdrS', 'latin1'), at(0x202));
  view.setUint16(at(0x206), 0x020f, true); // version
  view.setUint32(at(0x22c), 0x7fff_ffff, true); // initrd_addr_max
  view.setUint32(at(0x230), Number(ALIGNMENT), true); // kernel_alignment
  view.setUint8(at(0x234), 1); // relocatable_kernel
  view.setUint8(at(0x235), 21); // min_alignment: 2 MiB
  view.setUint16(at(0x236), 0x3, true); // xloadflags: KERNEL_64, CAN_BE_LOADED_ABOVE_4G
  view.setUint32(at(0x238), COMMAND_LINE_SIZE - 1, true); // cmdline_size
  view.setBigUint64(at(0x258), prefAddress, true); // pref_address
  view.setUint32(at(0x260), initSize, true); // init_size
  return bytes;
}
