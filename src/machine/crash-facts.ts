/**
 * What the header of a crash dump is made from: where CPUs leave their registers, where VMCOREINFO is, and how
 * the running kernel maps its memory. Documentation/ABI/testing/sysfs-devices-system-cpu, sysfs-kernel-vmcoreinfo.
 * @module
 */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { type Range, rangeFromInclusive } from '../formats/range.ts';
import type { CpuCrashNotes, CrashFacts, KernelMapping } from './facts.ts';
import { readCoreRanges } from './kernel-core.ts';
import type { Reading } from './reading.ts';
import { firstPresent, linesOf, mapReading, readNames, readText } from './source.ts';

const CPU_FOLDER = '/sys/devices/system/cpu';
/** p_paddr of what has no place in physical memory, fs/proc/kcore.c. */
const NO_PHYSICAL_ADDRESS = (1n << 64n) - 1n;

/** Reads the sources of a dump's header below `root`. */
export function readCrashFacts(root: string): CrashFacts {
  const kcore = mapReading(readCoreRanges(root), (ranges) =>
    ranges
      .filter(({ physicalAddress }) => physicalAddress !== NO_PHYSICAL_ADDRESS)
      .map(({ virtualAddress, physicalAddress, size }) => ({ virtualAddress, physicalAddress, size })),
  );
  return {
    cpuNotes: readCpuNotes(root),
    vmcoreinfo: mapReading(readText(root, '/sys/kernel/vmcoreinfo'), parseVmcoreinfo),
    kernelText: mapReading(kcore, kernelText),
    directMapBase: mapReading(kcore, directMapBase),
    cmaRanges: mapReading(
      firstPresent(
        readText(root, '/sys/kernel/kexec/crash_cma_ranges'),
        readText(root, '/sys/kernel/kexec_crash_cma_ranges'),
      ),
      parseCmaRanges,
    ),
  };
}

/** crash_notes is hexadecimal without 0x, crash_notes_size decimal (drivers/base/cpu.c). */
function readCpuNotes(root: string): Reading<readonly CpuCrashNotes[]> {
  return mapReading(readNames(root, CPU_FOLDER), (names) => {
    const notes: CpuCrashNotes[] = [];
    for (const name of names.filter((each) => /^cpu\d+$/.test(each))) {
      const address = readText(root, `${CPU_FOLDER}/${name}/crash_notes`);
      const size = readText(root, `${CPU_FOLDER}/${name}/crash_notes_size`);
      if (address.state !== 'read' || size.state !== 'read') return undefined;
      if (!/^[0-9a-f]+$/.test(address.value) || !/^\d+$/.test(size.value)) return undefined;
      notes.push({
        cpu: Number(name.slice('cpu'.length)),
        address: BigInt(`0x${address.value}`),
        size: BigInt(size.value),
      });
    }
    return notes.length === 0 ? undefined : notes.sort((a, b) => a.cpu - b.cpu);
  });
}

/** `0x0000000009d8d000 1024`, both hexadecimal (kernel/ksysfs.c). Zero means that nothing may be told. */
function parseVmcoreinfo(text: string): { address: bigint; size: bigint } | undefined {
  const match = /^(?:0x)?([0-9a-f]+) (?:0x)?([0-9a-f]+)$/.exec(text);
  if (match === null) return undefined;
  const [address, size] = [BigInt(`0x${match[1]}`), BigInt(`0x${match[2]}`)];
  return address === 0n || size === 0n ? undefined : { address, size };
}

/** One inclusive range a line, hexadecimal. */
function parseCmaRanges(text: string): readonly Range[] | undefined {
  const matches = linesOf(text).map((line) => /^([0-9a-f]+)-([0-9a-f]+)$/.exec(line));
  return matches.every((match) => match !== null)
    ? matches.map((match) => rangeFromInclusive(BigInt(`0x${match[1]}`), BigInt(`0x${match[2]}`)))
    : undefined;
}

/** The image is mapped above everything else, on x86-64 and on arm64. */
function kernelText(mappings: readonly KernelMapping[]): KernelMapping | undefined {
  const highest = mappings.reduce<KernelMapping | undefined>(
    (best, each) => (best === undefined || each.virtualAddress > best.virtualAddress ? each : best),
    undefined,
  );
  const others = mappings.filter((each) => each !== highest);
  return others.length === 0 ? undefined : highest;
}

/** All RAM is mapped with one distance; undefined when it is not. */
function directMapBase(mappings: readonly KernelMapping[]): bigint | undefined {
  const text = kernelText(mappings);
  const distances = new Set(
    mappings.filter((each) => each !== text).map((each) => each.virtualAddress - each.physicalAddress),
  );
  const [only] = distances;
  return distances.size === 1 ? only : undefined;
}

/** The memory of a kernel that crashed, as an ELF dump; only a panic kernel has it. */
export function crashedMemoryPath(root: string): string {
  return join(root, 'proc/vmcore');
}

/** Whether this is a panic kernel. */
export function hasCrashedMemory(root: string): boolean {
  return existsSync(crashedMemoryPath(root));
}
