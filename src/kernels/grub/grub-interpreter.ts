/**
 * Runs a grub.cfg as far as it decides what the menu holds: variables, conditions, functions, included files
 * and menu entries. Commands that draw or load modules are passed over. Steps and depth are bounded.
 * @module
 */
import { KhopError } from '../../error.ts';
import { parseGrubScript, type Statement, type Word } from './grub-syntax.ts';

/** One entry of the menu that starts Linux. */
export interface GrubEntry {
  readonly title: string;
  readonly id: string | undefined;
  /** Titles and ids of the submenus around it, outermost first. */
  readonly parents: readonly (readonly string[])[];
  /** Position among its siblings, and of its parents among theirs: `1>2`. */
  readonly position: readonly number[];
  /** GRUB's $root when the entry ran. */
  readonly root: string;
  readonly image: string;
  readonly initrds: readonly string[];
  readonly commandLine: string;
  readonly deviceTree: string | undefined;
}

/** What the interpreter may ask of the system it reads. */
export interface GrubFiles {
  /** Text of a file by its path in GRUB, or undefined. */
  readonly read: (path: string) => string | undefined;
  /** Names and values of the environment block. */
  readonly environment: ReadonlyMap<string, string>;
}

/** What came of it. */
export interface GrubMenu {
  readonly entries: readonly GrubEntry[];
  /** Value of $default at the end: an index, title, id or path `a>b`. */
  readonly default: string;
  /** Whether blscfg was called: the entries are then in loader/entries. */
  readonly usesBls: boolean;
}

const STEP_LIMIT = 100_000;
const DEPTH_LIMIT = 64;

interface MenuPlace {
  readonly parents: readonly (readonly string[])[];
  readonly position: readonly number[];
  count: number;
}

/** Fields an entry's block sets. */
interface Draft {
  image?: string;
  commandLine?: string;
  initrds?: string[];
  deviceTree?: string;
}

/** @throws E_FORMAT for what GRUB could not parse, or what does not come to an end */
export function runGrubConfig(text: string, path: string, files: GrubFiles): GrubMenu {
  const interpreter = new Interpreter(path, files);
  interpreter.run(parseGrubScript(text, path), 0);
  return interpreter.menu();
}

