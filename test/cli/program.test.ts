import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Command } from 'commander';
import { processContext } from '../../src/cli/context.ts';
import { buildProgram } from '../../src/cli/program.ts';

/** Those that do something by themselves, and are no mere name for the ones below them. */
function leaves(command: Command): Command[] {
  return command.commands.length === 0 ? [command] : command.commands.flatMap(leaves);
}

test('every command says the same as JSON', () => {
  const commands = leaves(buildProgram(processContext()));
  assert.ok(commands.length > 25, `${commands.length} commands`);
  const without = commands.filter(({ options }) => !options.some(({ long }) => long === '--json'));
  // Its options are kexec-tools', and read elsewhere: test/cli/kexec.
  assert.deepEqual(
    without.map((command) => command.name()),
    ['kexec'],
  );
});
