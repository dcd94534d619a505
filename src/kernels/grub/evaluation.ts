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
  readonly budget: { steps: number };
  readonly items: PendingItem[];
  readonly loaded: LoadedFiles;
  variables: Variables;
  positional: readonly string[];
  depth: number;
  flow: Flow;
}

/** Statements of one configuration with everything it includes; the largest real ones need some thousand. */
export const STEP_LIMIT = 300_000;
/** Statements of one menu entry. */
export const ENTRY_STEP_LIMIT = 20_000;
/** Functions, included files, conditions and loops, one inside the other. */
export const DEPTH_LIMIT = 150;
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

/** An evaluation with nothing loaded, no items and its own variables, that shares the rest. */
export function beginContext(evaluation: Evaluation, variables: Variables, steps: number): Evaluation {
  return {
    ...evaluation,
    variables,
    budget: { steps },
    items: [],
    loaded: nothingLoaded(),
    positional: [],
    flow: 'next',
  };
}

/** What an entry begins with. */
export function nothingLoaded(): LoadedFiles {
  return { image: undefined, initrds: [], commandLine: '', deviceTree: undefined, problems: [] };
}
