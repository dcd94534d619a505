/**
 * Writes udev's hardware database. The layout is described in hwdb.ts, which reads it.
 * @module
 */
import {
  HWDB_CHILD_SIZE,
  HWDB_HEADER_SIZE,
  HWDB_NODE_SIZE,
  HWDB_SIGNATURE,
  HWDB_VALUE_SIZES,
  type Hwdb,
  type HwdbNode,
} from './hwdb.ts';

/** `parseHwdb` of it is `hwdb` again. */
export function encodeHwdb({ toolVersion, root, files }: Hwdb): Uint8Array {
  const valueSize = files.length > 0 ? HWDB_VALUE_SIZES.long : HWDB_VALUE_SIZES.short;
  const nodesEnd = HWDB_HEADER_SIZE + sizeOfNodes(root, valueSize);
  const strings = new Strings(nodesEnd);
  for (const file of files) strings.place(file);
  const nodes = Buffer.alloc(nodesEnd);
  const writer: NodeWriter = { nodes, end: HWDB_HEADER_SIZE, valueSize, strings };
  const rootPlace = writeNode(root, writer);
  const text = strings.encode();
  nodes.write(HWDB_SIGNATURE, 'latin1');
  const header = [
    ...[toolVersion, nodesEnd + text.length, HWDB_HEADER_SIZE],
    ...[HWDB_NODE_SIZE, HWDB_CHILD_SIZE, valueSize],
    ...[rootPlace, nodesEnd - HWDB_HEADER_SIZE, text.length],
  ];
  for (const [index, value] of header.entries()) nodes.writeBigUInt64LE(BigInt(value), 8 + 8 * index);
  return new Uint8Array(Buffer.concat([nodes, text]));
}

/** Each text once, at a place in the file that it keeps. */
class Strings {
  readonly #places = new Map<string, number>();
  #end: number;

  constructor(start: number) {
    this.#end = start;
  }

  place(text: string): number {
    const known = this.#places.get(text);
    if (known !== undefined) return known;
    const place = this.#end;
    this.#places.set(text, place);
    this.#end += text.length + 1;
    return place;
  }

  encode(): Buffer {
    return Buffer.from([...this.#places.keys()].map((text) => `${text}\0`).join(''), 'latin1');
  }
}

interface NodeWriter {
  readonly nodes: Buffer;
  end: number;
  readonly valueSize: number;
  readonly strings: Strings;
}

function sizeOfNodes({ children, values }: HwdbNode, valueSize: number): number {
  const own = HWDB_NODE_SIZE + children.length * HWDB_CHILD_SIZE + values.length * valueSize;
  return children.reduce((sum, { node }) => sum + sizeOfNodes(node, valueSize), own);
}

/** The children go in front. @returns where the node is */
function writeNode({ prefix, children, values }: HwdbNode, writer: NodeWriter): number {
  const places = children.map(({ node }) => writeNode(node, writer));
  const { nodes, strings, valueSize } = writer;
  const place = writer.end;
  const put = (value: number): void => {
    nodes.writeBigUInt64LE(BigInt(value), writer.end);
    writer.end += 8;
  };
  for (const word of [strings.place(prefix), children.length, values.length]) put(word);
  for (const [index, { byte }] of children.entries()) {
    put(byte);
    put(places[index]!);
  }
  for (const { property, text, source } of values) {
    put(strings.place(property));
    put(strings.place(text));
    if (valueSize === HWDB_VALUE_SIZES.short) continue;
    put(strings.place(source?.file ?? ''));
    nodes.writeUInt32LE(source?.line ?? 0, writer.end);
    nodes.writeUInt16LE(source?.priority ?? 0, writer.end + 4);
    writer.end += 8;
  }
  return place;
}
