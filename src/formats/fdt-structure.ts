/**
 * The structure and strings blocks of a flattened device tree: tokens there, nodes here.
 * Specification: Devicetree Specification 0.4, 5.4 "Structure Block" and 5.5 "Strings Block".
 * @module
 */
import { ByteReader } from './byte-reader.ts';
import type { DeviceTreeNode, DeviceTreeProperty } from './device-tree.ts';

/** 5.4.1. */
const TOKENS = { beginNode: 1, endNode: 2, property: 3, nop: 4, end: 9 } as const;

/** Deeper than any real tree; keeps later walks over the value from running out of stack. */
const DEPTH_LIMIT = 64;
const NAME_LIMIT = 256;

/** The two blocks. */
export interface FdtBlocks {
  readonly structure: Uint8Array;
  readonly strings: Uint8Array;
}

/** A node whose FDT_END_NODE has not been seen. */
interface OpenNode {
  readonly name: string;
  readonly properties: DeviceTreeProperty[];
  readonly children: DeviceTreeNode[];
}

/** Where reading is, and the property names met so far: a few hundred serve thousands of properties. */
interface Cursor {
  readonly structure: ByteReader;
  readonly strings: ByteReader;
  readonly names: Map<number, string>;
  at: number;
}

/** The one root node. @throws E_FORMAT for tokens out of order, a missing FDT_END and names without end */
export function readFdtStructure(blocks: FdtBlocks): DeviceTreeNode {
  const cursor: Cursor = {
    structure: new ByteReader(blocks.structure, 'FDT structure'),
    strings: new ByteReader(blocks.strings, 'FDT strings'),
    names: new Map(),
    at: 0,
  };
  const open: OpenNode[] = [];
  let root: DeviceTreeNode | undefined;
  for (;;) {
    const at = cursor.at;
    const token = readWord(cursor, 'token');
    const node = open.at(-1);
    if (token === TOKENS.nop) continue;
    if (token === TOKENS.beginNode && (node !== undefined || root === undefined)) {
      if (open.length >= DEPTH_LIMIT) cursor.structure.fail('FDT_BEGIN_NODE', at, 'is nested too deeply');
      open.push({ name: readNodeName(cursor), properties: [], children: [] });
    } else if (token === TOKENS.endNode && node !== undefined) {
      open.pop();
      const parent = open.at(-1);
      if (parent === undefined) root = node;
      else parent.children.push(node);
    } else if (token === TOKENS.property && node !== undefined) node.properties.push(readProperty(cursor));
    else if (token === TOKENS.end && node === undefined && root !== undefined) return root;
    else cursor.structure.fail('token', at, `0x${token.toString(16)} cannot be here`);
  }
}

/** Every distinct property name is stored once. */
export function encodeFdtStructure(root: DeviceTreeNode): FdtBlocks {
  const parts: Uint8Array[] = [];
  const names = new Map<string, number>();
  let stringsLength = 0;
  const nameOffset = (name: string): number => {
    const known = names.get(name);
    if (known !== undefined) return known;
    names.set(name, stringsLength);
    stringsLength += name.length + 1;
    return stringsLength - name.length - 1;
  };
  const addNode = (node: DeviceTreeNode): void => {
    parts.push(words(TOKENS.beginNode), padded(Buffer.from(`${node.name}\0`, 'latin1')));
    for (const { name, value } of node.properties)
      parts.push(words(TOKENS.property, value.length, nameOffset(name)), padded(value));
    for (const child of node.children) addNode(child);
    parts.push(words(TOKENS.endNode));
  };
  addNode(root);
  parts.push(words(TOKENS.end));
  const strings = Buffer.from([...names.keys()].map((name) => `${name}\0`).join(''), 'latin1');
  return { structure: Buffer.concat(parts), strings };
}

function readWord(cursor: Cursor, field: string): number {
  const value = cursor.structure.u32be(cursor.at, field);
  cursor.at += 4;
  return value;
}

function skip(cursor: Cursor, length: number): void {
  cursor.at += Math.ceil(length / 4) * 4;
}

function readNodeName(cursor: Cursor): string {
  const name = nameAt(cursor.structure, cursor.at, 'node name');
  skip(cursor, name.length + 1);
  return name;
}

function readProperty(cursor: Cursor): DeviceTreeProperty {
  const length = readWord(cursor, 'property length');
  const nameOffset = readWord(cursor, 'property name offset');
  const value = cursor.structure.slice(cursor.at, length, 'property value');
  skip(cursor, length);
  const name = cursor.names.get(nameOffset) ?? nameAt(cursor.strings, nameOffset, 'property name');
  cursor.names.set(nameOffset, name);
  return { name, value };
}

/** Latin-1 up to a NUL, which must be there. */
function nameAt(reader: ByteReader, offset: number, field: string): string {
  const rest = reader.slice(offset, Math.min(NAME_LIMIT, Math.max(0, reader.length - offset)), field);
  const end = rest.indexOf(0);
  if (end < 0) reader.fail(field, offset, `does not end within ${rest.length} bytes`);
  return Buffer.from(rest.subarray(0, end)).toString('latin1');
}

function words(...values: readonly number[]): Uint8Array {
  const bytes = new Uint8Array(values.length * 4);
  const view = new DataView(bytes.buffer);
  for (const [index, value] of values.entries()) view.setUint32(index * 4, value);
  return bytes;
}

function padded(bytes: Uint8Array): Uint8Array {
  const copy = new Uint8Array(Math.ceil(bytes.length / 4) * 4);
  copy.set(bytes);
  return copy;
}
