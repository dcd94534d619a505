/**
 * commander's program object as plain data: what the manual and the completions are made from.
 * @module
 */
import type { Command, Option } from 'commander';
import { type Example, examplesOf } from '../../src/cli/examples.ts';

/** One option. `value` is the word in <>, undefined for a switch. */
export interface OptionDescription {
  readonly flags: string;
  readonly short: string | undefined;
  readonly long: string | undefined;
  readonly value: string | undefined;
  readonly choices: readonly string[];
  readonly description: string;
  readonly defaultValue: string | undefined;
}

export interface ArgumentDescription {
  readonly name: string;
  readonly isRequired: boolean;
  readonly isVariadic: boolean;
  readonly description: string;
}

/** One command; `path` is what a person types before its options, without `khop`: empty for khop itself. */
export interface CommandDescription {
  readonly path: readonly string[];
  readonly summary: string;
  readonly description: string;
  readonly options: readonly OptionDescription[];
  readonly arguments: readonly ArgumentDescription[];
  readonly examples: readonly Example[];
  readonly subcommands: readonly string[];
}

/** The command and everything below it, in the order of `--help`. */
export function describeCommands(command: Command, path: readonly string[] = []): CommandDescription[] {
  return [
    {
      path,
      summary: command.summary() || (command.description().split('\n')[0] ?? ''),
      description: command.description(),
      options: command.options.filter((option) => !option.hidden).map(describeOption),
      arguments: command.registeredArguments.map((argument) => ({
        name: argument.name(),
        isRequired: argument.required,
        isVariadic: argument.variadic,
        description: argument.description,
      })),
      examples: examplesOf(command),
      subcommands: command.commands.map((child) => child.name()),
    },
    ...command.commands.flatMap((child) => describeCommands(child, [...path, child.name()])),
  ];
}

function describeOption(option: Option): OptionDescription {
  return {
    flags: option.flags,
    short: option.short,
    long: option.long,
    value: /[<[](.+?)[\]>]/.exec(option.flags)?.[1],
    choices: option.argChoices ?? [],
    description: option.description,
    defaultValue: typeof option.defaultValue === 'boolean' ? undefined : option.defaultValue?.toString(),
  };
}

/** Whether an option's or argument's value names a file or folder. */
export function namesFile(value: string): boolean {
  return ['file', 'folder', 'from', 'to', 'words', 'kernel or file'].includes(value);
}
