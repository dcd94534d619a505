/**
 * ORC: how to find the caller's frame from any instruction of an x86-64 kernel.
 * Specification: linux Documentation/arch/x86/orc-unwinder.rst and arch/x86/include/asm/orc_types.h. Addresses are in
 * a table of their own, each relative to its place; an entry is
 *
 *     0  2  sp_offset     2  2  bp_offset     4  4 bits  sp_reg     4 bits  bp_reg
 *     5  since 6.4: 3 bits type, signal;  6.3: 2 bits type, signal, end;  before: 2 bits type, end
 * @module
 */
import { ByteReader } from '../byte-reader.ts';
import type { KernelMemory } from './kernel-memory.ts';
import type { KernelSymbols } from './kernel-symbols.ts';

/** What an offset counts from; `other` are registers that no caller has saved. */
export type OrcRegister = 'undefined' | 'previous-sp' | 'sp' | 'bp' | 'sp-indirect' | 'bp-indirect' | 'other';

/** sp_reg and bp_reg by number, as they were until 6.x, and as they are in 7.2. */
const REGISTERS: ReadonlyMap<number, OrcRegister> = new Map([
  [0, 'undefined'],
  [1, 'previous-sp'],
  [4, 'bp'],
  [5, 'sp'],
  [8, 'bp-indirect'],
  [9, 'sp-indirect'],
]);
const NEW_REGISTERS: ReadonlyMap<number, OrcRegister> = new Map([
  [0, 'undefined'],
  [3, 'sp'],
  [4, 'bp'],
  [8, 'previous-sp'],
  [9, 'sp-indirect'],
  [10, 'bp-indirect'],
]);

/** What the frame of an instruction is. */
export type OrcType = 'undefined' | 'end' | 'call' | 'regs' | 'regs-partial';

/** One entry. */
export interface OrcEntry {
  readonly spOffset: number;
  readonly bpOffset: number;
  readonly spRegister: OrcRegister;
  readonly bpRegister: OrcRegister;
  readonly type: OrcType;
}

/** The entry for an instruction; undefined outside of the kernel's own text, or when it is not in the dump. */
export type OrcTable = (address: bigint) => OrcEntry | undefined;

const ENTRY_SIZE = 6;
const ENTRIES_LIMIT = 16_000_000;
/** Entries that are looked at to tell the layouts apart. */
const SAMPLES = 4096;

/** Since 6.4. */
const TYPES: readonly OrcType[] = ['undefined', 'end', 'call', 'regs', 'regs-partial'];
/** Before. */
const OLD_TYPES: readonly OrcType[] = ['call', 'regs', 'regs-partial', 'undefined'];

/** Makes a table of `count` entries, in the layout of the kernel's own: for modules. */
export type OrcReader = (addresses: bigint, entries: bigint, count: number) => OrcTable;

/** Undefined where the kernel has no such table: another processor, or CONFIG_UNWINDER_FRAME_POINTER. */
export function readOrcTable(
  memory: KernelMemory,
  symbols: KernelSymbols,
): { readonly table: OrcTable; readonly readAlike: OrcReader } | undefined {
  const [start, stop] = [symbols.find('__start_orc_unwind_ip'), symbols.find('__stop_orc_unwind_ip')];
  const entries = symbols.find('__start_orc_unwind');
  if (start === undefined || stop === undefined || entries === undefined || stop <= start) return undefined;
  const count = Number((stop - start) / 4n);
  if (count > ENTRIES_LIMIT) return undefined;
  const layout = chooseLayout(memory, entries, count);
  const readAlike: OrcReader = (addressesAt, entriesAt, length) => (address) => {
    const index = findEntry(memory, addressesAt, length, address);
    const entry = index === undefined ? undefined : readEntry(memory, entriesAt, index);
    return entry === undefined ? undefined : layout(entry);
  };
  return { table: readAlike(start, entries, count), readAlike };
}

/** The last entry that is not above `address`. Two dozen reads of 4 bytes, rather than 2 MiB. */
function findEntry(memory: KernelMemory, start: bigint, count: number, address: bigint): number | undefined {
  let low = 0;
  let high = count;
  while (low < high) {
    const middle = (low + high) >>> 1;
    const at = start + BigInt(middle * 4);
    const read = memory.read(at, 4);
    if (read.state !== 'read') return undefined;
    if (at + BigInt(Buffer.from(read.bytes).readInt32LE()) <= address) low = middle + 1;
    else high = middle;
  }
  return low === 0 ? undefined : low - 1;
}

function readEntry(memory: KernelMemory, entries: bigint, index: number): ByteReader | undefined {
  const read = memory.read(entries + BigInt(index * ENTRY_SIZE), ENTRY_SIZE);
  return read.state === 'read' ? new ByteReader(read.bytes, 'orc_entry') : undefined;
}

type Layout = (entry: ByteReader) => OrcEntry;

/**
 * Vendors take new layouts into older kernels, so the release says nothing; the commonest values do. Nearly every entry
 * is of type call, 2 since 6.4 and 0 before, and counts from sp, 5 or 3. Bit 2 is the end in 6.1, where there is no sp
 * any more; in 6.3 it says that an exception interrupts this code, which has an sp.
 */
function chooseLayout(memory: KernelMemory, entries: bigint, count: number): Layout {
  const votes = { newType: 0, oldType: 0, newSp: 0, oldSp: 0, signal: 0 };
  for (let sample = 0; sample < SAMPLES; sample++) {
    const entry = readEntry(memory, entries, Math.floor((sample * count) / SAMPLES));
    if (entry === undefined) continue;
    const [registers, bits] = [entry.u8(4, 'registers'), entry.u8(5, 'type')];
    if ((bits & 7) === 2) votes.newType++;
    if ((bits & 3) === 0) votes.oldType++;
    if ((registers & 15) === 3) votes.newSp++;
    if ((registers & 15) === 5) votes.oldSp++;
    if (bits & 8 || (bits & 4 && (registers & 15) !== 0)) votes.signal++;
  }
  const registers = votes.newSp > votes.oldSp ? NEW_REGISTERS : REGISTERS;
  if (votes.newType > votes.oldType)
    return (entry) => decode(entry, registers, TYPES[entry.u8(5, 'type') & 7] ?? 'undefined');
  const endBit = votes.signal > 0 ? 8 : 4;
  return (entry) => {
    const bits = entry.u8(5, 'type');
    const isUndefined = (entry.u8(4, 'sp_reg') & 15) === 0;
    return decode(entry, registers, bits & endBit ? 'end' : isUndefined ? 'undefined' : OLD_TYPES[bits & 3]!);
  };
}

function decode(entry: ByteReader, names: ReadonlyMap<number, OrcRegister>, type: OrcType): OrcEntry {
  const registers = entry.u8(4, 'registers');
  return {
    spOffset: (entry.u16(0, 'sp_offset') << 16) >> 16,
    bpOffset: (entry.u16(2, 'bp_offset') << 16) >> 16,
    spRegister: names.get(registers & 15) ?? 'other',
    bpRegister: names.get(registers >> 4) ?? 'other',
    type,
  };
}
