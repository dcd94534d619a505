/**
 * The code of a crashed kernel and its modules: what an address in it is, and how its frame is found.
 * @module
 */
import { KhopError } from '../../error.ts';
import { partitionPoint } from '../partition-point.ts';
import { type KernelTypes, readKernelTypes } from './btf.ts';
import type { KernelMemory } from './kernel-memory.ts';
import { type KernelModule, readKernelModules } from './kernel-modules.ts';
import { type KernelSymbols, readKernelSymbols, type SymbolPlace } from './kernel-symbols.ts';
import { type OrcEntry, readOrcTable } from './orc-table.ts';

/** A function, and the module that it is of. */
export interface CodePlace extends SymbolPlace {
  /** Undefined for the kernel's own. */
  readonly module: string | undefined;
}

/** What can be asked about code. */
export interface KernelCode {
  readonly memory: KernelMemory;
  readonly symbols: KernelSymbols;
  /** Undefined without BTF. */
  readonly types: KernelTypes | undefined;
  readonly isCode: (address: bigint) => boolean;
  readonly describe: (address: bigint) => CodePlace | undefined;
  readonly orc: (address: bigint) => OrcEntry | undefined;
}

/** The text, and that of start_kernel, which the idle task of the first CPU has below it for ever. */
const TEXTS = [
  ['_stext', '_etext'],
  ['_sinittext', '_einittext'],
] as const;

/** @throws E_UNSUPPORTED or E_FORMAT when the kernel's symbols are not to be had; without modules it goes on */
export function openKernelCode(memory: KernelMemory): KernelCode {
  const symbols = readKernelSymbols(memory);
  const orc = readOrcTable(memory, symbols);
  const types = orUndefined(() => readKernelTypes(memory, symbols));
  const modules =
    types === undefined
      ? []
      : (orUndefined(() => readKernelModules(memory, symbols, { types, orc: orc?.readAlike })) ?? []);
  const texts = TEXTS.flatMap(([first, last]) => {
    const [start, end] = [symbols.find(first), symbols.find(last)];
    return start === undefined || end === undefined ? [] : [{ start, end }];
  });
  const isOwn = (address: bigint) => texts.some(({ start, end }) => address >= start && address < end);
  const sorted = modules.toSorted((a, b) => (a.start < b.start ? -1 : a.start > b.start ? 1 : 0));
  const moduleAt = (address: bigint) => findModule(sorted, address);
  return {
    memory,
    symbols,
    types,
    isCode: (address) => isOwn(address) || moduleAt(address) !== undefined,
    describe: (address) => {
      if (!isOwn(address)) return describeIn(moduleAt(address), address);
      const place = symbols.describe(address);
      return place === undefined ? undefined : { ...place, module: undefined };
    },
    orc: (address) => (isOwn(address) ? orc?.table(address) : moduleAt(address)?.orc?.(address)),
  };
}

/** Modules do not overlap: none but the last that begins before `address` can have it. */
function findModule(sorted: readonly KernelModule[], address: bigint): KernelModule | undefined {
  const module = sorted[partitionPoint(sorted.length, (index) => sorted[index]!.start <= address) - 1];
  return module !== undefined && address < module.end ? module : undefined;
}

function describeIn(module: KernelModule | undefined, address: bigint): CodePlace | undefined {
  const place = module === undefined ? undefined : orUndefined(() => module.describe(address));
  return place === undefined ? undefined : { ...place, module: module?.name };
}

/** What a trace can do without may be damaged. */
export function orUndefined<T>(read: () => T): T | undefined {
  try {
    return read();
  } catch (error) {
    if (error instanceof KhopError) return undefined;
    throw error;
  }
}
