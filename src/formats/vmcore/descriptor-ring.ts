/**
 * The kernel log since 5.10: a ring of descriptors, a ring of text, and a record of facts for each descriptor.
 * Specification: linux kernel/printk/printk_ringbuffer.c, "Data Structure"; offsets come from VMCOREINFO. Before
 * 5.10 was out, the facts were within the descriptor (prb_desc.info).
 * @module
 */
import { ByteReader } from '../byte-reader.ts';
import type { KernelMemory } from './kernel-memory.ts';
import { readKernelBytes, readPointer } from './kernel-values.ts';
import {
  type CrashLog,
  type CrashLogRecord,
  LARGEST_LOG,
  type LostRecords,
  RECORDS_LIMIT,
  readCaller,
  TOO_MANY_RECORDS,
} from './log-record.ts';
import { memberOffset, requireKnown, structureSize, symbolAddress, type Vmcoreinfo } from './vmcoreinfo.ts';

/** The two highest bits of state_var are the state, the others the number of the descriptor. */
const STATE_SHIFT = 62n;
const ID_MASK = (1n << STATE_SHIFT) - 1n;
const STATES = { committed: 1, finalized: 2 } as const;
/** Set in both ends of a text block that has no text, with the reason: 1 no room for it, 3 an empty line. */
const NO_DATA = 1n;
const EMPTY_LINE = 3n;
/** A block begins with the number of its descriptor. */
const BLOCK_HEADER = 8;
/** log_buf_len= takes at most 2 GiB; a descriptor is for 32 bytes of text. */
const MOST_DESCRIPTOR_BITS = 26;
const MOST_TEXT_BITS = 31;
/** A ring that goes on so long without one valid descriptor is damaged; it would take minutes to say so of all. */
const MISSES_LIMIT = 1 << 18;

/** Where the fields are, in bytes. */
interface Layout {
  readonly descriptorSize: number;
  readonly infoSize: number;
  readonly state: number;
  readonly begin: number;
  readonly next: number;
  /** Facts are within the descriptor. */
  readonly infoInDescriptor: number | undefined;
  readonly sequence: number;
  readonly time: number;
  readonly textLength: number;
  readonly caller: number;
}

interface Ring {
  readonly memory: KernelMemory;
  readonly layout: Layout;
  readonly count: bigint;
  readonly descriptors: bigint;
  readonly infos: bigint;
  readonly text: bigint;
  readonly textSize: bigint;
  /** Bytes that the texts of records can still have: no two of them overlap. */
  readonly room: { left: number };
}

/** @throws E_FORMAT when the ring itself is damaged or not in the dump; E_UNSUPPORTED when an offset is missing */
export function readDescriptorRing(memory: KernelMemory): CrashLog {
  const info = memory.vmcoreinfo;
  const offset = (name: string) => requireKnown(memberOffset(info, name), `OFFSET(${name})`);
  const prb = readPointer(memory, requireKnown(symbolAddress(info, 'prb'), 'SYMBOL(prb)'), 'prb');
  const bytes = readKernelBytes(
    memory,
    prb,
    requireKnown(structureSize(info, 'printk_ringbuffer'), 'SIZE(printk_ringbuffer)'),
    'printk_ringbuffer',
  );
  const reader = new ByteReader(bytes, 'printk_ringbuffer');
  const descriptors = offset('printk_ringbuffer.desc_ring');
  const text = offset('printk_ringbuffer.text_data_ring');
  const counter = offset('atomic_long_t.counter');
  const countBits = reader.u32(descriptors + offset('prb_desc_ring.count_bits'), 'count_bits');
  const sizeBits = reader.u32(text + offset('prb_data_ring.size_bits'), 'size_bits');
  if (countBits > MOST_DESCRIPTOR_BITS) reader.fail('count_bits', descriptors, `${countBits} is absurd`);
  if (sizeBits > MOST_TEXT_BITS) reader.fail('size_bits', text, `${sizeBits} is absurd`);
  const layout = readLayout(info);
  const ring: Ring = {
    memory,
    layout,
    count: 1n << BigInt(countBits),
    descriptors: reader.u64(descriptors + offset('prb_desc_ring.descs'), 'descs'),
    infos:
      layout.infoInDescriptor === undefined
        ? reader.u64(descriptors + offset('prb_desc_ring.infos'), 'infos')
        : 0n,
    text: reader.u64(text + offset('prb_data_ring.data'), 'data'),
    textSize: 1n << BigInt(sizeBits),
    room: { left: Math.min(2 ** sizeBits, LARGEST_LOG) },
  };
  const head = reader.u64(descriptors + offset('prb_desc_ring.head_id') + counter, 'head_id') & ID_MASK;
  const tail = reader.u64(descriptors + offset('prb_desc_ring.tail_id') + counter, 'tail_id') & ID_MASK;
  const distance = (head - tail) & ID_MASK;
  if (distance >= ring.count) reader.fail('head_id', descriptors, `is ${distance} descriptors after tail_id`);
  return readRecords(ring, tail, Number(distance) + 1);
}

function readLayout(info: Vmcoreinfo): Layout {
  const offset = (name: string) => requireKnown(memberOffset(info, name), `OFFSET(${name})`);
  const size = (name: string) => requireKnown(structureSize(info, name), `SIZE(${name})`);
  const block = offset('prb_desc.text_blk_lpos');
  return {
    descriptorSize: size('prb_desc'),
    infoSize: size('printk_info'),
    state: offset('prb_desc.state_var') + offset('atomic_long_t.counter'),
    begin: block + offset('prb_data_blk_lpos.begin'),
    next: block + offset('prb_data_blk_lpos.next'),
    infoInDescriptor: memberOffset(info, 'prb_desc.info'),
    sequence: offset('printk_info.seq'),
    time: offset('printk_info.ts_nsec'),
    textLength: offset('printk_info.text_len'),
    caller: offset('printk_info.caller_id'),
  };
}

