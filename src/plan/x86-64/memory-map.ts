/**
 * Which memory there is: what the new kernel is told of, and where segments may lie.
 *
 * The firmware's map (/sys/firmware/memmap) is what a boot loader would hand over, so it comes first. A kernel
 * that was given `add_efi_memmap` knows more than the firmware's e820 said; its own view, /proc/iomem, then
 * counts, as it does where there is no CONFIG_FIRMWARE_MEMMAP.
 * @module
 */
import { KhopError } from '../../error.ts';
import type { MemoryMap, MemoryMapEntry, MemoryType } from '../../formats/memory-map.ts';
import type { Range } from '../../formats/range.ts';
import type { IomemEntry, MachineFacts } from '../../machine/facts.ts';
import { valueOf } from '../../machine/reading.ts';
import { hasArgument } from '../command-line.ts';

const IOMEM_TYPES: Readonly<Record<string, MemoryType>> = {
  'System RAM': 'ram',
  Reserved: 'reserved',
  reserved: 'reserved',
  'ACPI Tables': 'acpi',
  'ACPI Non-volatile Storage': 'nvs',
  'Unusable memory': 'unusable',
  'Persistent Memory': 'pmem',
  'Persistent Memory (legacy)': 'pram',
  'Soft Reserved': 'softReserved',
};

/** @throws E_UNREADABLE when neither source can be read */
export function handedOverMap(machine: MachineFacts): MemoryMap {
  const firmware = valueOf(machine.firmwareMap);
  const isExtended = hasArgument(valueOf(machine.commandLine) ?? '', 'add_efi_memmap');
  if (firmware !== undefined && firmware.length > 0 && !isExtended) return firmware;
  return requireIomem(machine).flatMap((entry): MemoryMapEntry[] => {
    const type = IOMEM_TYPES[entry.name];
    return type === undefined ? [] : [{ start: entry.start, end: entry.end, type }];
  });
}

function requireIomem(machine: MachineFacts): readonly IomemEntry[] {
  if (machine.iomem.state === 'read') return machine.iomem.value;
  const why = machine.iomem.state === 'unreadable' ? machine.iomem.reason : 'it does not exist';
  throw new KhopError('E_UNREADABLE', `${machine.iomem.source} is needed to place segments: ${why}`, {
    hint: 'Run as root, or let the kernel place the parts with --method file.',
  });
}

/** Where segments may lie and where not, from the running kernel's own view. */
export interface PlacementMemory {
  readonly ram: readonly Range[];
  readonly avoid: readonly Range[];
}

/** Low memory belongs to firmware and to the CPUs' start-up trampoline. */
const LOW_MEMORY: Range = { start: 0n, end: 0x10_0000n };

/** @throws E_UNREADABLE */
export function placementMemory(machine: MachineFacts): PlacementMemory {
  const top = requireIomem(machine);
  // Hot-plugged memory is named "System RAM (virtio_mem)" or "(kmem)" and may be gone for the next kernel.
  const ram = top.filter((entry) => entry.name === 'System RAM');
  const reserved = ram.flatMap((entry) => entry.children.filter((child) => !isOwnKernel(child)));
  return { ram, avoid: [LOW_MEMORY, ...reserved] };
}

/** The running kernel's own image is free once it is left. */
function isOwnKernel(entry: IomemEntry): boolean {
  return /^Kernel (code|data|rodata|bss)$/.test(entry.name);
}
