/**
 * GRUB's variables and how words become arguments.
 * Specification: GNU GRUB manual 2.12, "Special environment variables" and "export".
 * @module
 */
import type { Word } from './lexer.ts';

/** The variables of one context, and which of them a submenu sees. */
export interface Variables {
  readonly values: Map<string, string>;
  readonly exported: Set<string>;
}

/** What normal mode sets before it reads a configuration, and exports. */
const FEATURES = [
  'feature_200_final',
  'feature_all_video_module',
  'feature_chainloader_bpb',
  'feature_default_font_path',
  'feature_menuentry_id',
  'feature_menuentry_options',
  'feature_nativedisk_cmd',
  'feature_ntldr',
  'feature_platform_search_hint',
  'feature_timeout_style',
];
const EXPORTED = ['root', 'prefix', 'config_directory', 'config_file', 'grub_cpu', 'grub_platform', 'lang'];
/** One argument and one variable: no path or command line is longer. */
const VALUE_LIMIT = 64 * 1024;

/** The state in which GRUB starts to read. */
export function initialVariables(settings: Readonly<Record<string, string>>): Variables {
  const features = FEATURES.map((name) => [name, 'y'] as const);
  return {
    values: new Map([...features, ...Object.entries(settings)]),
    exported: new Set([...FEATURES, ...EXPORTED]),
  };
}

/** Everything, for a menu entry: what it sets must not reach the next. */
export function copyVariables(variables: Variables): Variables {
  return { values: new Map(variables.values), exported: new Set(variables.exported) };
}

/** What a submenu begins with. */
export function exportedVariables(variables: Variables): Variables {
  const values = [...variables.values].filter(([name]) => variables.exported.has(name));
  return { values: new Map(values), exported: new Set(variables.exported) };
}

/** Value of a name in a word: a variable, or `1`, `#`, `*`, `@` for the arguments of the function. */
function lookUp(variables: Variables, positional: readonly string[], name: string): string {
  if (/^[0-9]+$/.test(name)) return positional[Number(name) - 1] ?? '';
  if (name === '#') return String(positional.length);
  if (name === '*' || name === '@') return positional.join(' ');
  return variables.values.get(name) ?? '';
}

/**
 * The arguments that `word` stands for: an unquoted variable is split at blanks and vanishes when it is
 * empty; `"$@"` gives each argument as it is. Undefined when the result is absurdly long.
 */
export function expandWord(
  variables: Variables,
  positional: readonly string[],
  word: Word,
): readonly string[] | undefined {
  const words: string[] = [];
  let current: string | undefined;
  let length = 0;
  const append = (text: string): void => {
    current = (current ?? '') + text;
  };
  for (const part of word) {
    const text = part.kind === 'text' ? part.text : lookUp(variables, positional, part.name);
    length += text.length;
    if (length > VALUE_LIMIT) return undefined;
    const pieces =
      part.kind === 'text'
        ? [text]
        : part.isQuoted
          ? part.name === '@'
            ? positional
            : [text]
          : text.split(/[ \t\n]+/);
    for (const [index, piece] of pieces.entries()) {
      if (index > 0 && current !== undefined) {
        words.push(current);
        current = undefined;
      }
      if (piece !== '' || part.kind === 'text' || (part.isQuoted && pieces.length > 0)) append(piece);
    }
  }
  if (current !== undefined) words.push(current);
  return words;
}
