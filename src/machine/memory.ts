/**
 * What the machine says of its physical memory.
 * @module
 */
import type { MemoryMap, MemoryMapEntry, MemoryType } from '../formats/memory-map.ts';
import { rangeFromInclusive } from '../formats/range.ts';
import type { IomemEntry } from './facts.ts';
import type { Reading } from './reading.ts';
import { bigintOf, linesOf, mapReading, readNames, readText } from './source.ts';

interface MutableIomemEntry extends IomemEntry {
  readonly children: MutableIomemEntry[];
}

/** /proc/iomem as a tree: two spaces of indentation a level, ends inclusive. Undefined when a line is not one. */
export function parseIomem(text: string): readonly IomemEntry[] | undefined {
  const top: MutableIomemEntry[] = [];
  const open: MutableIomemEntry[] = [];
  for (const line of linesOf(text)) {
    const match = /^( *)([0-9a-f]+)-([0-9a-f]+) : (.*)$/.exec(line);
    if (match === null) return undefined;
    const depth = match[1]!.length / 2;
    if (depth > open.length || !Number.isInteger(depth)) return undefined;
    const range = rangeFromInclusive(BigInt(`0x${match[2]}`), BigInt(`0x${match[3]}`));
    const entry: MutableIomemEntry = { ...range, name: match[4]!, children: [] };
    open.length = depth;
    (open.at(-1)?.children ?? top).push(entry);
    open.push(entry);
  }
  return top;
}

/** Unreadable, too, when the kernel hides the addresses from a reader without CAP_SYS_ADMIN. */
export function readIomem(root: string): Reading<readonly IomemEntry[]> {
  const reading = mapReading(readText(root, '/proc/iomem'), (text) => parseIomem(text));
  if (reading.state !== 'read' || reading.value.some((entry) => entry.start !== 0n || entry.end > 1n))
    return reading;
  return {
    state: 'unreadable',
    source: reading.source,
    reason: 'addresses are hidden without CAP_SYS_ADMIN',
  };
}

/** The names of drivers/firmware/memmap.c and arch/x86/kernel/e820.c, e820_type_to_string(). */
const MEMMAP_TYPES: Readonly<Record<string, MemoryType>> = {
  'System RAM': 'ram',
  Reserved: 'reserved',
  reserved: 'reserved',
  'Unknown E820 type': 'reserved',
  'Device Reserved': 'reserved',
  'ACPI Tables': 'acpi',
  'ACPI Non-volatile Storage': 'nvs',
  'Unusable memory': 'unusable',
  'Persistent Memory': 'pmem',
  'Persistent Memory (legacy)': 'pram',
  'Soft Reserved': 'softReserved',
};

/** /sys/firmware/memmap/N/{start,end,type}, sorted; types khop does not know count as reserved. */
export function readFirmwareMap(root: string): Reading<MemoryMap> {
  const folder = '/sys/firmware/memmap';
  return mapReading(readNames(root, folder), (names) => {
    const entries: MemoryMapEntry[] = [];
    for (const name of names) {
      const part = (file: string) => readText(root, `${folder}/${name}/${file}`);
      const [first, last, type] = [part('start'), part('end'), part('type')];
      if (first.state !== 'read' || last.state !== 'read' || type.state !== 'read') return undefined;
      const [start, end] = [bigintOf(first.value), bigintOf(last.value)];
      if (start === undefined || end === undefined) return undefined;
      entries.push({ ...rangeFromInclusive(start, end), type: MEMMAP_TYPES[type.value] ?? 'reserved' });
    }
    return entries.sort((a, b) => (a.start < b.start ? -1 : a.start > b.start ? 1 : 0));
  });
}

/** One field of /proc/meminfo, bytes. */
export function readMeminfo(root: string, field: 'MemTotal' | 'MemAvailable'): Reading<bigint> {
  return mapReading(readText(root, '/proc/meminfo'), (text) => {
    const kibibytes = new RegExp(`^${field}:\\s+(\\d+) kB$`, 'm').exec(text)?.[1];
    return kibibytes === undefined ? undefined : BigInt(kibibytes) * 1024n;
  });
}
