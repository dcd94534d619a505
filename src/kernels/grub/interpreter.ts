/**
 * Runs a grub.cfg as far as it decides what the menu holds: first the configuration, then the block of every
 * submenu and entry as if it had been chosen. Nothing is written, and every run ends, see evaluation.ts.
 * Specification: GNU GRUB manual 2.12, "Writing full configuration files directly" and "Menu-specific commands".
 * @module
 */
import { KhopError } from '../../error.ts';
import { assign, BUILT_INS, FILE_COST } from './commands.ts';
import { qualifyPath } from './devices.ts';
import {
  addMenuItem,
  charge,
  DEPTH_LIMIT,
  type Evaluation,
  failBound,
  type GrubSystem,
  ITEM_LIMIT,
  nothingLoaded,
  type PendingItem,
  POOL_LIMIT,
  runInContext,
  STEP_LIMIT,
} from './evaluation.ts';
import type { MenuItem } from './menu.ts';
import { type Command, parseGrubScript, type Script, type Statement } from './parser.ts';
import { copyVariables, expandWord, exportedVariables, initialVariables } from './variables.ts';

/** Where GRUB starts. */
export interface GrubStart {
  readonly config: string;
  /** Device of the configuration, e.g. `MOUNT=/boot`. */
  readonly device: string;
  /** Folder of the configuration on that device, e.g. `/grub`. */
  readonly folder: string;
  readonly firmware: 'efi' | 'pc';
  /** GRUB's name, e.g. `x86_64`. */
  readonly cpu: string;
}

/** The menu, and what was left in the variables. */
export interface GrubResult {
  readonly items: readonly MenuItem[];
  readonly variables: ReadonlyMap<string, string>;
  readonly notes: readonly string[];
}

/** The menu of a configuration; one that does not come to an end is cut off, and noted. Never throws. */
export function runGrubConfig(text: string, start: GrubStart, system: GrubSystem): GrubResult {
  const prefix = `(${start.device})${start.folder}`;
  const evaluation: Evaluation = {
    system,
    functions: new Map(),
    notes: new Set(),
    budget: { steps: STEP_LIMIT },
    pool: { steps: POOL_LIMIT, items: ITEM_LIMIT },
    items: [],
    loaded: nothingLoaded(),
    variables: initialVariables({
      root: start.device,
      prefix,
      config_directory: prefix,
      config_file: `${prefix}/${start.config}`,
      grub_platform: start.firmware,
      grub_cpu: start.cpu,
    }),
    positional: [],
    depth: 0,
    flow: 'next',
  };
  try {
    runText(evaluation, text, start.config);
  } catch (error) {
    if (!(error instanceof KhopError)) throw error;
    // What the menu holds by then is still worth a list.
    evaluation.notes.add(error.message);
  }
  const variables = new Map(evaluation.variables.values);
  const root: Evaluation = { ...evaluation, depth: 0, flow: 'next' };
  const items = resolveItems(root);
  return { items, variables, notes: [...evaluation.notes] };
}

/** Runs the blocks of what the menu holds, each in variables of its own. */
function resolveItems(evaluation: Evaluation): MenuItem[] {
  return evaluation.items.map((item): MenuItem => {
    const { kind, title, id } = item;
    if (kind === 'bls') return { kind, title, id };
    return kind === 'entry' ? resolveEntry(evaluation, item) : resolveSubmenu(evaluation, item);
  });
}

function resolveSubmenu(evaluation: Evaluation, item: PendingItem): MenuItem {
  const { title, id } = item;
  let items: MenuItem[] = [];
  let nested: Evaluation | undefined;
  const failure = runInContext(evaluation, exportedVariables, (context) => {
    nested = context;
    context.positional = item.positional;
    runScript(context, item.body);
  });
  if (failure !== undefined) evaluation.notes.add(`submenu "${title}": ${failure}`);
  // Blocks nest only as deep as contexts, whose depth is bounded.
  else if (nested !== undefined) items = resolveItems({ ...nested, flow: 'next' });
  return { kind: 'submenu', title, id, items };
}

function resolveEntry(evaluation: Evaluation, item: PendingItem): MenuItem {
  const { title, id } = item;
  let loaded = nothingLoaded();
  const failure = runInContext(evaluation, copyVariables, (context) => {
    ({ loaded } = context);
    context.positional = item.positional;
    context.variables.values.set('chosen', id);
    runScript(context, item.body);
  });
  const { image, initrds, commandLine, deviceTree, problems } = loaded;
  const linux = image === undefined ? undefined : { image, initrds, commandLine, deviceTree };
  return {
    kind: 'entry',
    title,
    id,
    linux,
    problems: failure === undefined ? problems : [...problems, failure],
  };
}

function runText(evaluation: Evaluation, text: string, name: string): boolean {
  charge(evaluation, text.length);
  const { script, problems } = parseGrubScript(text);
  for (const { line, message } of problems) evaluation.notes.add(`${name}, line ${line}: ${message}`);
  return runScript(evaluation, script);
}

/** @returns the exit status of the last statement */
function runScript(evaluation: Evaluation, script: Script): boolean {
  if (evaluation.depth >= DEPTH_LIMIT) failBound(`nests deeper than ${DEPTH_LIMIT}`);
  evaluation.depth += 1;
  let status = true;
  for (const statement of script) {
    charge(evaluation, 0);
    status = runStatement(evaluation, statement);
    if (evaluation.flow !== 'next') break;
  }
  evaluation.depth -= 1;
  return status;
}

