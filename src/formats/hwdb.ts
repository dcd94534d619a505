/**
 * udev's hardware database, hwdb.bin: what rules are to know of a device by its modalias. systemd,
 * src/libsystemd/sd-hwdb/hwdb-internal.h. Numbers are little-endian, offsets count from the start of the file:
 *
 *     "KSLPHHRH" | version 8, file size 8 | sizes of header, node, child, value, 8 each | root 8 | lengths 8, 8
 *     node: prefix 8 | number of children 1, padding 7 | number of values 8; then its children, then its values
 *     child: byte 1, padding 7 | node 8
 *     value: property 8 | text 8; since systemd 230 also: source file 8 | line 4 | priority 2, padding 2
 *
 * A pattern is the prefixes and the bytes of the children on the way to a node with values.
 * @module
 */
import { ByteReader } from './byte-reader.ts';

export const HWDB_SIGNATURE = 'KSLPHHRH';
export const HWDB_HEADER_SIZE = 80;
export const HWDB_NODE_SIZE = 24;
export const HWDB_CHILD_SIZE = 16;
/** Without and with the source. */
export const HWDB_VALUE_SIZES = { short: 16, long: 32 } as const;

/** Nodes on the way to one: the longest of systemd 257 has 19. */
const DEPTH_LIMIT = 512;

/** One property that devices of a pattern get. */
export interface HwdbValue {
  /** As it is stored: properties begin with a space. */
  readonly property: string;
  readonly text: string;
  /** What decides between two values of a property; undefined in the short form. */
  readonly source: { readonly file: string; readonly line: number; readonly priority: number } | undefined;
}

export interface HwdbNode {
  readonly prefix: string;
  /** Ascending by byte: they are searched by halves. */
  readonly children: readonly { readonly byte: number; readonly node: HwdbNode }[];
  readonly values: readonly HwdbValue[];
}

export interface Hwdb {
  readonly toolVersion: bigint;
  readonly root: HwdbNode;
  /** Those of the values, in the order of their strings, by which old readers tell which of them counts more. */
  readonly files: readonly string[];
}

interface Walk {
  readonly reader: ByteReader;
  /** The whole file, a character a byte. */
  readonly texts: string;
  readonly sizes: { readonly node: number; readonly child: number; readonly value: number };
  /** Source file -> where its name lies. */
  readonly files: Map<string, number>;
  readonly wants: (property: string) => boolean;
  /** How many more nodes the file has room for: where there are more, one leads to itself. */
  left: number;
}

/**
 * @param wants which properties to read; patterns without any are left out, which are most of a database
 * @throws E_FORMAT
 */
export function parseHwdb(bytes: Uint8Array, wants: (property: string) => boolean = () => true): Hwdb {
  const reader = new ByteReader(bytes, 'hwdb.bin');
  if (reader.text(0, 8, 'signature') !== HWDB_SIGNATURE)
    reader.fail('signature', 0, 'is not that of a hardware database');
  if (reader.size64(16, 'file size') !== bytes.length)
    reader.fail('file size', 16, `is not the ${bytes.length} bytes that there are`);
  const sizes = {
    node: sizeAt(reader, 32, HWDB_NODE_SIZE),
    child: sizeAt(reader, 40, HWDB_CHILD_SIZE),
    value: sizeAt(reader, 48, HWDB_VALUE_SIZES.short),
  };
  const files = new Map<string, number>();
  // There are some hundred thousand texts: to decode each on its own takes longer than all the rest.
  const texts = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('latin1');
  const walk: Walk = { reader, texts, sizes, files, wants, left: Math.floor(bytes.length / sizes.node) };
  const root = readNode(walk, reader.size64(56, 'root'), 0);
  const inOrder = [...files].sort(([, a], [, b]) => a - b).map(([name]) => name);
  return { toolVersion: reader.u64(8, 'version'), root, files: inOrder };
}

function sizeAt(reader: ByteReader, offset: number, smallest: number): number {
  const size = reader.size64(offset, 'size of a structure');
  if (size < smallest || size % 8 !== 0) reader.fail('size of a structure', offset, `is ${size}`);
  return size;
}

function readNode(walk: Walk, at: number, depth: number): HwdbNode {
  const { reader, sizes } = walk;
  if (walk.left < 1) reader.fail('node', at, 'there are more nodes than the file has room for');
  if (depth > DEPTH_LIMIT) reader.fail('node', at, 'its pattern is absurdly long');
  walk.left -= 1;
  const childCount = reader.u8(at + 8, 'number of children');
  const valueCount = reader.size64(at + 16, 'number of values');
  const firstChild = at + sizes.node;
  const firstValue = firstChild + childCount * sizes.child;
  reader.slice(firstValue, valueCount * sizes.value, 'values');
  const children: { byte: number; node: HwdbNode }[] = [];
  for (let child = firstChild; child < firstValue; child += sizes.child) {
    const node = readNode(walk, reader.size64(child + 8, 'child'), depth + 1);
    if (node.children.length + node.values.length > 0)
      children.push({ byte: reader.u8(child, 'byte'), node });
  }
  const values: HwdbValue[] = [];
  for (let index = 0; index < valueCount; index++) {
    const value = readValue(walk, firstValue + index * sizes.value);
    if (value !== undefined) values.push(value);
  }
  return { prefix: textAt(walk, at, 'prefix'), children, values };
}

function readValue(walk: Walk, at: number): HwdbValue | undefined {
  const { reader, sizes, files } = walk;
  const property = textAt(walk, at, 'property');
  if (!walk.wants(property)) return undefined;
  const text = textAt(walk, at + 8, 'text');
  if (sizes.value < HWDB_VALUE_SIZES.long) return { property, text, source: undefined };
  const file = textAt(walk, at + 16, 'source file');
  if (!files.has(file)) files.set(file, reader.size64(at + 16, 'source file'));
  const [line, priority] = [reader.u32(at + 24, 'line'), reader.u16(at + 28, 'priority')];
  return { property, text, source: { file, line, priority } };
}

/** The text that the offset at `at` leads to. */
function textAt({ reader, texts }: Walk, at: number, field: string): string {
  const start = reader.size64(at, field);
  const end = texts.indexOf('\0', start);
  if (start >= texts.length || end < 0) reader.fail(field, at, 'leads to no text');
  return texts.slice(start, end);
}
