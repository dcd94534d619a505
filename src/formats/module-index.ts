/**
 * depmod's binary indexes: modules.dep.bin, modules.alias.bin and the others that kmod looks names up in.
 * tools/depmod/depmod.c, "Index", and libkmod/libkmod-index.c of kmod. Numbers are big-endian:
 *
 *     magic 0xB007F457 | version 2.1 | root
 *     node: prefix, NUL | first 1, last 1, child 4 for each byte from first to last | count 4, values
 *     value: priority 4 | text, NUL
 *
 * A node's place has in its upper 4 bits which of the three it has. A key is the prefixes and the bytes of
 * the children on the way to a node with values.
 * @module
 */
import { ByteReader } from './byte-reader.ts';

export const MODULE_INDEX_MAGIC = 0xb007f457;
export const MODULE_INDEX_VERSION = 0x00020001;
export const HAS_PREFIX = 0x80000000;
export const HAS_VALUES = 0x40000000;
export const HAS_CHILDREN = 0x20000000;
export const OFFSET_MASK = 0x0fffffff;
/** Keys and values are names of modules, aliases and lists of paths. */
const KEY_LIMIT = 4096;

/** One value under one key; the lower the priority, the sooner kmod takes it. */
export interface ModuleIndexEntry {
  readonly key: string;
  readonly value: string;
  readonly priority: number;
}

/** Every entry, by key; those of one key by priority. @throws E_FORMAT */
export function parseModuleIndex(bytes: Uint8Array): ModuleIndexEntry[] {
  const reader = new ByteReader(bytes, 'module index');
  if (reader.u32be(0, 'magic') !== MODULE_INDEX_MAGIC)
    reader.fail('magic', 0, 'is not that of a module index');
  const version = reader.u32be(4, 'version');
  if (version >>> 16 !== MODULE_INDEX_VERSION >>> 16)
    reader.fail('version', 4, `0x${version.toString(16)} is not known`);
  const entries: ModuleIndexEntry[] = [];
  const visited = new Set<number>();
  const pending: { place: number; path: string }[] = [{ place: reader.u32be(8, 'root'), path: '' }];
  for (let next = pending.pop(); next !== undefined; next = pending.pop()) {
    const at = next.place & OFFSET_MASK;
    // depmod shares no nodes; a loop would never end.
    if (visited.has(at)) reader.fail('node', at, 'is reached twice');
    visited.add(at);
    const node = readNode(reader, next.place);
    const key = next.path + node.prefix;
    if (key.length > KEY_LIMIT) reader.fail('key', at, 'is absurdly long');
    for (const { value, priority } of node.values) entries.push({ key, value, priority });
    for (const { byte, place } of node.children.toReversed())
      pending.push({ place, path: key + String.fromCharCode(byte) });
  }
  return entries;
}

interface Node {
  readonly prefix: string;
  readonly children: readonly { readonly byte: number; readonly place: number }[];
  readonly values: readonly { readonly value: string; readonly priority: number }[];
}

function readNode(reader: ByteReader, place: number): Node {
  let at = place & OFFSET_MASK;
  const readText = (field: string): string => {
    const end = reader.bytes.indexOf(0, at);
    if (end < 0) reader.fail(field, at, 'does not end with a NUL');
    const text = Buffer.from(reader.slice(at, end - at, field)).toString('latin1');
    at = end + 1;
    return text;
  };
  const readNumber = (field: string): number => {
    at += 4;
    return reader.u32be(at - 4, field);
  };
  const prefix = place & HAS_PREFIX ? readText('prefix') : '';
  const children = [];
  if (place & HAS_CHILDREN) {
    const [first, last] = [reader.u8(at, 'first'), reader.u8(at + 1, 'last')];
    at += 2;
    for (let byte = first; byte <= last; byte++) {
      const child = readNumber('child');
      if (child !== 0) children.push({ byte, place: child });
    }
  }
  const values = [];
  const count = place & HAS_VALUES ? readNumber('value count') : 0;
  for (let index = 0; index < count; index++)
    values.push({ priority: readNumber('priority'), value: readText('value') });
  return { prefix, children, values };
}