type Slot =
  | { readonly state: 'record'; readonly record: CrashLogRecord }
  | { readonly state: 'lost'; readonly sequence: number | undefined; readonly reason: string }
  /** Free, or no descriptor of this round. */
  | { readonly state: 'none' };

/** The newest first: where there are too many, the oldest are given up. */
function readRecords(ring: Ring, tail: bigint, count: number): CrashLog {
  const records: CrashLogRecord[] = [];
  const lost: LostRecords[] = [];
  let misses = 0;
  for (let index = count - 1; index >= 0; index--) {
    const reason = misses === MISSES_LIMIT ? 'the ring is damaged there' : TOO_MANY_RECORDS;
    if (misses === MISSES_LIMIT || records.length === RECORDS_LIMIT) {
      lost.push({ sequence: undefined, count: index + 1, reason });
      break;
    }
    const slot = readSlot(ring, (tail + BigInt(index)) & ID_MASK);
    misses = slot.state === 'record' ? 0 : misses + 1;
    if (slot.state === 'record') records.push(slot.record);
    else if (slot.state === 'lost') addLost(lost, slot.sequence, slot.reason);
  }
  return { generation: 'ring of descriptors', records: records.reverse(), lost: lost.reverse() };
}

/** Losses in a row for one reason are one loss. */
function addLost(lost: LostRecords[], sequence: number | undefined, reason: string): void {
  const last = lost.at(-1);
  const precedes =
    last?.reason === reason &&
    (sequence === undefined ? last.sequence === undefined : last.sequence === sequence + 1);
  if (last !== undefined && precedes) lost[lost.length - 1] = { ...last, sequence, count: last.count + 1 };
  else lost.push({ sequence, count: 1, reason });
}

function readSlot(ring: Ring, id: bigint): Slot {
  const { layout, memory } = ring;
  const index = id & (ring.count - 1n);
  const at = ring.descriptors + index * BigInt(layout.descriptorSize);
  const read = memory.read(at, layout.descriptorSize);
  if (read.state !== 'read')
    return { state: 'lost', sequence: undefined, reason: `${read.state}: ${read.reason}` };
  const descriptor = new ByteReader(read.bytes, 'prb_desc');
  const stateVar = descriptor.u64(layout.state, 'state_var');
  const state = Number(stateVar >> STATE_SHIFT);
  if ((stateVar & ID_MASK) !== id || (state !== STATES.committed && state !== STATES.finalized))
    return { state: 'none' };
  const infoAt =
    layout.infoInDescriptor === undefined
      ? ring.infos + index * BigInt(layout.infoSize)
      : at + BigInt(layout.infoInDescriptor);
  const info = memory.read(infoAt, layout.infoSize);
  if (info.state !== 'read')
    return { state: 'lost', sequence: undefined, reason: `${info.state}: ${info.reason}` };
  return readRecord(ring, descriptor, new ByteReader(info.bytes, 'printk_info'));
}

function readRecord(ring: Ring, descriptor: ByteReader, info: ByteReader): Slot {
  const { layout } = ring;
  const sequence = info.size64(layout.sequence, 'seq');
  const textLength = info.u16(layout.textLength, 'text_len');
  // Neither byte is in VMCOREINFO by name: facility follows text_len, then 5 bits of flags and 3 of the level.
  const flagsAndLevel = info.u8(layout.textLength + 3, 'level');
  const text = readText(ring, {
    begin: descriptor.u64(layout.begin, 'begin'),
    next: descriptor.u64(layout.next, 'next'),
    length: textLength,
  });
  if (typeof text !== 'string') return { state: 'lost', sequence, reason: text.reason };
  return {
    state: 'record',
    record: {
      sequence,
      nanoseconds: info.u64(layout.time, 'ts_nsec'),
      level: flagsAndLevel >> 5,
      facility: info.u8(layout.textLength + 2, 'facility'),
      caller: readCaller(info.u32(layout.caller, 'caller_id')),
      text,
    },
  };
}

interface TextBlock {
  /** Logical positions: they go on counting when the ring begins anew. */
  readonly begin: bigint;
  readonly next: bigint;
  readonly length: number;
}

function readText(ring: Ring, block: TextBlock): string | { readonly reason: string } {
  if (block.begin & NO_DATA && block.next & NO_DATA)
    return block.begin === EMPTY_LINE && block.next === EMPTY_LINE
      ? ''
      : { reason: 'the ring had no room for its text' };
  const mask = ring.textSize - 1n;
  // A block that does not fit before the end of the ring is at its beginning as a whole.
  const isWrapped = block.begin / ring.textSize !== (block.next - 1n) / ring.textSize;
  const start = isWrapped ? 0n : block.begin & mask;
  const room = ((block.next - 1n) & mask) + 1n - start - BigInt(BLOCK_HEADER);
  if (room < 0n || room > ring.textSize) return { reason: 'its text block is damaged' };
  const length = room < BigInt(block.length) ? Number(room) : block.length;
  if (length > ring.room.left) return { reason: 'newer records have more text than there can be' };
  ring.room.left -= length;
  const read = ring.memory.read(ring.text + start + BigInt(BLOCK_HEADER), length);
  if (read.state !== 'read') return { reason: `${read.state}: ${read.reason}` };
  return Buffer.from(read.bytes).toString('latin1');
}
