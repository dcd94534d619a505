/**
 * The memory of a machine that crashed: an image of a kernel with its log and page tables, and VMCOREINFO for it.
 * @module
 */
import { type RingRecord, writeDescriptorRing } from './descriptor-ring-writer.ts';

/** Physical memory from `base` on, and what is known of it. */
export interface CrashedMachine {
  readonly base: bigint;
  readonly bytes: Uint8Array;
  readonly vmcoreinfo: string;
  /** Numbers of the records that are still in the ring. */
  readonly kept: readonly number[];
  /** Physical addresses, for tests that take pages away. */
  readonly places: Readonly<Record<'prb' | 'descriptors' | 'infos' | 'text' | 'tables', bigint>>;
}

export const RELEASE = '6.12.9-khop-test';
/** Page tables map it with pages of 4 KiB. */
const DIRECT_MAP = 0xffff_9000_0000_0000n;
/** The image is where KASLR put it. */
const IMAGE = 0xffff_ffff_9200_0000n;
const PAGE = 4096;
const PRESENT = 0x163n;

/** Memory of `pages` pages, 512 at most, with the log of `records` in it. */
export function buildCrashedMachine(
  records: readonly RingRecord[],
  options: { readonly pages?: number; readonly countBits?: number; readonly sizeBits?: number } = {},
): CrashedMachine {
  const { pages = 64, countBits = 5, sizeBits = 12 } = options;
  const base = 0x1000_0000n;
  const bytes = Buffer.alloc(pages * PAGE);
  const ring = writeDescriptorRing(records, { countBits, sizeBits });
  let free = PAGE;
  const put = (content: Uint8Array): number => {
    const at = free;
    bytes.set(content, at);
    free = Math.ceil((at + content.length) / PAGE) * PAGE;
    return at;
  };
  const direct = (at: number) => DIRECT_MAP + base + BigInt(at);
  const descriptors = put(ring.descriptors);
  const infos = put(ring.infos);
  const text = put(ring.text);
  const prb = Buffer.alloc(88);
  prb.writeUInt32LE(countBits, 0);
  prb.writeBigUInt64LE(direct(descriptors), 8);
  prb.writeBigUInt64LE(direct(infos), 16);
  prb.writeBigUInt64LE(ring.headId | (3n << 62n), 24);
  prb.writeBigUInt64LE(ring.tailId, 32);
  prb.writeUInt32LE(sizeBits, 48);
  prb.writeBigUInt64LE(direct(text), 56);
  const prbAt = put(prb);
  // The image's own variables are in the first page: &prb, and the names of init_uts_ns.
  bytes.writeBigUInt64LE(IMAGE + BigInt(prbAt), 0);
  bytes.write(`Linux\0${'\0'.repeat(59)}host\0${'\0'.repeat(60)}${RELEASE}\0`, 512, 'latin1');
  const tables = putTables(bytes, put, base, pages);
  return {
    base,
    bytes,
    vmcoreinfo: vmcoreinfoText(base, tables),
    kept: ring.kept,
    places: {
      prb: base + BigInt(prbAt),
      descriptors: base + BigInt(descriptors),
      infos: base + BigInt(infos),
      text: base + BigInt(text),
      tables: base + BigInt(tables),
    },
  };
}

/** Four levels for the direct map of the memory. @returns where the top is */
function putTables(bytes: Buffer, put: (content: Uint8Array) => number, base: bigint, pages: number): number {
  const [top, upper, middle, last] = [0, 0, 0, 0].map(() => put(new Uint8Array(PAGE))) as [
    number,
    number,
    number,
    number,
  ];
  const start = DIRECT_MAP + base;
  const set = (table: number, shift: bigint, address: bigint, target: bigint) =>
    bytes.writeBigUInt64LE(target | PRESENT, table + Number((address >> shift) & 511n) * 8);
  set(top, 39n, start, base + BigInt(upper));
  set(upper, 30n, start, base + BigInt(middle));
  set(middle, 21n, start, base + BigInt(last));
  for (let page = 0; page < pages; page++)
    set(last, 12n, start + BigInt(page * PAGE), base + BigInt(page * PAGE));
  return top;
}

/** As 6.12 writes it; the last line has no newline. */
function vmcoreinfoText(base: bigint, tables: number): string {
  const physBase = base - (IMAGE - 0xffff_ffff_8000_0000n);
  return [
    `OSRELEASE=${RELEASE}`,
    'BUILD-ID=0123456789abcdef0123456789abcdef01234567',
    'PAGESIZE=4096',
    `SYMBOL(init_uts_ns)=${(IMAGE + 508n).toString(16)}`,
    `SYMBOL(init_top_pgt)=${(IMAGE + BigInt(tables)).toString(16)}`,
    `SYMBOL(_stext)=${IMAGE.toString(16)}`,
    `NUMBER(phys_base)=${physBase}`,
    'NUMBER(KERNEL_IMAGE_SIZE)=1073741824',
    'NUMBER(pgtable_l5_enabled)=0',
    `SYMBOL(prb)=${IMAGE.toString(16)}`,
    'SIZE(printk_ringbuffer)=88',
    'OFFSET(printk_ringbuffer.desc_ring)=0',
    'OFFSET(printk_ringbuffer.text_data_ring)=48',
    'OFFSET(prb_desc_ring.count_bits)=0',
    'OFFSET(prb_desc_ring.descs)=8',
    'OFFSET(prb_desc_ring.infos)=16',
    'OFFSET(prb_desc_ring.head_id)=24',
    'OFFSET(prb_desc_ring.tail_id)=32',
    'SIZE(prb_desc)=24',
    'OFFSET(prb_desc.state_var)=0',
    'OFFSET(prb_desc.text_blk_lpos)=8',
    'OFFSET(prb_data_blk_lpos.begin)=0',
    'OFFSET(prb_data_blk_lpos.next)=8',
    'SIZE(printk_info)=88',
    'OFFSET(printk_info.seq)=0',
    'OFFSET(printk_info.ts_nsec)=8',
    'OFFSET(printk_info.text_len)=16',
    'OFFSET(printk_info.caller_id)=20',
    'OFFSET(prb_data_ring.size_bits)=0',
    'OFFSET(prb_data_ring.data)=8',
    'OFFSET(atomic_long_t.counter)=0',
    'CRASHTIME=1790000000',
  ].join('\n');
}
