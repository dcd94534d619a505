/**
 * In which order modules can be inserted, from what they say of themselves: what depmod and modprobe work out
 * together, without a folder of modules.
 * @module
 */
import { KhopError } from '../error.ts';
import type { ModuleInfo } from './module-file.ts';

/** What is known of a kernel's modules. */
export interface ModuleSet {
  /** By name, with underscores. */
  readonly modules: ReadonlyMap<string, ModuleInfo>;
  /** Names that the kernel has built in: they need no module. */
  readonly builtIn: ReadonlySet<string>;
}

/**
 * Names of `wanted` and everything they need, in an order in which each can be inserted when its turn comes.
 * Soft dependencies are taken along where they exist.
 * @throws E_NOT_FOUND for a module that neither exists nor is built in, E_FORMAT when modules need each other
 */
export function orderModules(wanted: readonly string[], set: ModuleSet): string[] {
  const placed = new Set<string>();
  const queue = [...wanted];
  for (const name of queue) queue.push(...place(name, set, placed));
  return [...placed];
}

/** A module that something waits for. */
interface Need {
  readonly name: string;
  readonly neededBy: string;
  readonly isSoft: boolean;
}

/** One module on the way: what it still waits for, and its own place in the chain. */
interface Visit {
  readonly need: Need;
  readonly needs: Iterator<Need>;
  readonly after: readonly string[];
}

/**
 * Places `wanted` behind what it needs; depth first, with a stack of its own, because a hostile chain must
 * not overflow the machine's.
 * @returns what is to be placed at some later time: soft dependencies
 */
function place(wanted: string, set: ModuleSet, placed: Set<string>): string[] {
  const stack: Visit[] = [];
  const onTheWay = new Set<string>();
  const later: string[] = [];
  const enter = (need: Need): void => {
    if (placed.has(need.name) || set.builtIn.has(need.name)) return;
    if (onTheWay.has(need.name)) {
      if (!need.isSoft) later.push(...abandonSoftChain(stack, onTheWay, need.name));
      return;
    }
    stack.push(visit(need, set));
    onTheWay.add(need.name);
  };
  enter({ name: wanted, neededBy: 'the list of wanted modules', isSoft: false });
  for (let top = stack.at(-1); top !== undefined; top = stack.at(-1)) {
    const next = top.needs.next();
    if (next.done !== true) {
      enter(next.value);
      continue;
    }
    stack.pop();
    onTheWay.delete(top.need.name);
    placed.add(top.need.name);
    later.push(...top.after);
  }
  return later;
}

/**
 * A chain that leads back to `name` is an error, unless a soft dependency is part of it: then that one is
 * given up here, and comes later.
 */
function abandonSoftChain(stack: Visit[], onTheWay: Set<string>, name: string): string[] {
  const start = stack.findIndex(({ need }) => need.name === name);
  const soft = stack.findIndex(({ need }, index) => index > start && need.isSoft);
  if (soft < 0) throw failCycle([...stack.slice(start).map(({ need }) => need.name), name]);
  const given = stack.splice(soft);
  for (const { need } of given) onTheWay.delete(need.name);
  return [given[0]!.need.name];
}

function visit(need: Need, { modules, builtIn }: ModuleSet): Visit {
  const info = modules.get(need.name);
  if (info === undefined)
    throw new KhopError(
      'E_NOT_FOUND',
      `module ${need.name}, needed by ${need.neededBy}, neither exists nor is built in`,
      { hint: 'Choose a kernel that has it, or leave out what needs it.' },
    );
  const exists = (name: string): boolean => modules.has(name) && !builtIn.has(name);
  const needs = [
    ...info.softDependsBefore.filter(exists).map((name) => ({ name, neededBy: need.name, isSoft: true })),
    ...info.depends.map((name) => ({ name, neededBy: need.name, isSoft: false })),
  ];
  return { need, needs: needs.values(), after: info.softDependsAfter.filter(exists) };
}

function failCycle(names: readonly string[]): KhopError {
  return new KhopError('E_FORMAT', `modules need each other: ${names.join(' -> ')}`, {
    hint: 'These files are not from one build of the kernel; install its package again.',
  });
}
