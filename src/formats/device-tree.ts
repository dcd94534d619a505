/**
 * A device tree as a value: nodes, properties, and the edits a loader makes. Every edit gives a new tree and
 * leaves the old one as it was.
 * Specification: Devicetree Specification 0.4, chapters 2 "The Devicetree" and 3 "Device Node Requirements".
 * Reading and writing the binary form: fdt.ts.
 * @module
 */
import { KhopError } from '../error.ts';
import { type Range, rangeFromSize } from './range.ts';

/** One property; its bytes mean what its name says. */
export interface DeviceTreeProperty {
  readonly name: string;
  readonly value: Uint8Array;
}

/** One node; the root's name is empty. */
export interface DeviceTreeNode {
  /** With its unit address, e.g. `memory@40000000`. */
  readonly name: string;
  readonly properties: readonly DeviceTreeProperty[];
  readonly children: readonly DeviceTreeNode[];
}

/** An entry of the memory reservation block: physical memory that the kernel must leave alone. */
export interface MemoryReservation {
  readonly address: bigint;
  /** Bytes. */
  readonly size: bigint;
}

/** The whole tree. */
export interface DeviceTree {
  readonly reservations: readonly MemoryReservation[];
  /** boot_cpuid_phys: `reg` of the CPU that boots. */
  readonly bootCpu: number;
  readonly root: DeviceTreeNode;
}

/**
 * The node at a path like `/chosen` or `/soc/serial@9000000`. A name without unit address also finds the first
 * node that has one (2.2.3).
 */
export function findNode(root: DeviceTreeNode, path: string): DeviceTreeNode | undefined {
  let node: DeviceTreeNode | undefined = root;
  for (const name of componentsOf(path)) {
    const index: number = childIndex(node, name);
    node = node.children[index];
    if (node === undefined) return undefined;
  }
  return node;
}

/** The root with `change` applied to the node at `path`, which is made (with those above it) if it is not there. */
export function updateNode(
  root: DeviceTreeNode,
  path: string,
  change: (node: DeviceTreeNode) => DeviceTreeNode,
): DeviceTreeNode {
  const [name, ...rest] = componentsOf(path);
  if (name === undefined) return change(root);
  const index = childIndex(root, name);
  const child = root.children[index] ?? { name, properties: [], children: [] };
  const changed = updateNode(child, rest.join('/'), change);
  const children = index < 0 ? [...root.children, changed] : root.children.with(index, changed);
  return { ...root, children };
}

/** The property's bytes, undefined when the node does not have it. */
export function propertyValue(node: DeviceTreeNode, name: string): Uint8Array | undefined {
  return node.properties.find((property) => property.name === name)?.value;
}

/** The node with the property set: in its old place, else last. */
export function withProperty(node: DeviceTreeNode, name: string, value: Uint8Array): DeviceTreeNode {
  const property = { name, value };
  const index = node.properties.findIndex((each) => each.name === name);
  const properties = index < 0 ? [...node.properties, property] : node.properties.with(index, property);
  return { ...node, properties };
}

/** The node without these properties, those that it does not have included. */
export function withoutProperties(node: DeviceTreeNode, names: readonly string[]): DeviceTreeNode {
  return { ...node, properties: node.properties.filter((property) => !names.includes(property.name)) };
}

/** A <u32>: big-endian. 2.2.4. */
export function u32Property(value: number): Uint8Array {
  const bytes = new Uint8Array(4);
  new DataView(bytes.buffer).setUint32(0, value);
  return bytes;
}

/** A <u64>: big-endian. */
export function u64Property(value: bigint): Uint8Array {
  const bytes = new Uint8Array(8);
  new DataView(bytes.buffer).setBigUint64(0, value);
  return bytes;
}

/** A <string>: its UTF-8 bytes and a NUL. */
export function stringProperty(text: string): Uint8Array {
  return new TextEncoder().encode(`${text}\0`);
}

/** Text up to the first NUL; undefined when the node does not have the property. */
export function propertyText(node: DeviceTreeNode, name: string): string | undefined {
  return propertyStrings(node, name)?.[0];
}

