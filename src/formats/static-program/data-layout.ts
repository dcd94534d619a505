/**
 * Where the data of a program lie. They get their addresses before there is code, so that an address is a constant
 * like any other: constants stand in front of the code, and zeroed memory far behind both.
 * @module
 */
import type { Architecture } from '../architecture.ts';
import { joinBytes } from '../join-bytes.ts';
import { refuse } from './refusal.ts';
import { type DataTerm, type Term, wordOf, type Zeroed } from './terms.ts';

/** What a program has besides code. */
export interface DataLayout {
  /** All that is only read. */
  readonly constants: Uint8Array;
  /** Bytes of zeroed memory. */
  readonly zeroedSize: number;
  addressOf(term: DataTerm): bigint;
}

/** Addresses of the first byte of each kind. */
export interface DataBases {
  readonly constants: bigint;
  readonly zeroed: bigint;
}

/** What is known while data are laid out. */
interface Layout {
  readonly architecture: Architecture;
  readonly bases: DataBases;
  readonly pieces: Uint8Array[];
  constantsSize: number;
  zeroedSize: number;
  /** Of terms that were met; texts by what they say. */
  readonly addresses: Map<DataTerm, bigint>;
  /** Of constants, by alignment and content. */
  readonly constants: Map<string, bigint>;
}

/**
 * Places what `terms` name, in this order, each once.
 * @param bases both multiples of 16 at least
 * @throws E_INTERNAL for a text with NUL in it, and for a table of words that holds no constant
 */
export function layOutData(
  terms: readonly DataTerm[],
  architecture: Architecture,
  bases: DataBases,
): DataLayout {
  const layout: Layout = {
    architecture,
    bases,
    pieces: [],
    constantsSize: 0,
    zeroedSize: 0,
    addresses: new Map(),
    constants: new Map(),
  };
  for (const term of terms) place(layout, term);
  return {
    constants: joinBytes(layout.pieces),
    zeroedSize: layout.zeroedSize,
    addressOf: (term) => place(layout, term),
  };
}

function place(layout: Layout, term: DataTerm): bigint {
  const known = layout.addresses.get(term);
  if (known !== undefined) return known;
  const address = placeNew(layout, term);
  layout.addresses.set(term, address);
  return address;
}

function placeNew(layout: Layout, term: DataTerm): bigint {
  if (typeof term === 'string') return placeConstant(layout, textBytes(term), 1);
  switch (term.kind) {
    case 'bytes':
      return placeConstant(layout, term.bytes, 8);
    case 'words':
      return placeConstant(layout, encodeWords(layout, term.words), 8);
    case 'zeroed':
      return placeZeroed(layout, term);
  }
}

function placeConstant(layout: Layout, bytes: Uint8Array, alignment: number): bigint {
  const key = `${alignment}:${Buffer.from(bytes).toString('latin1')}`;
  const known = layout.constants.get(key);
  if (known !== undefined) return known;
  const padding = -layout.constantsSize & (alignment - 1);
  layout.pieces.push(new Uint8Array(padding), bytes);
  const address = layout.bases.constants + BigInt(layout.constantsSize + padding);
  layout.constantsSize += padding + bytes.length;
  layout.constants.set(key, address);
  return address;
}

function placeZeroed(layout: Layout, { size, alignment }: Zeroed): bigint {
  if (!Number.isSafeInteger(size) || size < 1) refuse(`${size} is no size of memory`);
  if (alignment < 1 || (alignment & (alignment - 1)) !== 0) refuse(`${alignment} is no alignment`);
  const start = layout.bases.zeroed + BigInt(layout.zeroedSize);
  const address = (start + BigInt(alignment - 1)) & -BigInt(alignment);
  layout.zeroedSize = Number(address - layout.bases.zeroed) + size;
  return address;
}

function encodeWords(layout: Layout, words: readonly Term[]): Uint8Array {
  const bytes = new Uint8Array(8 * words.length);
  const view = new DataView(bytes.buffer);
  for (const [index, word] of words.entries()) view.setBigUint64(8 * index, constantOf(layout, word), true);
  return bytes;
}

function constantOf(layout: Layout, term: Term): bigint {
  if (typeof term === 'number' || typeof term === 'bigint') return wordOf(term);
  if (typeof term === 'string') return place(layout, term);
  if ('kind' in term) {
    if (term.kind === 'per-architecture') return wordOf(term.values[layout.architecture]);
    if (term.kind === 'bytes' || term.kind === 'words' || term.kind === 'zeroed') return place(layout, term);
  }
  return refuse('a table holds a word that is no constant');
}

function textBytes(text: string): Uint8Array {
  if (text.includes('\0')) refuse(`${JSON.stringify(text)} has a NUL in it`);
  return Buffer.from(`${text}\0`);
}
