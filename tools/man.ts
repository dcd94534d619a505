/**
 * Writes man/khop.8 from the commands: `node tools/man.ts`.
 * @module
 */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Command } from 'commander';
import { processContext } from '../src/cli/context.ts';
import { examplesOf } from '../src/cli/examples.ts';
import { buildProgram } from '../src/cli/program.ts';

/** khop(8) as mdoc source. */
export function manPage(program: Command): string {
  const lines = [
    '.\\" Made by tools/man.ts from the commands. Change the commands, not this file.',
    '.Dd November 1, 2026',
    '.Dt KHOP 8',
    '.Os',
    '.Sh NAME',
    '.Nm khop',
    '.Nd switch a running Linux machine to another kernel',
    '.Sh SYNOPSIS',
    '.Nm',
    '.Op Ar option ...',
    '.Ar command',
    '.Op Ar argument ...',
    '.Sh DESCRIPTION',
    ...textLines(program.description()),
    '.Pp',
    'The options are:',
    ...optionList(program),
    '.Sh COMMANDS',
    ...program.commands.flatMap((command) => commandSection(command, 'khop')),
    '.Sh FILES',
    '.Bl -tag -width Ds',
    '.It Pa /etc/khop/khop.conf',
    'Defaults of this machine, see',
    '.Xr khop.conf 5 .',
    '.El',
    '.Sh EXAMPLES',
    ...exampleList(program),
    '.Sh SEE ALSO',
    '.Xr kexec_load 2 ,',
    '.Xr khop.conf 5',
  ];
  return `${lines.join('\n')}\n`;
}

function commandSection(command: Command, parent: string): string[] {
  const name = `${parent} ${command.name()}`;
  const operands = command.registeredArguments.map((argument) => {
    const word = `${argument.name()}${argument.variadic ? ' ...' : ''}`;
    return argument.required ? `<${word}>` : `[${word}]`;
  });
  return [
    `.Ss ${escapeText([name, ...operands].join(' '))}`,
    ...textLines(command.description()),
    ...optionList(command),
    ...exampleList(command),
    ...command.commands.flatMap((inner) => commandSection(inner, name)),
  ];
}

function optionList(command: Command): string[] {
  const options = command.options.filter((option) => !option.hidden);
  if (options.length === 0) return [];
  const items = options.flatMap(({ flags, description }) => [
    `.It ${escapeText(flags)}`,
    ...textLines(description),
  ]);
  return ['.Bl -tag -width Ds', ...items, '.El'];
}

function exampleList(command: Command): string[] {
  const examples = examplesOf(command);
  if (examples.length === 0) return [];
  const items = examples.flatMap(([line, explanation]) => [
    `.It Li ${escapeText(line)}`,
    ...textLines(explanation),
  ]);
  return ['.Bl -tag -width Ds', ...items, '.El'];
}

function textLines(text: string): string[] {
  return text
    .split(/\n|(?<=[.!?]) +/)
    .map((line) => line.trim())
    .filter((line) => line !== '')
    .map((line) => escapeText(line).replace(/^(?=[.'])/, '\\&'));
}

/** Short words are kept from being read as mdoc macros, which they are on a macro's line. */
function escapeText(text: string): string {
  return text
    .replaceAll('\\', '\\e')
    .replaceAll('-', '\\-')
    .replaceAll('"', '\\(dq')
    .replaceAll('’', "'")
    .replace(/[^\u0020-\u007e]/g, (character) => `\\[u${hex(character)}]`)
    .replace(/(?<=^|\s)(?=\S{1,3}(\s|$))/g, '\\&');
}

function hex(character: string): string {
  return character.charCodeAt(0).toString(16).toUpperCase().padStart(4, '0');
}

if (import.meta.main)
  writeFileSync(join(import.meta.dirname, '../man/khop.8'), manPage(buildProgram(processContext())));