/** A <stringlist>. */
export function propertyStrings(node: DeviceTreeNode, name: string): string[] | undefined {
  const value = propertyValue(node, name);
  if (value === undefined) return undefined;
  const text = Buffer.from(value).toString('utf8');
  return (text.endsWith('\0') ? text.slice(0, -1) : text).split('\0');
}

/** An integer of 4 or 8 bytes. @throws E_FORMAT for another length */
export function propertyInteger(node: DeviceTreeNode, name: string): bigint | undefined {
  const value = propertyValue(node, name);
  if (value === undefined) return undefined;
  if (value.length !== 4 && value.length !== 8)
    throw malformed(`${node.name || '/'}: ${name} has ${value.length} bytes, not 4 or 8`);
  return cells(value, 0, value.length / 4);
}

/** How many 32-bit cells an address and a size take in the `reg` of a node's children. */
export interface CellCounts {
  readonly address: number;
  readonly size: number;
}

/** #address-cells and #size-cells with their defaults 2 and 1 (2.3.5). @throws E_FORMAT above 2 cells */
export function cellCounts(parent: DeviceTreeNode): CellCounts {
  const address = Number(propertyInteger(parent, '#address-cells') ?? 2n);
  const size = Number(propertyInteger(parent, '#size-cells') ?? 1n);
  if (address > 2 || size > 2)
    throw malformed(`${parent.name || '/'}: addresses of ${address} and sizes of ${size} cells`);
  return { address, size };
}

/** The ranges of a `reg` or a property like it. @throws E_FORMAT unless they are whole */
export function rangesOfReg(value: Uint8Array, counts: CellCounts): Range[] {
  const width = (counts.address + counts.size) * 4;
  if (width === 0 || value.length % width !== 0)
    throw malformed(`reg: ${value.length} bytes are no ranges of ${width} bytes`);
  return Array.from({ length: value.length / width }, (_none, index) => {
    const at = index * width;
    const start = cells(value, at, counts.address);
    return rangeFromSize(start, cells(value, at + counts.address * 4, counts.size));
  });
}

/** The opposite of `rangesOfReg`. @throws E_UNSUPPORTED when an address or size needs more cells */
export function regOfRanges(ranges: readonly Range[], counts: CellCounts): Uint8Array {
  const words = ranges.flatMap((range) => [
    ...wordsOf(range.start, counts.address),
    ...wordsOf(range.end - range.start, counts.size),
  ]);
  const bytes = new Uint8Array(words.length * 4);
  const view = new DataView(bytes.buffer);
  for (const [index, word] of words.entries()) view.setUint32(index * 4, word);
  return bytes;
}

function componentsOf(path: string): string[] {
  return path.split('/').filter((name) => name !== '');
}

function childIndex(node: DeviceTreeNode, name: string): number {
  const exact = node.children.findIndex((child) => child.name === name);
  if (exact >= 0 || name.includes('@')) return exact;
  return node.children.findIndex((child) => child.name.startsWith(`${name}@`));
}

function cells(bytes: Uint8Array, offset: number, count: number): bigint {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  let value = 0n;
  for (let index = 0; index < count; index++)
    value = (value << 32n) | BigInt(view.getUint32(offset + index * 4));
  return value;
}

function wordsOf(value: bigint, count: number): number[] {
  if (value < 0n || value >> BigInt(32 * count) !== 0n)
    throw new KhopError(
      'E_UNSUPPORTED',
      `device tree: 0x${value.toString(16)} needs more than ${count} cells`,
      {
        hint: 'The device tree’s #address-cells and #size-cells are too small for this machine’s memory.',
      },
    );
  return Array.from({ length: count }, (_none, index) =>
    Number((value >> BigInt(32 * (count - 1 - index))) & 0xffff_ffffn),
  );
}

function malformed(problem: string): KhopError {
  return new KhopError('E_FORMAT', `device tree: ${problem}`, {
    hint: 'The device tree is corrupt, or made for something else; use the one of this machine.',
  });
}
