/**
 * The kernel command line: split as the kernel splits it, reused, extended, compared.
 * The rules are those of next_arg() in lib/cmdline.c: spaces separate, a double quote opens and closes a
 * part in which they do not, nothing escapes a quote, and `--` hands what follows to init.
 * @module
 */
import { KhopError } from '../error.ts';

/** One argument. */
export interface CommandLineArgument {
  /** As written, quotes included. */
  readonly text: string;
  /** What is before the first `=` that is not the first character, without quotes. */
  readonly name: string;
  /** What is after it, without the quotes around it; undefined for a flag. */
  readonly value: string | undefined;
}

const SPACES = new Set([' ', '\t', '\n', '\v', '\f', '\r']);

/** Cuts at spaces outside quotes. An unclosed quote runs to the end, as in the kernel. */
function splitArguments(line: string): string[] {
  const parts: string[] = [];
  let current = '';
  let isQuoted = false;
  for (const character of line) {
    if (character === '"') isQuoted = !isQuoted;
    if (SPACES.has(character) && !isQuoted) {
      if (current !== '') parts.push(current);
      current = '';
    } else current += character;
  }
  if (current !== '') parts.push(current);
  return parts;
}

/** `"a b"` -> `a b`; only a quote at the very start, and one at the end, are taken off, as in next_arg(). */
function withoutQuotes(text: string): string {
  if (!text.startsWith('"')) return text;
  return text.endsWith('"') && text.length > 1 ? text.slice(1, -1) : text.slice(1);
}

function parseArgument(text: string): CommandLineArgument {
  const isWholeQuoted = text.startsWith('"');
  const bare = isWholeQuoted ? withoutQuotes(text) : text;
  const equals = bare.indexOf('=', 1);
  if (equals < 0) return { text, name: bare, value: undefined };
  const value = bare.slice(equals + 1);
  return { text, name: bare.slice(0, equals), value: isWholeQuoted ? value : withoutQuotes(value) };
}

/** The arguments of `line`, in order. `--` comes out as an argument of that name. */
export function parseCommandLine(line: string): CommandLineArgument[] {
  return splitArguments(line).map(parseArgument);
}

/** How many of `all` the kernel itself reads: those before `--`. */
function kernelArgumentCount(all: readonly CommandLineArgument[]): number {
  const end = all.findIndex((argument) => argument.name === '--' && argument.value === undefined);
  return end < 0 ? all.length : end;
}

/** The arguments that the kernel itself reads: those before `--`. */
export function kernelArguments(line: string): CommandLineArgument[] {
  const all = parseCommandLine(line);
  return all.slice(0, kernelArgumentCount(all));
}

function joinArguments(all: readonly CommandLineArgument[]): string {
  return all.map((argument) => argument.text).join(' ');
}

/** The value of the last `name=` before `--`; the kernel lets later ones win. Dashes equal underscores. */
export function commandLineValue(line: string, name: string): string | undefined {
  const wanted = name.replaceAll('-', '_');
  return kernelArguments(line).findLast((argument) => argument.name.replaceAll('-', '_') === wanted)?.value;
}

/** Whether `name`, with or without a value, is before `--`. */
export function hasArgument(line: string, name: string): boolean {
  const wanted = name.replaceAll('-', '_');
  return kernelArguments(line).some((argument) => argument.name.replaceAll('-', '_') === wanted);
}

/** What khop tells one kernel of how it came to run: home from a panic or a trial, on trial, or after a panic. */
const TOLD_BY_KHOP = ['khop.guard', 'khop.home', 'khop.cause', 'khop.trial', 'khop.continue'];

/**
 * What boot loaders and earlier kexecs add for one boot only: the image's name, the initrd's file, where a
 * panic kernel finds the memory of the panicked one, where kexec jumps back, and what khop told it.
 */
const ONE_BOOT_ARGUMENTS = [
  ...['BOOT_IMAGE', 'initrd', 'elfcorehdr', 'kexec_jump_back_entry'],
  ...TOLD_BY_KHOP,
];

/** `line` without what khop told the kernel that it is of: it is not true of the next one. */
export function withoutToldByKhop(line: string): string {
  return withoutArguments(line, TOLD_BY_KHOP);
}

/**
 * The running kernel's command line, fit for the next one.
 * @param slot a panic kernel must not reserve memory for another: its `crashkernel=` goes too
 */
export function reusableCommandLine(running: string, slot: 'normal' | 'crash'): string {
  const dropped = [...ONE_BOOT_ARGUMENTS, ...(slot === 'crash' ? ['crashkernel'] : [])];
  return withoutArguments(running, dropped);
}

/** `line` without every argument before `--` that has one of `names`. */
export function withoutArguments(line: string, names: readonly string[]): string {
  const all = parseCommandLine(line);
  const end = kernelArgumentCount(all);
  return joinArguments(all.filter((argument, index) => index >= end || !names.includes(argument.name)));
}

/** `line` with `extra` as the last arguments of the kernel: before `--`, whose rest belongs to init. */
export function appendArguments(line: string, extra: string): string {
  const all = parseCommandLine(line);
  const end = kernelArgumentCount(all);
  return joinArguments([...all.slice(0, end), ...parseCommandLine(extra), ...all.slice(end)]);
}

/** `line` with `name=value` as its only argument of that name; undefined takes it away. Unchanged when it is so. */
export function changeParameter(line: string, name: string, value: string | undefined): string {
  const before = kernelArguments(line).filter((argument) => argument.name === name);
  if (before.length === (value === undefined ? 0 : 1) && before.every((one) => one.value === value))
    return line;
  const without = withoutArguments(line, [name]);
  return value === undefined ? without : appendArguments(without, `${name}=${value}`);
}

/** What changes between two command lines; each argument as written. */
export interface CommandLineDiff {
  readonly kept: readonly string[];
  readonly removed: readonly string[];
  readonly added: readonly string[];
}

/** Compares argument by argument, counting repeats; the order of arguments is not a difference. */
export function diffCommandLines(before: string, after: string): CommandLineDiff {
  const left = splitArguments(before);
  const kept: string[] = [];
  const added: string[] = [];
  for (const argument of splitArguments(after)) {
    const index = left.indexOf(argument);
    if (index < 0) added.push(argument);
    else kept.push(...left.splice(index, 1));
  }
  return { kept, removed: left, added };
}

/** UTF-8 bytes with the terminating NUL, as both system calls hand it over. */
export function commandLineBytes(line: string): Uint8Array {
  return Buffer.from(`${line}\0`, 'utf8');
}

/**
 * @param limit bytes including the NUL
 * @param whose where the limit comes from, for the message
 * @throws E_PLAN when the line is too long or holds a NUL or a line break, which would end it early
 */
export function checkCommandLine(line: string, limit: number, whose: string): void {
  if (/[\0\n\r]/.test(line))
    throw new KhopError('E_PLAN', 'the command line contains a NUL or a line break', {
      hint: 'Give the arguments on one line.',
    });
  const size = commandLineBytes(line).length;
  if (size > limit)
    throw new KhopError(
      'E_PLAN',
      `the command line is ${size} bytes long with its NUL, ${whose} takes ${limit}`,
      { hint: `Remove ${size - limit} bytes of arguments.` },
    );
}
