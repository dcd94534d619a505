/**
 * BTF: the types of the kernel's structures, which are in its memory since 5.2 where CONFIG_DEBUG_INFO_BTF is set.
 * Specification: linux Documentation/bpf/btf.rst. A type is {name_off u32, info u32, size_or_type u32} and, by its
 * kind, more; members are {name_off u32, type u32, offset u32 in bits}.
 * @module
 */
import { ByteReader } from '../byte-reader.ts';
import type { KernelMemory } from './kernel-memory.ts';
import type { KernelSymbols } from './kernel-symbols.ts';

const MAGIC = 0xeb9f;
const LARGEST = 64 * 1024 * 1024;
const HEADER_SIZE = 24;
const TYPE_SIZE = 12;
const KINDS = { array: 3, struct: 4, union: 5 } as const;
/** Bytes after a type: for each of its vlen elements, and once. */
const PER_ELEMENT: Readonly<Record<number, number>> = { 4: 12, 5: 12, 6: 8, 13: 8, 15: 12, 19: 12 };
const ONCE: Readonly<Record<number, number>> = { 1: 4, 3: 12, 14: 4, 17: 4 };
const LAST_KIND = 19;
/** Typedefs, const and volatile: what they are of. */
const MODIFIERS = new Set([8, 9, 10, 11, 18]);
/** Anonymous structures within structures. */
const NESTING_LIMIT = 8;
/** Members that are looked at for one name: vlen has 16 bits, so no structure has more of its own. */
const MEMBERS_LIMIT = 65_536;
/** KSYM_NAME_LEN: linux kernel/bpf/btf.c refuses longer ones, btf_name_valid_identifier(). */
const NAME_LIMIT = 512;

/** Where a member is. */
export interface MemberPlace {
  /** Bytes from the start of the structure. */
  readonly offset: number;
  /** Bytes of what it is, or of one element when it is an array; undefined for pointers and numbers. */
  readonly elementSize: number | undefined;
}

/** The types by the names of structures. */
export interface KernelTypes {
  /**
   * A member, also one of an anonymous structure within; undefined when there is none.
   * @throws E_FORMAT when the types are damaged there
   */
  readonly member: (structure: string, name: string) => MemberPlace | undefined;
}

interface TypeTable {
  readonly reader: ByteReader;
  /** Offset of the strings. */
  readonly strings: number;
  /** Offset of each type; type 0 is void. */
  readonly types: readonly number[];
  /** Number of the first structure of a name. */
  readonly structures: ReadonlyMap<string, number>;
}

/** Undefined where the kernel has none, or the dump has it not. @throws E_FORMAT when it is damaged */
export function readKernelTypes(memory: KernelMemory, symbols: KernelSymbols): KernelTypes | undefined {
  const [start, stop] = [symbols.find('__start_BTF'), symbols.find('__stop_BTF')];
  if (start === undefined || stop === undefined || stop <= start || stop - start > BigInt(LARGEST))
    return undefined;
  const read = memory.read(start, Number(stop - start));
  if (read.state !== 'read') return undefined;
  const table = readTable(new ByteReader(read.bytes, 'BTF'));
  // Readers of lists ask for the same few members again and again.
  const known = new Map<string, MemberPlace | undefined>();
  return {
    member: (structure, name) => {
      const key = `${structure}.${name}`;
      if (!known.has(key)) known.set(key, findIn(table, structure, name));
      return known.get(key);
    },
  };
}

function readTable(reader: ByteReader): TypeTable {
  if (reader.u16(0, 'magic') !== MAGIC) reader.fail('magic', 0, 'is not 0xeb9f');
  const headerSize = reader.u32(4, 'hdr_len');
  if (headerSize < HEADER_SIZE) reader.fail('hdr_len', 4, `${headerSize} is too short`);
  const strings = headerSize + reader.u32(16, 'str_off');
  let at = headerSize + reader.u32(8, 'type_off');
  const end = at + reader.u32(12, 'type_len');
  const types = [0];
  const structures = new Map<string, number>();
  let named = 0;
  while (at < end) {
    const info = reader.u32(at + 4, 'info');
    const kind = (info >>> 24) & 31;
    if (kind === 0 || kind > LAST_KIND) reader.fail('info', at + 4, `kind ${kind} is not known`);
    if (kind === KINDS.struct || kind === KINDS.union) {
      const name = textAt(reader, strings + reader.u32(at, 'name_off'));
      if (name !== '' && !structures.has(name)) {
        structures.set(name, types.length);
        named += name.length;
        // Each name is in the strings once; those of a damaged table may be parts of one another.
        if (named > reader.length) reader.fail('name_off', at, 'names overlap');
      }
    }
    types.push(at);
    at += TYPE_SIZE + (ONCE[kind] ?? 0) + (PER_ELEMENT[kind] ?? 0) * (info & 0xffff);
  }
  return { reader, strings, types, structures };
}

function textAt(reader: ByteReader, offset: number): string {
  const length = reader.bytes.subarray(offset, offset + NAME_LIMIT).indexOf(0);
  if (length < 0) reader.fail('string', offset, `does not end within ${NAME_LIMIT} bytes`);
  return Buffer.from(reader.slice(offset, length, 'string')).toString('latin1');
}

function findIn(table: TypeTable, structure: string, name: string): MemberPlace | undefined {
  const type = table.structures.get(structure);
  if (type === undefined) return undefined;
  return findMember({ table, name, members: 0 }, type, NESTING_LIMIT);
}

/** One look for a name, and how many members it has seen. */
interface Search {
  readonly table: TypeTable;
  readonly name: string;
  members: number;
}

function findMember(search: Search, type: number, depth: number): MemberPlace | undefined {
  const { table } = search;
  const { reader, strings } = table;
  const at = table.types[type];
  if (at === undefined || at === 0 || depth === 0) return undefined;
  const info = reader.u32(at + 4, 'info');
  const kind = (info >>> 24) & 31;
  if (kind !== KINDS.struct && kind !== KINDS.union) return undefined;
  for (let index = 0; index < (info & 0xffff); index++) {
    const member = at + TYPE_SIZE + index * 12;
    if (++search.members > MEMBERS_LIMIT) reader.fail('member', member, 'nameless structures have no end');
    const name = textAt(reader, strings + reader.u32(member, 'name_off'));
    const memberType = reader.u32(member + 4, 'type');
    const bits = reader.u32(member + 8, 'offset');
    // kind_flag: the upper 8 bits are the width of a bit field.
    const offset = Math.floor((info >>> 31 ? bits & 0xffffff : bits) / 8);
    if (name === search.name) return { offset, elementSize: sizeOf(table, memberType) };
    const inner = name === '' ? findMember(search, memberType, depth - 1) : undefined;
    if (inner !== undefined) return { ...inner, offset: offset + inner.offset };
  }
  return undefined;
}

/** Of a structure, or of the elements of an array of structures. */
function sizeOf({ reader, types }: TypeTable, start: number): number | undefined {
  let type = start;
  for (let depth = 0; depth < NESTING_LIMIT; depth++) {
    const at = types[type];
    if (at === undefined || at === 0) return undefined;
    const kind = (reader.u32(at + 4, 'info') >>> 24) & 31;
    if (kind === KINDS.struct || kind === KINDS.union) return reader.u32(at + 8, 'size');
    if (kind === KINDS.array) type = reader.u32(at + TYPE_SIZE, 'type');
    else if (MODIFIERS.has(kind)) type = reader.u32(at + 8, 'type');
    else return undefined;
  }
  return undefined;
}
