/**
 * What the header of a crash dump is made from: where CPUs leave their registers, where VMCOREINFO is, and how
 * the running kernel maps its memory. Documentation/ABI/testing/sysfs-devices-system-cpu, sysfs-kernel-vmcoreinfo.
 * @module
 */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { KhopError } from '../error.ts';
import { parseElf, SEGMENT_TYPES } from '../formats/elf.ts';
import { type Range, rangeFromInclusive } from '../formats/range.ts';
import type { CpuCrashNotes, CrashFacts, KernelMapping } from './facts.ts';
import { readLockdown } from './kexec-state.ts';
import { type Reading, valueOf } from './reading.ts';
import { firstPresent, linesOf, mapReading, readDeviceBytes, readNames, readText } from './source.ts';

const CPU_FOLDER = '/sys/devices/system/cpu';
/** More program headers than any machine has ranges of memory: 56 bytes each. */
const KCORE_HEADER_BYTES = 256 * 1024;
/** p_paddr of what has no place in physical memory, fs/proc/kcore.c. */
const NO_PHYSICAL_ADDRESS = (1n << 64n) - 1n;

/** Reads the sources of a dump's header below `root`. */
export function readCrashFacts(root: string): CrashFacts {
  const kcore = readKcoreMappings(root);
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

/**
 * The program headers of /proc/kcore that have a physical address: RAM, and the kernel's image. Under
 * lockdown=confidentiality it is not tried: the kernel would say so in its log, each time.
 */
function readKcoreMappings(root: string): Reading<readonly KernelMapping[]> {
  if (valueOf(readLockdown(root)) === 'confidentiality')
    return { state: 'unreadable', source: '/proc/kcore', reason: 'lockdown=confidentiality hides it' };
  const header = readDeviceBytes(root, '/proc/kcore', 0, KCORE_HEADER_BYTES);
  return mapReading(header, (bytes) => {
    try {
      return parseElf(bytes)
        .programHeaders.filter(
          ({ type, physicalAddress }) =>
            type === SEGMENT_TYPES.load && physicalAddress !== NO_PHYSICAL_ADDRESS,
        )
        .map(({ virtualAddress, physicalAddress, memorySize }) => ({
          virtualAddress,
          physicalAddress,
          size: memorySize,
        }));
    } catch (error) {
      if (error instanceof KhopError) return undefined;
      throw error;
    }
  });
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