class Interpreter {
  readonly #path: string;
  readonly #files: GrubFiles;
  readonly #variables = new Map<string, string>([
    ['prefix', '/boot/grub'],
    ['feature_menuentry_id', 'y'],
    ['feature_platform_search_hint', 'y'],
    ['feature_default_font_path', 'y'],
    ['feature_all_video_module', 'y'],
    ['feature_timeout_style', 'y'],
    ['grub_platform', 'efi'],
    ['grub_cpu', 'x86_64'],
  ]);
  readonly #functions = new Map<string, readonly Statement[]>();
  readonly #entries: GrubEntry[] = [];
  #place: MenuPlace = { parents: [], position: [], count: 0 };
  #draft: Draft | undefined;
  #usesBls = false;
  #steps = 0;

  constructor(path: string, files: GrubFiles) {
    this.#path = path;
    this.#files = files;
  }

  menu(): GrubMenu {
    return { entries: this.#entries, default: this.#variables.get('default') || '0', usesBls: this.#usesBls };
  }

  /** @returns whether the last command succeeded */
  run(statements: readonly Statement[], depth: number): boolean {
    if (depth > DEPTH_LIMIT) this.#endless(`calls deeper than ${DEPTH_LIMIT}`);
    let succeeded = true;
    for (const statement of statements) {
      if (++this.#steps > STEP_LIMIT) this.#endless(`more than ${STEP_LIMIT} steps`);
      succeeded = this.#statement(statement, depth);
    }
    return succeeded;
  }

  #endless(what: string): never {
    throw new KhopError('E_FORMAT', `${this.#path}: ${what}`, {
      hint: 'Its functions call themselves; make it anew.',
    });
  }

  #statement(statement: Statement, depth: number): boolean {
    switch (statement.kind) {
      case 'function':
        this.#functions.set(this.#expand(statement.name).join(''), statement.body);
        return true;
      case 'if': {
        const branch = statement.branches.find(({ condition }) => this.run(condition, depth + 1));
        return this.run(branch?.body ?? statement.otherwise, depth + 1);
      }
      case 'for': {
        const name = this.#expand(statement.variable).join('');
        for (const value of statement.values.flatMap((word) => this.#expand(word))) {
          this.#variables.set(name, value);
          this.run(statement.body, depth + 1);
        }
        return true;
      }
      case 'command':
        return this.#command(
          statement.words.flatMap((word) => this.#expand(word)),
          statement.block,
          depth,
        );
    }
  }

  /** An unquoted variable that is empty gives no word; one with spaces gives several. */
  #expand(word: Word): string[] {
    const text = word.parts
      .map((part) => ('text' in part ? part.text : (this.#variables.get(part.variable) ?? '')))
      .join('');
    if (word.isQuoted) return [text];
    const hasVariable = word.parts.some((part) => 'variable' in part);
    if (!hasVariable) return [text];
    return text.split(/\s+/).filter((each) => each !== '');
  }

  #command(words: readonly string[], block: readonly Statement[] | undefined, depth: number): boolean {
    const [name, ...args] = words;
    if (name === undefined) return true;
    const assignment = /^([A-Za-z_]\w*)=(.*)$/s.exec(name);
    if (assignment !== null) return this.#assign(assignment[1]!, assignment[2]!);
    const body = this.#functions.get(name);
    if (body !== undefined) return this.run(body, depth + 1);
    switch (name) {
      case 'set': {
        const match = /^(\w+)=(.*)$/s.exec(args[0] ?? '');
        return match === null || this.#assign(match[1]!, match[2]!);
      }
      case 'unset':
        return this.#variables.delete(args[0] ?? '');
      case '[':
        return this.#test(args.slice(0, -1));
      case 'test':
        return this.#test(args);
      case '!':
        return !this.#command(args, block, depth);
      case 'true':
      case 'false':
        return name === 'true';
      case 'load_env':
        for (const [key, value] of this.#files.environment) this.#variables.set(key, value);
        return true;
      case 'search':
      case 'search.fs_uuid':
      case 'search.fs_label':
      case 'search.file':
        return this.#search(name, args);
      case 'blscfg':
        this.#usesBls = true;
        return true;
      case 'source':
      case 'configfile':
      case '.':
        return this.#include(args[0] ?? '', depth);
      case 'submenu':
        return this.#submenu(args, block ?? [], depth);
      case 'menuentry':
        return this.#menuentry(args, block ?? [], depth);
      default:
        return this.#entryCommand(name, args);
    }
  }

  #assign(name: string, value: string): boolean {
    this.#variables.set(name, value);
    return true;
  }

  /** linux, initrd and devicetree with their old names. Everything else draws, loads or measures. */
  #entryCommand(name: string, args: readonly string[]): boolean {
    if (this.#draft !== undefined && /^linux(16|efi)?$/.test(name)) {
      this.#draft.image = args[0] ?? '';
      this.#draft.commandLine = args.slice(1).join(' ');
    }
    if (this.#draft !== undefined && /^initrd(16|efi)?$/.test(name)) this.#draft.initrds = [...args];
    if (this.#draft !== undefined && name === 'devicetree' && args[0] !== undefined)
      this.#draft.deviceTree = args[0];
    // Fonts and terminals are not there; what depends on them must not decide what the menu holds.
    return name !== 'loadfont';
  }

  /** test(1) as GRUB has it: -a and -o left to right, ! before one, files, strings and numbers. */
  #test(args: readonly string[]): boolean {
    const or = args.lastIndexOf('-o');
    if (or > 0) return this.#test(args.slice(0, or)) || this.#test(args.slice(or + 1));
    const and = args.lastIndexOf('-a');
    if (and > 0) return this.#test(args.slice(0, and)) && this.#test(args.slice(and + 1));
    if (args[0] === '!') return !this.#test(args.slice(1));
    const [a = '', operator = '', b = ''] = args;
    if (args.length >= 3) return compare(a, operator, b);
    if (a === '-z') return operator === '';
    if (a === '-n') return operator !== '';
    if (/^-[efds]$/.test(a)) return this.#files.read(operator) !== undefined;
    return a !== '';
  }

  #search(name: string, args: readonly string[]): boolean {
    const value = args.findLast((arg) => !arg.startsWith('-')) ?? '';
    const has = (...flags: string[]) => args.some((arg) => flags.includes(arg));
    const target = args.map((arg) => /^--set(?:=(\w+))?$/.exec(arg)).find((match) => match !== null);
    if (target === undefined) return true;
    const isLabel = name.endsWith('label') || has('--label', '-l', '--fs-label');
    const isFile = name.endsWith('.file') || has('--file', '-f');
    const found = isFile ? '' : isLabel ? `LABEL=${value}` : `UUID=${value}`;
    return this.#assign(target[1] ?? 'root', found);
  }

  #include(path: string, depth: number): boolean {
    const text = this.#files.read(path);
    return text !== undefined && this.run(parseGrubScript(text, path), depth + 1);
  }

  #submenu(args: readonly string[], block: readonly Statement[], depth: number): boolean {
    const { title, id } = readMenuArguments(args);
    const outer = this.#place;
    const position = [...outer.position, outer.count++];
    const names = id === undefined ? [title] : [id, title];
    this.#place = { parents: [...outer.parents, names], position, count: 0 };
    this.run(block, depth + 1);
    this.#place = outer;
    return true;
  }

  #menuentry(args: readonly string[], block: readonly Statement[], depth: number): boolean {
    const { title, id } = readMenuArguments(args);
    const position = [...this.#place.position, this.#place.count++];
    const root = this.#variables.get('root');
    const draft: Draft = {};
    this.#draft = draft;
    this.#variables.set('chosen', title);
    this.run(block, depth + 1);
    this.#draft = undefined;
    const entryRoot = this.#variables.get('root') ?? '';
    if (root !== undefined) this.#variables.set('root', root);
    if (draft.image === undefined || draft.image === '') return true;
    this.#entries.push({
      title,
      id,
      parents: this.#place.parents,
      position,
      root: entryRoot,
      image: draft.image,
      initrds: draft.initrds ?? [],
      commandLine: draft.commandLine ?? '',
      deviceTree: draft.deviceTree,
    });
    return true;
  }
}

function compare(a: string, operator: string, b: string): boolean {
  switch (operator) {
    case '=':
    case '==':
      return a === b;
    case '!=':
      return a !== b;
    case '-eq':
      return Number(a) === Number(b);
    case '-ne':
      return Number(a) !== Number(b);
    case '-lt':
      return Number(a) < Number(b);
    case '-gt':
      return Number(a) > Number(b);
    case '-le':
      return Number(a) <= Number(b);
    case '-ge':
      return Number(a) >= Number(b);
    default:
      return false;
  }
}

/** Options that take a value are skipped with it; `--id` gives the id; the first plain word is the title. */
function readMenuArguments(args: readonly string[]): { title: string; id: string | undefined } {
  let title: string | undefined;
  let id: string | undefined;
  for (let index = 0; index < args.length; index++) {
    const word = args[index]!;
    if (word.startsWith('--id=')) id = word.slice(5);
    else if (word === '--id') id = args[++index];
    else if (/^--(class|users|hotkey|source)$/.test(word)) index++;
    else if (!word.startsWith('--')) title ??= word;
  }
  return { title: title ?? '', id };
}
