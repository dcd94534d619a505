/**
 * The virtual memory of a crashed kernel: from its addresses to bytes.
 * Reference: linux Documentation/admin-guide/kdump/vmcoreinfo.rst (phys_base, kimage_voffset, VA_BITS, sme_mask),
 * Documentation/arch/x86/x86_64/mm.rst, Documentation/arch/arm64/memory.rst.
 * @module
 */
import { KhopError } from '../../error.ts';
import { RecentValues } from '../byte-source.ts';
import { ELF_MACHINES } from '../elf.ts';
import { partitionPoint } from '../partition-point.ts';
import type { CrashedMemory, DumpMapping, MemoryGap, MemoryRead } from './crashed-memory.ts';
import { arm64Tables, type TableGeometry, walkPageTables, x86Tables } from './page-tables.ts';
import { numberValue, parseVmcoreinfo, symbolAddress, type Vmcoreinfo } from './vmcoreinfo.ts';

const ALL_BITS = (1n << 64n) - 1n;
/** __START_KERNEL_map of x86-64, and the least that is mapped there. */
const X86_TEXT = 0xffff_ffff_8000_0000n;
const X86_TEXT_SIZE = 1n << 30n;
/** Both halves of 64-bit address spaces meet here; the kernel has the upper one. */
const KERNEL_HALF = 1n << 63n;
const PAGE_SHIFT = 12n;
const TRANSLATIONS_KEPT = 4096;

/** Where an address of the kernel is in physical memory, or why that cannot be said. */
type Translation = { readonly state: 'mapped'; readonly physicalAddress: bigint } | MemoryGap;

/** A crashed kernel's memory by its own addresses. */
export interface KernelMemory {
  readonly dump: CrashedMemory;
  readonly vmcoreinfo: Vmcoreinfo;
  /** Bytes from a virtual address on, which may cross pages. */
  readonly read: (address: bigint, length: number) => MemoryRead;
}

/** What one processor's kernels need besides page tables. */
interface Layout {
  /** Addresses that need no tables: the kernel's image, and arm64's linear map. */
  readonly direct: readonly DumpMapping[];
  /** What the file says itself, by virtual address. */
  readonly told: readonly DumpMapping[];
  readonly tables: TableGeometry;
  /** Virtual address of the top table. */
  readonly top: bigint | undefined;
}

/**
 * @throws E_UNSUPPORTED when the dump has no VMCOREINFO or is of another processor
 */
export function openKernelMemory(dump: CrashedMemory): KernelMemory {
  if (dump.vmcoreinfo === undefined)
    throw new KhopError('E_UNSUPPORTED', 'the dump has no VMCOREINFO: nothing in it can be found by name', {
      hint: 'Give a virtual machine `-device vmcoreinfo`, or read this dump with crash and the kernel’s vmlinux.',
    });
  const vmcoreinfo = parseVmcoreinfo(dump.vmcoreinfo);
  const layout = layoutOf(dump, vmcoreinfo);
  const known = new RecentValues<bigint, Translation>(TRANSLATIONS_KEPT);
  const translate = (address: bigint) =>
    known.get(address >> PAGE_SHIFT, () => translatePage(dump, layout, address & ~0xfffn));
  return { dump, vmcoreinfo, read: (address, length) => readVirtual(dump, translate, address, length) };
}

function layoutOf(dump: CrashedMemory, info: Vmcoreinfo): Layout {
  if (dump.machine === ELF_MACHINES.x86_64) return x86Layout(dump, info);
  if (dump.machine === ELF_MACHINES.aarch64) return arm64Layout(info);
  throw new KhopError(
    'E_UNSUPPORTED',
    `the dump is of a processor that khop does not know (${dump.machine})`,
    {
      hint: 'Dumps of x86-64 and arm64 can be read.',
    },
  );
}

function x86Layout(dump: CrashedMemory, info: Vmcoreinfo): Layout {
  const physBase = numberValue(info, 'phys_base') ?? 0n;
  const size = numberValue(info, 'KERNEL_IMAGE_SIZE') ?? X86_TEXT_SIZE;
  return {
    direct: [{ virtualAddress: X86_TEXT, physicalAddress: physBase, size }],
    // Headers that were made by hand have 0 or -1 for what they do not know.
    told: dump.mappings
      .filter(
        ({ virtualAddress, size: bytes }) =>
          virtualAddress >= KERNEL_HALF && virtualAddress + bytes <= ALL_BITS,
      )
      .sort((a, b) =>
        a.virtualAddress < b.virtualAddress ? -1 : a.virtualAddress > b.virtualAddress ? 1 : 0,
      ),
    tables: x86Tables(numberValue(info, 'pgtable_l5_enabled') === 1n, numberValue(info, 'sme_mask') ?? 0n),
    top: symbolAddress(info, 'init_top_pgt') ?? symbolAddress(info, 'swapper_pg_dir'),
  };
}

