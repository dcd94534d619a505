/**
 * The state of a running grub.cfg, and the bounds that make it end.
 * @module
 */
import { KhopError } from '../../error.ts';
import type { GrubDevices } from './devices.ts';
import type { Script } from './parser.ts';
import type { Variables } from './variables.ts';

/** What the interpreter asks of the world. */
export interface GrubSystem extends GrubDevices {
  /** The file's text by qualified path; undefined when it is not there or cannot be read. */
  readonly readText: (qualified: string) => string | undefined;
  /** Boot loader entries in GRUB's order, for blscfg. */
  readonly readBootLoaderEntries: (
    folder: string,
  ) => readonly { readonly id: string; readonly title: string }[];
}

/** A menu entry or submenu whose block has not run yet. */
export interface PendingItem {
  readonly kind: 'entry' | 'submenu' | 'bls';
  readonly title: string;
  readonly id: string;
  /** `$1` and so on in the block; the title is the first. */
  readonly positional: readonly string[];
  readonly body: Script;
}

/** What the commands of an entry loaded. Paths are qualified. */
export interface LoadedFiles {
  image: string | undefined;
  initrds: string[];
  commandLine: string;
  deviceTree: string | undefined;
  problems: string[];
}

/** Why statements stop before their end. */
export type Flow = 'next' | 'break' | 'continue' | 'return' | 'exit';

/** One context: the configuration, a submenu or an entry. */
export interface Evaluation {
  readonly system: GrubSystem;
  readonly functions: Map<string, Script>;
  /** What was passed over: unknown commands, statements that could not be read. */
  readonly notes: Set<string>;
  /** Steps left to this context. */
  readonly budget: { steps: number };
  /** What is left to all blocks of submenus and entries together. */
  readonly pool: { steps: number; items: number };
  readonly items: PendingItem[];
  readonly loaded: LoadedFiles;
  variables: Variables;
  positional: readonly string[];
  depth: number;
  flow: Flow;
}

/** Statements of one configuration with everything it includes; the largest real ones need some thousand. */
export const STEP_LIMIT = 200_000;
/** Statements of the block of one entry or submenu. */
export const BLOCK_STEP_LIMIT = 20_000;
/** Statements of all blocks: a menu of snapshots may read the whole configuration again for each of them. */
export const POOL_LIMIT = 500_000;
/** Functions, included files, conditions and loops, one inside the other. */
export const DEPTH_LIMIT = 150;
/** Entries and submenus of all menus together. */
export const ITEM_LIMIT = 2000;
/** Characters that count as much as one statement. */
const CHARACTERS_A_STEP = 256;

/** @throws E_FORMAT when a bound is passed */
export function failBound(what: string): never {
  throw new KhopError('E_FORMAT', `the GRUB configuration ${what}`, {
    hint: 'It may call itself in a circle; write it again, e.g. with update-grub.',
  });
}

/** Pays for one step that touches `characters`. @throws E_FORMAT when the budget is used up */
export function charge(evaluation: Evaluation, characters: number): void {
  evaluation.budget.steps -= 1 + Math.floor(characters / CHARACTERS_A_STEP);
  if (evaluation.budget.steps < 0) failBound('does not come to an end');
}

/** Adds to the menu. @throws E_FORMAT when there are too many items */
export function addMenuItem(evaluation: Evaluation, item: PendingItem): void {
  evaluation.pool.items -= 1;
  if (evaluation.pool.items < 0) failBound(`has more than ${ITEM_LIMIT} entries`);
  evaluation.items.push(item);
}

/**
 * Runs `work` in a context with nothing loaded, no items and its own variables.
 * @param copy makes the variables from those of the context around
 * @returns why it did not come to its end, or undefined
 */
export function runInContext(
  evaluation: Evaluation,
  copy: (variables: Variables) => Variables,
  work: (context: Evaluation) => void,
): string | undefined {
  const { pool } = evaluation;
  const steps = Math.min(BLOCK_STEP_LIMIT, pool.steps);
  const context: Evaluation = {
    ...evaluation,
    budget: { steps },
    items: [],
    loaded: nothingLoaded(),
    depth: evaluation.depth + 1,
    flow: 'next',
  };
  try {
    // Copying costs as much as reading them.
    charge(context, context.variables.values.size * 16);
    context.variables = copy(context.variables);
    work(context);
    return undefined;
  } catch (error) {
    if (error instanceof KhopError) return error.message;
    throw error;
  } finally {
    pool.steps -= steps - Math.max(0, context.budget.steps);
  }
}

/** What an entry begins with. */
export function nothingLoaded(): LoadedFiles {
  return { image: undefined, initrds: [], commandLine: '', deviceTree: undefined, problems: [] };
}
