/**
 * What `kexec -d -l -c` of kexec-tools prints, and how a plan of khop compares to it.
 * @module
 */
import assert from 'node:assert/strict';
import { E820_TYPES, type MemoryMapEntry, type MemoryType } from '../../src/formats/memory-map.ts';
import { rangeFromInclusive } from '../../src/formats/range.ts';

/** One segment as kexec_load gets it. */
export interface KexecToolsSegment {
  readonly bufferSize: number;
  readonly address: bigint;
  readonly memorySize: number;
}

/** The parts of the output that say what is loaded. */
export interface KexecDebugOutput {
  readonly entry: bigint;
  readonly flags: number;
  readonly segments: readonly KexecToolsSegment[];
  /** "E820 memmap": what the new kernel is told. */
  readonly memoryMap: readonly MemoryMapEntry[];
  readonly kernelAddress: bigint;
  readonly initrd: { readonly address: bigint; readonly size: number } | undefined;
  readonly bootParamsAddress: bigint;
}

const TYPE_NAMES = new Map<number, MemoryType>(
  Object.entries(E820_TYPES).map(([name, number]) => [number, name as MemoryType]),
);

function wanted(text: string, pattern: RegExp): readonly string[] {
  const match = pattern.exec(text);
  assert.ok(match !== null, `kexec-tools printed nothing like ${pattern}`);
  return match.slice(1);
}

/** `text` is standard output and error, in any order. */
export function parseKexecDebugOutput(text: string): KexecDebugOutput {
  const [entry, flags] = wanted(text, /^kexec_load: entry = (0x[0-9a-f]+) flags = (0x[0-9a-f]+)$/m);
  const [count] = wanted(text, /^nr_segments = (\d+)$/m);
  const segments = Array.from({ length: Number(count) }, (_none, index) => {
    const field = (name: string) =>
      wanted(text, new RegExp(`^segment\\[${index}\\]\\.${name} +=? *= (0x[0-9a-f]+|0)$`, 'm'))[0]!;
    return {
      bufferSize: Number(field('bufsz')),
      address: BigInt(field('mem')),
      memorySize: Number(field('memsz')),
    };
  });
  const [map] = wanted(text, /^E820 memmap:\n((?:[0-9a-f]+-[0-9a-f]+ \(\d+\)\n)+)/m);
  const initrd = /^Loaded initrd at (0x[0-9a-f]+) size (0x[0-9a-f]+)$/m.exec(text);
  return {
    entry: BigInt(entry!),
    flags: Number(flags),
    segments,
    memoryMap: [...map!.matchAll(/^([0-9a-f]+)-([0-9a-f]+) \((\d+)\)$/gm)].map(([, first, last, type]) => ({
      ...rangeFromInclusive(BigInt(`0x${first}`), BigInt(`0x${last}`)),
      type: TYPE_NAMES.get(Number(type)) ?? 'reserved',
    })),
    kernelAddress: BigInt(wanted(text, /^Loaded 64bit kernel at (0x[0-9a-f]+)$/m)[0]!),
    initrd: initrd === null ? undefined : { address: BigInt(initrd[1]!), size: Number(initrd[2]) },
    bootParamsAddress: BigInt(wanted(text, /^Loaded real_mode_data and command line at (0x[0-9a-f]+)$/m)[0]!),
  };
}

/** The parts of `planToJson` that are compared. */
export interface ComparedPlan {
  readonly segments: readonly {
    readonly name: string;
    readonly address: string;
    readonly size: number;
    readonly memorySize: number;
  }[];
  readonly memoryMap: readonly { readonly start: string; readonly size: string; readonly type: string }[];
}

/**
 * Asserts that both tools load the same kernel and initrd into as much memory and tell of the same memory.
 * Where they put things may differ: khop goes up from the kernel's preferred address, kexec-tools comes down.
 */
export function assertAgrees(plan: ComparedPlan, output: KexecDebugOutput): void {
  assert.equal(output.flags >>> 16, 62, 'EM_X86_64');
  const ours = (name: string) => plan.segments.find((segment) => segment.name === name);
  const theirs = (address: bigint) => output.segments.find((segment) => segment.address === address);
  const sizes = (size: number | undefined, memorySize: number | undefined) => ({ size, memorySize });
  const kernel = ours('kernel');
  const theirKernel = theirs(output.kernelAddress);
  assert.deepEqual(
    sizes(kernel?.size, kernel?.memorySize),
    sizes(theirKernel?.bufferSize, theirKernel?.memorySize),
    'kernel',
  );
  assert.equal(BigInt(kernel?.address ?? 1) % 0x20_0000n, 0n);
  const initrd = ours('initrd');
  assert.equal(initrd?.size, output.initrd?.size, 'initrd');
  if (output.initrd !== undefined)
    assert.equal(initrd?.memorySize, theirs(output.initrd.address)?.memorySize, 'initrd memory');
  const map = plan.memoryMap.map(({ start, size, type }) => ({
    start: BigInt(start),
    end: BigInt(start) + BigInt(size),
    type,
  }));
  assert.deepEqual(comparableMap(map), comparableMap(output.memoryMap), 'memory map');
}

/** kexec-tools cuts off the first KiB, and joins neighbours of one type. */
function comparableMap(map: readonly { start: bigint; end: bigint; type: string }[]): string[] {
  const joined: { start: bigint; end: bigint; type: string }[] = [];
  for (const entry of map.toSorted((a, b) => (a.start < b.start ? -1 : 1))) {
    const last = joined.at(-1);
    if (last !== undefined && last.type === entry.type && last.end === entry.start) last.end = entry.end;
    else
      joined.push({ start: entry.start < 0x400n ? 0x400n : entry.start, end: entry.end, type: entry.type });
  }
  return joined.map(({ start, end, type }) => `${start.toString(16)}-${end.toString(16)} ${type}`);
}