function arm64Layout(info: Vmcoreinfo): Layout {
  const pageSize = Number(info.get('PAGESIZE') ?? 4096);
  const pageShift = [12, 14, 16].find((shift) => 2 ** shift === pageSize) ?? 12;
  const configured = clampBits(Number(numberValue(info, 'VA_BITS') ?? 48n));
  const sizeField = numberValue(info, 'TCR_EL1_T1SZ');
  const addressBits = clampBits(sizeField === undefined ? configured : 64 - Number(sizeField));
  const voffset = numberValue(info, 'kimage_voffset') ?? 0n;
  const linear = upperMost(configured);
  const linearSize = upperMost(leastBits(configured, pageShift) - 1) - linear;
  const imageEnd = upperMost(32);
  const text = symbolAddress(info, '_stext') ?? imageEnd;
  return {
    direct: [
      // Symbols of the image itself: modules and vmalloc are beyond what an image can have.
      { virtualAddress: text, physicalAddress: text - voffset, size: 64n << 20n },
      { virtualAddress: linear, physicalAddress: numberValue(info, 'PHYS_OFFSET') ?? 0n, size: linearSize },
    ],
    told: [],
    tables: arm64Tables(pageShift, addressBits, configured),
    top: symbolAddress(info, 'swapper_pg_dir'),
  };
}

/** The start of the highest 2^bits addresses. */
function upperMost(bits: number): bigint {
  return ALL_BITS + 1n - (1n << BigInt(bits));
}

/**
 * VA_BITS_MIN of arch/arm64/include/asm/memory.h: with so many bits a kernel runs where the processor has no more. The
 * linear map ends where it would end then, whatever the processor has.
 */
function leastBits(configured: number, pageShift: number): number {
  return Math.min(configured, configured > 48 && pageShift === 14 ? 47 : 48);
}

function clampBits(bits: number): number {
  return Math.min(52, Math.max(36, bits));
}

/** The image first: its tables are found through it. */
function translatePage(dump: CrashedMemory, layout: Layout, page: bigint): Translation {
  const direct = translateDirect(layout, page);
  if (direct !== undefined) return { state: 'mapped', physicalAddress: direct };
  const top = layout.top === undefined ? undefined : translateDirect(layout, layout.top);
  if (top === undefined)
    return { state: 'lost', address: page, reason: 'VMCOREINFO does not tell where the page tables are' };
  const walk = walkPageTables(layout.tables, top, page, (at) => readEntry(dump, at));
  if (walk.state === 'mapped') return walk;
  if (walk.state === 'unmapped')
    return { state: 'absent', address: page, reason: 'the kernel has no memory there' };
  return {
    state: 'lost',
    address: page,
    reason: `its page table at 0x${walk.tableAddress.toString(16)} is not in the dump`,
  };
}

/** Of a million mappings that a file may tell, only the last that begins before `address` is looked at. */
function translateDirect({ direct, told }: Layout, address: bigint): bigint | undefined {
  const last = told[partitionPoint(told.length, (index) => told[index]!.virtualAddress <= address) - 1];
  for (const { virtualAddress, physicalAddress, size } of last === undefined ? direct : [...direct, last])
    if (address >= virtualAddress && address < virtualAddress + size)
      return (physicalAddress + (address - virtualAddress)) & ALL_BITS;
  return undefined;
}

function readEntry(dump: CrashedMemory, at: bigint): bigint | undefined {
  const read = dump.readPhysical(at, 8);
  return read.state === 'read' ? Buffer.from(read.bytes).readBigUInt64LE() : undefined;
}

function readVirtual(
  dump: CrashedMemory,
  translate: (address: bigint) => Translation,
  address: bigint,
  length: number,
): MemoryRead {
  if (address < 0n || address + BigInt(length) > ALL_BITS)
    return { state: 'absent', address, reason: 'no address of 64 bits' };
  const bytes = new Uint8Array(length);
  for (let at = 0; at < length; ) {
    const here = address + BigInt(at);
    const page = translate(here);
    if (page.state !== 'mapped') return { ...page, address: here };
    const within = Number(here & 0xfffn);
    const wanted = Math.min(4096 - within, length - at);
    const read = dump.readPhysical(page.physicalAddress + BigInt(within), wanted);
    if (read.state !== 'read') return read;
    bytes.set(read.bytes, at);
    at += wanted;
  }
  return { state: 'read', bytes };
}
