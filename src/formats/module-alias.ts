/**
 * Which modules answer to a name: modules.alias and modules.softdep as depmod writes them, and the rules by
 * which kmod looks a device's modalias up in them.
 * depmod(8), modules.dep(5), modprobe.d(5); libkmod-index.c, index_searchwild(): fnmatch(3) without flags.
 * @module
 */
import { compileGlob, literalHead } from './glob.ts';
import { moduleName, parseSoftDependency } from './module-file.ts';

/** `alias PATTERN MODULE`. */
export interface ModuleAlias {
  /** As it is written in the file. */
  readonly pattern: string;
  /** With underscores. */
  readonly module: string;
}

/** Modules that belong with another one, where they exist: names or aliases, with underscores. */
export interface SoftDependencies {
  readonly before: readonly string[];
  readonly after: readonly string[];
}

/** Lines of modules.alias, or of modprobe.d; lines of any other form are passed over. */
export function parseModuleAliases(text: string): ModuleAlias[] {
  const line = /^[ \t]*alias[ \t]+(\S+)[ \t]+(\S+)[ \t\r]*$/gm;
  return [...text.matchAll(line)].map(([, pattern, module]) => ({
    pattern: pattern!,
    module: moduleName(module!),
  }));
}

/** Lines `softdep MODULE pre: ... post: ...` of modules.softdep or of modprobe.d, by module. */
export function parseSoftDependencies(text: string): ReadonlyMap<string, SoftDependencies> {
  const all = new Map<string, SoftDependencies>();
  for (const [, module, list] of text.matchAll(/^[ \t]*softdep[ \t]+(\S+)[ \t]+(.*)$/gm)) {
    const name = moduleName(module!);
    const [known, more] = [all.get(name), parseSoftDependency(list!)];
    all.set(name, {
      before: [...(known?.before ?? []), ...more.before],
      after: [...(known?.after ?? []), ...more.after],
    });
  }
  return all;
}

/** A dash is an underscore, except in brackets, where it makes a range: alias_normalize() of kmod. */
export function normalizeAlias(alias: string): string {
  return alias.replace(/\[[^\]]*\]|-/g, (found) => (found === '-' ? '_' : found));
}

/** How many first characters of a pattern choose its drawer. */
const DRAWER_WIDTH = 4;

interface Matcher {
  readonly head: string;
  readonly matches: (text: string) => boolean;
  readonly module: string;
}

/**
 * All aliases, ready to be asked: some hundred devices meet some ten thousand patterns, of which few begin
 * like the device's modalias.
 */
export class ModuleAliases {
  readonly #drawers = new Map<string, Matcher[]>();
  /** Of patterns whose wildcard comes early. */
  readonly #others: Matcher[] = [];

  constructor(aliases: Iterable<ModuleAlias>) {
    for (const { pattern, module } of aliases) {
      const normalized = normalizeAlias(pattern);
      const head = literalHead(normalized);
      const isWhole = head.length === normalized.length;
      const matches = isWhole ? (text: string) => text === head : compileLate(normalized);
      this.#drawerOf(head).push({ head, matches, module });
    }
  }

  #drawerOf(head: string): Matcher[] {
    if (head.length < DRAWER_WIDTH) return this.#others;
    const key = head.slice(0, DRAWER_WIDTH);
    const drawer = this.#drawers.get(key) ?? [];
    this.#drawers.set(key, drawer);
    return drawer;
  }

  /** Names of all modules that answer to `alias`, a device's modalias or any other name, each once. */
  modulesFor(alias: string): string[] {
    const text = normalizeAlias(alias);
    const drawer = this.#drawers.get(text.slice(0, DRAWER_WIDTH)) ?? [];
    const found = [drawer, this.#others].flatMap((matchers) =>
      matchers.filter(({ head, matches }) => text.startsWith(head) && matches(text)),
    );
    return [...new Set(found.map(({ module }) => module))];
  }
}

/** Most patterns are never asked for a match: they are taken apart when they are. */
function compileLate(pattern: string): (text: string) => boolean {
  let compiled: ((text: string) => boolean) | undefined;
  return (text) => {
    compiled ??= compileGlob(pattern);
    return compiled(text);
  };
}
