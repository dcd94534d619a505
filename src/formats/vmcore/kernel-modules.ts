/**
 * Modules that were loaded when the kernel crashed: where their code is, its symbols and its ORC tables.
 * Reference: linux include/linux/module.h, struct module; the members' places come from BTF.
 * @module
 */
import { KhopError } from '../../error.ts';
import { ByteReader } from '../byte-reader.ts';
import { partitionPoint } from '../partition-point.ts';
import { printableText } from '../printable-text.ts';
import type { KernelTypes } from './btf.ts';
import type { KernelMemory } from './kernel-memory.ts';
import type { KernelSymbols, SymbolPlace } from './kernel-symbols.ts';
import { readPointer, readU32 } from './kernel-values.ts';
import type { OrcReader, OrcTable } from './orc-table.ts';

/** One module. */
export interface KernelModule {
  readonly name: string;
  /** Its code, the end not included. */
  readonly start: bigint;
  readonly end: bigint;
  readonly orc: OrcTable | undefined;
  /** Read when it is first asked. @throws E_FORMAT when the symbols are damaged or not in the dump */
  readonly describe: (address: bigint) => SymbolPlace | undefined;
}

const MODULES_LIMIT = 4096;
/** Of all modules together. */
const SYMBOLS_LIMIT = 500_000;
const SYMBOL_SIZE = 24;
const NAME_SIZE = 56;
const SYMBOL_NAME_SIZE = 128;
const LARGEST_MODULE = 1n << 28n;

/** Follows the list from `modules`; it ends where the list leaves the dump, or does not end. */
export function readKernelModules(
  memory: KernelMemory,
  symbols: KernelSymbols,
  parts: { readonly types: KernelTypes; readonly orc: OrcReader | undefined },
): KernelModule[] {
  const head = symbols.find('modules');
  const list = parts.types.member('module', 'list');
  if (head === undefined || list === undefined) return [];
  const modules: KernelModule[] = [];
  const room = { left: SYMBOLS_LIMIT };
  let at = readPointer(memory, head, 'modules');
  while (at !== head && modules.length < MODULES_LIMIT) {
    const found = readModule(memory, at - BigInt(list.offset), { ...parts, room });
    if (found !== undefined) modules.push(found);
    const next = memory.read(at, 8);
    if (next.state !== 'read') break;
    at = Buffer.from(next.bytes).readBigUInt64LE();
  }
  return modules;
}

function readModule(
  memory: KernelMemory,
  module: bigint,
  parts: { readonly types: KernelTypes; readonly orc: OrcReader | undefined; readonly room: SymbolRoom },
): KernelModule | undefined {
  const { types, orc, room } = parts;
  const place = (structure: string, name: string) => types.member(structure, name)?.offset;
  const at = (offset: number | undefined) => (offset === undefined ? undefined : module + BigInt(offset));
  // Since 6.4 memory of each kind, the first is the code; before, one piece with the code in front.
  const [code, base, size] =
    types.member('module', 'mem') === undefined
      ? [
          at(place('module', 'core_layout')),
          place('module_layout', 'base'),
          place('module_layout', 'text_size'),
        ]
      : [at(place('module', 'mem')), place('module_memory', 'base'), place('module_memory', 'size')];
  const [nameAt, kallsymsAt] = [at(place('module', 'name')), at(place('module', 'kallsyms'))];
  if (code === undefined || base === undefined || size === undefined || nameAt === undefined)
    return undefined;
  const name = memory.read(nameAt, NAME_SIZE);
  if (name.state !== 'read') return undefined;
  const start = readPointer(memory, code + BigInt(base), 'module code');
  const length = BigInt(readU32(memory, code + BigInt(size), 'module code'));
  if (length > LARGEST_MODULE) return undefined;
  let table: ModuleSymbols | undefined;
  return {
    name: printableText(new ByteReader(name.bytes, 'module').text(0, NAME_SIZE, 'name')),
    start,
    end: start + length,
    orc: orc === undefined ? undefined : readModuleOrc(memory, types, module, orc),
    describe: (address) => {
      if (kallsymsAt === undefined) return undefined;
      table ??= readModuleSymbols(memory, types, kallsymsAt, room);
      return describe(table, address, start + length);
    },
  };
}

