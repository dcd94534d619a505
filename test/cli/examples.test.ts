import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Command } from 'commander';
import { examplesOf, withExamples } from '../../src/cli/examples.ts';

test('a command keeps the examples that were registered with it', () => {
  const command = withExamples(new Command('list'), [['khop list --json', 'The same as JSON.']]);
  assert.deepEqual(examplesOf(command), [['khop list --json', 'The same as JSON.']]);
});

test('a command without examples has an empty list', () => {
  assert.deepEqual(examplesOf(new Command('list')), []);
});

test('--help ends with the examples', () => {
  let help = '';
  const command = withExamples(new Command('list'), [['khop list --json', 'The same as JSON.']]);
  command.configureOutput({ writeOut: (text) => (help += text) });
  command.outputHelp();
  assert.match(help, /\nExamples:\n {2}khop list --json\n {6}The same as JSON\.\n$/);
});
