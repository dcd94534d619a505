/**
 * The linked list of setup_data: what does not fit in boot_params.
 * Documentation/arch/x86/boot.rst, setup_data: {u64 next, u32 type, u32 len, data[len]}.
 * @module
 */
import { ByteReader } from './byte-reader.ts';

/** arch/x86/include/uapi/asm/setup_data.h. IMA buffers and KHO are the kernel's own: khop can name them, not make them. */
export const SETUP_DATA_TYPES = {
  e820Ext: 1,
  dtb: 2,
  pci: 3,
  efi: 4,
  appleProperties: 5,
  ccBlob: 7,
  ima: 8,
  rngSeed: 9,
  kexecKho: 10,
  /** `KHOP` in ASCII, far from the kernel's own numbers and without bit 31, SETUP_INDIRECT: a kernel only lists it. */
  khopReport: 0x504f_484b,
} as const;

export type SetupDataType = keyof typeof SETUP_DATA_TYPES;

/** One node, without its header. */
export interface SetupDataNode {
  readonly type: SetupDataType;
  readonly bytes: Uint8Array;
}

/** Bytes of a node in front of its data. */
export const SETUP_DATA_HEADER_SIZE = 16;
const ALIGNMENT = 8;

/** Bytes that `encodeSetupData` will need. */
export function setupDataSize(nodes: readonly SetupDataNode[]): number {
  return nodes.reduce((sum, node) => sum + paddedSize(node), 0);
}

function paddedSize(node: SetupDataNode): number {
  return Math.ceil((SETUP_DATA_HEADER_SIZE + node.bytes.length) / ALIGNMENT) * ALIGNMENT;
}

/**
 * The nodes one behind the other, linked, for a place at physical address `base`. The first node is at `base`.
 * @param last physical address of a node elsewhere that the list ends with; 0 when there is none
 */
export function encodeSetupData(nodes: readonly SetupDataNode[], base: bigint, last = 0n): Uint8Array {
  const bytes = new Uint8Array(setupDataSize(nodes));
  const view = new DataView(bytes.buffer);
  let at = 0;
  for (const [index, node] of nodes.entries()) {
    const next = at + paddedSize(node);
    view.setBigUint64(at, index === nodes.length - 1 ? last : base + BigInt(next), true);
    view.setUint32(at + 8, SETUP_DATA_TYPES[node.type], true);
    view.setUint32(at + 12, node.bytes.length, true);
    bytes.set(node.bytes, at + SETUP_DATA_HEADER_SIZE);
    at = next;
  }
  return bytes;
}

/** The header of a node that ends a list. @param length bytes of its data */
export function encodeSetupDataHeader(type: SetupDataType, length: number): Uint8Array {
  const bytes = new Uint8Array(SETUP_DATA_HEADER_SIZE);
  const view = new DataView(bytes.buffer);
  view.setUint32(8, SETUP_DATA_TYPES[type], true);
  view.setUint32(12, length, true);
  return bytes;
}

/** The nodes of a list that lies as a whole in `bytes` at `base`; unknown types are left out. @throws E_FORMAT */
export function decodeSetupData(bytes: Uint8Array, base: bigint): SetupDataNode[] {
  const reader = new ByteReader(bytes, 'setup_data');
  const nodes: SetupDataNode[] = [];
  let at = bytes.length === 0 ? -1 : 0;
  while (at >= 0) {
    const next = reader.u64(at, 'next');
    const number = reader.u32(at + 8, 'type');
    const data = reader.slice(at + SETUP_DATA_HEADER_SIZE, reader.u32(at + 12, 'len'), 'data');
    const type = (Object.keys(SETUP_DATA_TYPES) as SetupDataType[]).find(
      (name) => SETUP_DATA_TYPES[name] === number,
    );
    if (type !== undefined) nodes.push({ type, bytes: data });
    if (next === 0n) break;
    // Only forward links are followed: a loop cannot be.
    if (next <= base + BigInt(at)) reader.fail('next', at, 'leads backwards');
    at = Number(next - base);
  }
  return nodes;
}