function readModuleOrc(
  memory: KernelMemory,
  types: KernelTypes,
  module: bigint,
  orc: OrcReader,
): OrcTable | undefined {
  const arch = types.member('module', 'arch')?.offset;
  const place = (name: string) => {
    const offset = types.member('mod_arch_specific', name)?.offset;
    return arch === undefined || offset === undefined ? undefined : module + BigInt(arch + offset);
  };
  const [count, addresses, entries] = [place('num_orcs'), place('orc_unwind_ip'), place('orc_unwind')];
  if (count === undefined || addresses === undefined || entries === undefined) return undefined;
  return orc(
    readPointer(memory, addresses, 'orc_unwind_ip'),
    readPointer(memory, entries, 'orc_unwind'),
    readU32(memory, count, 'num_orcs'),
  );
}

/** Addresses with where their names are, ascending. */
interface ModuleSymbols {
  readonly symbols: readonly { readonly address: bigint; readonly nameAt: bigint }[];
  readonly readName: (at: bigint) => string;
}

/** How many symbols more are read: tables of damaged modules may all be the same. */
interface SymbolRoom {
  left: number;
}

/** struct mod_kallsyms: an ELF symbol table with its strings. */
function readModuleSymbols(
  memory: KernelMemory,
  types: KernelTypes,
  kallsymsAt: bigint,
  room: SymbolRoom,
): ModuleSymbols {
  const kallsyms = readPointer(memory, kallsymsAt, 'module kallsyms');
  const place = (name: string) => BigInt(types.member('mod_kallsyms', name)?.offset ?? 0);
  const count = readU32(memory, kallsyms + place('num_symtab'), 'num_symtab');
  if (count > room.left)
    throw new KhopError(
      'E_FORMAT',
      `a module has ${count} symbols, and all together no more than ${SYMBOLS_LIMIT}`,
      {
        hint: 'The dump is damaged there; the names of its other functions are still good.',
      },
    );
  room.left -= count;
  const table = readPointer(memory, kallsyms + place('symtab'), 'symtab');
  const strings = readPointer(memory, kallsyms + place('strtab'), 'strtab');
  const read = memory.read(table, count * SYMBOL_SIZE);
  const reader = new ByteReader(read.state === 'read' ? read.bytes : new Uint8Array(0), 'module symbols');
  const symbols = Array.from({ length: reader.length / SYMBOL_SIZE }, (_none, index) => ({
    address: reader.u64(index * SYMBOL_SIZE + 8, 'st_value'),
    nameAt: strings + BigInt(reader.u32(index * SYMBOL_SIZE, 'st_name')),
    isDefined: reader.u16(index * SYMBOL_SIZE + 6, 'st_shndx') !== 0,
  }))
    .filter(({ isDefined }) => isDefined)
    .sort((a, b) => (a.address < b.address ? -1 : a.address > b.address ? 1 : 0));
  return { symbols, readName: (at) => readText(memory, at) };
}

/** A name may end with its page, so it is read a few bytes at a time. */
function readText(memory: KernelMemory, start: bigint): string {
  let text = '';
  for (let at = 0; at < SYMBOL_NAME_SIZE; at += 8) {
    const read = memory.read(start + BigInt(at), 8);
    if (read.state !== 'read') break;
    text += Buffer.from(read.bytes).toString('latin1');
    if (text.includes('\0')) break;
  }
  return printableText(text.split('\0')[0]!);
}

function describe(
  { symbols, readName }: ModuleSymbols,
  address: bigint,
  end: bigint,
): SymbolPlace | undefined {
  const index = partitionPoint(symbols.length, (each) => symbols[each]!.address <= address) - 1;
  const found = symbols[index];
  if (found === undefined) return undefined;
  const next = symbols[index + 1]?.address ?? end;
  return {
    name: readName(found.nameAt),
    offset: address - found.address,
    size: (next < end ? next : end) - found.address,
  };
}
