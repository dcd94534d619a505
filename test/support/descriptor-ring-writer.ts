/**
 * The kernel log as the kernel writes it: kernel/printk/printk_ringbuffer.c in slow motion, for one writer.
 * @module
 */

/** A record to be written; `lost` is one for whose text the ring had no room. */
export interface RingRecord {
  readonly text: string;
  readonly nanoseconds: bigint;
  readonly level: number;
  readonly facility: number;
  readonly callerId: number;
  readonly isLost?: boolean;
}

/** Bytes of each part, as they are in memory. */
export interface WrittenRing {
  readonly descriptors: Uint8Array;
  readonly infos: Uint8Array;
  readonly text: Uint8Array;
  readonly headId: bigint;
  readonly tailId: bigint;
  /** Numbers of the records that are still there. */
  readonly kept: readonly number[];
}

export const DESCRIPTOR_SIZE = 24;
export const INFO_SIZE = 88;
const ID_MASK = (1n << 62n) - 1n;
const [FINALIZED, REUSABLE] = [2n, 3n];

interface Block {
  readonly begin: bigint;
  readonly next: bigint;
}

/** Writes `records` one after the other into an empty ring; the oldest go when it is full. */
export function writeDescriptorRing(
  records: readonly RingRecord[],
  ring: { readonly countBits: number; readonly sizeBits: number },
): WrittenRing {
  const count = 1 << ring.countBits;
  const size = 1n << BigInt(ring.sizeBits);
  const descriptors = Buffer.alloc(count * DESCRIPTOR_SIZE);
  const infos = Buffer.alloc(count * INFO_SIZE);
  const text = Buffer.alloc(Number(size), 0xee);
  // _DESC_ID and BLK0_LPOS: both count up to zero first, so that an overflow is met early.
  const firstId = BigInt.asUintN(62, -BigInt(count));
  const idOf = (sequence: number) => (firstId + BigInt(sequence)) & ID_MASK;
  const blocks: Block[] = [];
  let head = BigInt.asUintN(64, -size);
  let tail = 0;
  const release = () => {
    const at = Number(idOf(tail) % BigInt(count)) * DESCRIPTOR_SIZE;
    descriptors.writeBigUInt64LE((REUSABLE << 62n) | idOf(tail), at);
    tail++;
  };
  for (const [sequence, record] of records.entries()) {
    const bytes = Buffer.from(record.text, 'latin1');
    while (sequence - tail >= count) release();
    const block = record.isLost ? { begin: 1n, next: 1n } : place(bytes.length, head, size);
    if (block.begin % 2n === 0n) {
      head = block.next;
      const isOverwritten = () => {
        const oldest = blocks[tail];
        return tail < sequence && oldest !== undefined && hasLostText(oldest, head, size, blocks, tail);
      };
      while (isOverwritten()) release();
      const wrapped = block.begin / size !== (block.next - 1n) / size;
      const start = wrapped ? 0 : Number(block.begin % size);
      text.writeBigUInt64LE(idOf(sequence), start);
      bytes.copy(text, start + 8);
    }
    blocks.push(block);
    const index = Number(idOf(sequence) % BigInt(count));
    descriptors.writeBigUInt64LE((FINALIZED << 62n) | idOf(sequence), index * DESCRIPTOR_SIZE);
    descriptors.writeBigUInt64LE(block.begin, index * DESCRIPTOR_SIZE + 8);
    descriptors.writeBigUInt64LE(block.next, index * DESCRIPTOR_SIZE + 16);
    writeInfo(infos, index * INFO_SIZE, record, sequence, bytes.length);
  }
  const kept = [...records.keys()].slice(tail);
  return {
    descriptors,
    infos,
    text,
    headId: idOf(Math.max(0, records.length - 1)),
    tailId: idOf(Math.min(tail, Math.max(0, records.length - 1))),
    kept,
  };
}

function writeInfo(infos: Buffer, at: number, record: RingRecord, sequence: number, length: number): void {
  infos.writeBigUInt64LE(BigInt(sequence), at);
  infos.writeBigUInt64LE(record.nanoseconds, at + 8);
  infos.writeUInt16LE(length, at + 16);
  infos.writeUInt8(record.facility, at + 18);
  infos.writeUInt8(record.level << 5, at + 19);
  infos.writeUInt32LE(record.callerId, at + 20);
}

/** get_next_lpos(): a block that does not fit before the end begins at the beginning. */
function place(length: number, head: bigint, size: bigint): Block {
  if (length === 0) return { begin: 3n, next: 3n };
  const blockSize = BigInt(Math.ceil((8 + length) / 8) * 8);
  const next = BigInt.asUintN(64, head + blockSize);
  if (head / size === BigInt.asUintN(64, next - 1n) / size) return { begin: head, next };
  return { begin: head, next: BigInt.asUintN(64, (next / size) * size + blockSize) };
}

/** Whether text of the oldest records, from `tail` on, would be written over with the head at `head`. */
function hasLostText(
  oldest: Block,
  head: bigint,
  size: bigint,
  blocks: readonly Block[],
  tail: number,
): boolean {
  const first = oldest.begin % 2n === 0n ? oldest : blocks.slice(tail).find(({ begin }) => begin % 2n === 0n);
  return first !== undefined && BigInt.asUintN(64, head - first.begin) > size;
}