function runStatement(evaluation: Evaluation, statement: Statement): boolean {
  switch (statement.kind) {
    case 'command':
      return runCommand(evaluation, statement);
    case 'function':
      evaluation.functions.set(statement.name, statement.body);
      return true;
    case 'if': {
      for (const { condition, body } of statement.branches) {
        if (runScript(evaluation, condition)) return runScript(evaluation, body);
        if (evaluation.flow !== 'next') return false;
      }
      return runScript(evaluation, statement.otherwise);
    }
    case 'for': {
      for (const item of statement.items.flatMap((word) => expand(evaluation, [word]))) {
        evaluation.variables.values.set(statement.variable, item);
        if (!runLoopBody(evaluation, statement.body)) break;
      }
      return true;
    }
    case 'while': {
      while (runScript(evaluation, statement.condition) !== statement.isUntil && evaluation.flow === 'next')
        if (!runLoopBody(evaluation, statement.body)) break;
      return true;
    }
  }
}

/** Whether the loop goes on. */
function runLoopBody(evaluation: Evaluation, body: Script): boolean {
  charge(evaluation, 0);
  runScript(evaluation, body);
  const { flow } = evaluation;
  if (flow === 'break' || flow === 'continue') evaluation.flow = 'next';
  return flow === 'next' || flow === 'continue';
}

function expand(evaluation: Evaluation, words: Command['words']): string[] {
  const args: string[] = [];
  for (const word of words) {
    const expanded = expandWord(evaluation.variables, evaluation.positional, word);
    if (expanded === undefined) failBound('makes a word that is absurdly long');
    for (const one of expanded) {
      charge(evaluation, one.length);
      args.push(one);
    }
  }
  return args;
}

function runCommand(evaluation: Evaluation, command: Command): boolean {
  const words = expand(evaluation, command.words);
  const negations = words.findIndex((word) => word !== '!');
  const [name, ...args] = negations < 0 ? [] : words.slice(negations);
  // Nothing is left of `$empty`: GRUB does nothing, and succeeds.
  if (name === undefined) return true;
  const status = dispatch(evaluation, name, args, command);
  return negations % 2 === 1 ? !status : status;
}

/** What changes how the script itself goes on, before the plain commands. */
function dispatch(evaluation: Evaluation, name: string, args: readonly string[], command: Command): boolean {
  const body = evaluation.functions.get(name);
  if (body !== undefined) return callFunction(evaluation, body, args);
  switch (name) {
    case 'menuentry':
    case 'submenu':
      return addItem(evaluation, name === 'menuentry' ? 'entry' : 'submenu', args, command.block ?? []);
    case 'source':
    case '.':
    case 'configfile':
    case 'normal':
    case 'extract_entries_source':
    case 'extract_entries_configfile':
      return include(evaluation, args[0]);
    case 'eval':
      return runText(evaluation, args.join(' '), 'eval');
    case 'break':
    case 'continue':
    case 'return':
    case 'exit':
      evaluation.flow = name;
      return (args[0] ?? '0') === '0';
    case 'shift':
      evaluation.positional = evaluation.positional.slice(Number(args[0]) || 1);
      return true;
    case 'setparams':
      evaluation.positional = args;
      return true;
    default: {
      const builtIn = BUILT_INS.get(name);
      if (builtIn !== undefined) return builtIn(evaluation, args);
      if (assign(evaluation, name)) return true;
      evaluation.notes.add(`line ${command.line}: khop does not know GRUB's command "${name}"`);
      return false;
    }
  }
}

function callFunction(evaluation: Evaluation, body: Script, args: readonly string[]): boolean {
  const { positional } = evaluation;
  evaluation.positional = args;
  const status = runScript(evaluation, body);
  evaluation.positional = positional;
  if (evaluation.flow === 'return') evaluation.flow = 'next';
  return status;
}

function include(evaluation: Evaluation, path: string | undefined): boolean {
  // What is read is paid for by runText, looking for it here.
  charge(evaluation, FILE_COST);
  const root = evaluation.variables.values.get('root') ?? '';
  const qualified = path === undefined ? undefined : qualifyPath(path, root);
  const text = qualified === undefined ? undefined : evaluation.system.readText(qualified);
  return text !== undefined && runText(evaluation, text, path ?? '');
}

/** Options of menuentry and submenu that take a value of their own. */
const VALUE_OPTIONS = new Set(['--class', '--users', '--hotkey', '--source', '--id']);

function addItem(
  evaluation: Evaluation,
  kind: 'entry' | 'submenu',
  args: readonly string[],
  body: Script,
): boolean {
  const positional: string[] = [];
  let id: string | undefined;
  for (let index = 0; index < args.length; index++) {
    const arg = args[index] ?? '';
    if (arg.startsWith('--id=')) id = arg.slice('--id='.length);
    else if (VALUE_OPTIONS.has(arg)) {
      index += 1;
      if (arg === '--id') id = args[index];
    } else if (!arg.startsWith('--')) positional.push(arg);
  }
  const [title] = positional;
  if (title === undefined) return false;
  addMenuItem(evaluation, { kind, title, id: id ?? title, positional, body });
  return true;
}
