/**
 * kallsyms: the names of the kernel's functions and variables, which are in its memory. VMCOREINFO tells since 6.0
 * where they are.
 * Reference: linux scripts/kallsyms.c, write_src(), and kernel/kallsyms.c.
 *
 * A name is its length (7 bits, or since 6.1 14 in two bytes with the highest bit of the first set) and as many
 * indexes of tokens; the first letter of the text is the type. Addresses are 32-bit offsets, of one of three kinds.
 * @module
 */
import { KhopError } from '../../error.ts';
import { ByteReader } from '../byte-reader.ts';
import { partitionPoint } from '../partition-point.ts';
import { printableText } from '../printable-text.ts';
import type { KernelMemory } from './kernel-memory.ts';
import { readKernelBytes, readPointer, readU32 } from './kernel-values.ts';
import { requireKnown, symbolAddress } from './vmcoreinfo.ts';

/** A kernel with everything built in has about 400 thousand. */
const SYMBOLS_LIMIT = 4_000_000;
/** KSYM_NAME_LEN is 512 since 6.1. */
const NAME_LIMIT = 1024;
/** Of all names together, letters and tokens each: a kernel has some 4 MiB. */
const NAMES_LIMIT = 64 * 1024 * 1024;
const TOKENS = 256;
const CHUNK = 256 * 1024;

/** Where an address is: so many bytes into a function of so many bytes. */
export interface SymbolPlace {
  readonly name: string;
  readonly offset: bigint;
  readonly size: bigint;
}

/** The kernel's own symbols; those of modules are elsewhere. */
export interface KernelSymbols {
  readonly count: number;
  /** The address of the first symbol of this name. */
  readonly find: (name: string) => bigint | undefined;
  /** The last symbol that is not above `address`. */
  readonly describe: (address: bigint) => SymbolPlace | undefined;
}

/**
 * @throws E_UNSUPPORTED before 6.0, and for an encoding of addresses that is none of the three; E_FORMAT when the
 *   tables are damaged or not in the dump
 */
export function readKernelSymbols(memory: KernelMemory): KernelSymbols {
  const symbol = (name: string) =>
    requireKnown(symbolAddress(memory.vmcoreinfo, `kallsyms_${name}`), `SYMBOL(kallsyms_${name})`);
  const count = readU32(memory, symbol('num_syms'), 'kallsyms_num_syms');
  if (count === 0 || count > SYMBOLS_LIMIT) throw damaged(`kallsyms_num_syms is ${count}`);
  const names = readNames(memory, symbol('names'), count, readTokens(memory, symbol));
  const addresses = readAddresses(memory, names, symbol('offsets'));
  const byName = new Map<string, bigint>();
  for (const [index, name] of names.entries()) if (!byName.has(name)) byName.set(name, addresses[index]!);
  const order = Uint32Array.from(names.keys());
  // The kernel sorts them itself; only damage, or symbols of CPUs' own variables, come out of order.
  if (addresses.some((address, index) => index > 0 && address < addresses[index - 1]!))
    order.sort((a, b) => (addresses[a]! < addresses[b]! ? -1 : addresses[a]! > addresses[b]! ? 1 : a - b));
  return {
    count,
    find: (name) => byName.get(name),
    describe: (address) => describe(names, addresses, order, address),
  };
}

function damaged(what: string): KhopError {
  return new KhopError('E_FORMAT', `the symbols of the kernel are damaged: ${what}`, {
    hint: 'The log of this dump may still be good: khop vmcore dmesg',
  });
}

function readTokens(memory: KernelMemory, symbol: (name: string) => bigint): string[] {
  const indexes = new ByteReader(
    readKernelBytes(memory, symbol('token_index'), TOKENS * 2, 'kallsyms_token_index'),
    'kallsyms_token_index',
  );
  const starts = Array.from({ length: TOKENS }, (_none, token) => indexes.u16(token * 2, 'token'));
  // The last token has its NUL within the next bytes; tokens are a few letters.
  const length = Math.max(...starts) + 64;
  const table = readKernelBytes(memory, symbol('token_table'), length, 'kallsyms_token_table');
  const text = Buffer.from(table).toString('latin1');
  return starts.map((start) => {
    const end = text.indexOf('\0', start);
    if (end < 0 || end - start > NAME_LIMIT) throw damaged('a token does not end');
    return text.slice(start, end);
  });
}

/** Without their types. */
function readNames(memory: KernelMemory, start: bigint, count: number, tokens: readonly string[]): string[] {
  const cursor = new Cursor(memory, start);
  const names: string[] = [];
  let total = 0;
  for (let index = 0; index < count; index++) {
    let length = cursor.next();
    if (length >= 0x80) length = (length & 0x7f) | (cursor.next() << 7);
    let name = '';
    for (let token = 0; token < length; token++) {
      name += tokens[cursor.next()]!;
      if (name.length > NAME_LIMIT) throw damaged(`symbol ${index} has a name without end`);
    }
    // A token may be empty.
    total += Math.max(name.length, length);
    if (total > NAMES_LIMIT) throw damaged('the names do not end');
    names.push(printableText(name.slice(1)));
  }
  return names;
}

/** Bytes from an address on, a chunk at a time: nothing says beforehand how many the names have. */
class Cursor {
  readonly #memory: KernelMemory;
  #address: bigint;
  #chunk: Uint8Array = new Uint8Array(0);
  #at = 0;

  constructor(memory: KernelMemory, address: bigint) {
    this.#memory = memory;
    this.#address = address;
  }

  next(): number {
    if (this.#at === this.#chunk.length) this.#fill();
    return this.#chunk[this.#at++]!;
  }

  /** A whole chunk, or only what is left of a page where the image ends. */
  #fill(): void {
    const left = 4096 - Number(this.#address & 0xfffn);
    const read = this.#memory.read(this.#address, CHUNK);
    this.#chunk =
      read.state === 'read'
        ? read.bytes
        : readKernelBytes(this.#memory, this.#address, left, 'kallsyms_names');
    this.#address += BigInt(this.#chunk.length);
    this.#at = 0;
  }
}

type Encoding = (offset: bigint, index: number) => bigint;

/** The encoding is the one that puts _stext where VMCOREINFO has it. */
function readAddresses(memory: KernelMemory, names: readonly string[], table: bigint): BigUint64Array {
  const info = memory.vmcoreinfo;
  const offsets = new ByteReader(
    readKernelBytes(memory, table, names.length * 4, 'kallsyms_offsets'),
    'kallsyms_offsets',
  );
  const signed = (index: number) => BigInt(offsets.u32(index * 4, 'offset') | 0);
  const stext = requireKnown(symbolAddress(info, '_stext'), 'SYMBOL(_stext)');
  const known = names.indexOf('_stext');
  const baseAt = symbolAddress(info, 'kallsyms_relative_base');
  const base = baseAt === undefined ? 0n : readPointer(memory, baseAt, 'kallsyms_relative_base');
  const encodings: Encoding[] = [
    // Negative ones count down from the base, the others are absolute: KALLSYMS_ABSOLUTE_PERCPU.
    (offset) => (offset < 0n ? base - 1n - offset : offset),
    (offset) => base + BigInt.asUintN(32, offset),
    // Relative to the place of the offset itself.
    (offset, index) => table + BigInt(index * 4) + offset,
  ];
  const encoding = encodings.find((each) => known >= 0 && each(signed(known), known) === stext);
  if (encoding === undefined)
    throw new KhopError(
      'E_UNSUPPORTED',
      'the symbols of this kernel are encoded in a way that khop does not know',
      {
        hint: 'The log of this dump can be read: khop vmcore dmesg. Use crash or drgn for traces.',
      },
    );
  const addresses = new BigUint64Array(names.length);
  for (let index = 0; index < names.length; index++)
    addresses[index] = BigInt.asUintN(64, encoding(signed(index), index));
  return addresses;
}

function describe(
  names: readonly string[],
  addresses: BigUint64Array,
  order: Uint32Array,
  address: bigint,
): SymbolPlace | undefined {
  const addressOf = (index: number) => addresses[order[index]!]!;
  const after = partitionPoint(order.length, (index) => addressOf(index) <= address);
  if (after === 0) return undefined;
  const start = addressOf(after - 1);
  // Of several names for one place, the kernel prints the first.
  const first = partitionPoint(after, (index) => addressOf(index) < start);
  const end = after === order.length ? start : addressOf(after);
  return { name: names[order[first]!]!, offset: address - start, size: end - start };
}
