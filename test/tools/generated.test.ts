import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { DEFAULT_CONFIGURATION, parseConfiguration } from '../../src/switch/configuration.ts';
import { generatedFiles } from '../../tools/generate/generated-files.ts';
import { roff } from '../../tools/generate/manual-page.ts';

const ROOT = join(import.meta.dirname, '..', '..');
const read = (path: string): string => readFileSync(join(ROOT, path), 'utf8');

for (const [path, text] of Object.entries(generatedFiles())) {
  test(`${path} says what the commands say`, () => {
    assert.equal(read(path), text, 'run: npm run generate');
  });
}

test('mandoc finds no mistake in the manual pages', () => {
  for (const page of ['man/khop.8', 'man/khop.conf.5']) {
    const { status, stdout } = spawnSync('mandoc', ['-T', 'lint', '-W', 'warning', join(ROOT, page)], {
      encoding: 'utf8',
    });
    assert.equal(status, 0, stdout);
  }
});

test('bash can read its completion, and it completes commands, options and choices', () => {
  const complete = (...words: string[]): string[] => {
    const script = `source "$0"; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _khop; printf '%s\\n' "\${COMPREPLY[@]}"`;
    const { status, stdout, stderr } = spawnSync(
      'bash',
      ['-c', script, join(ROOT, 'completions/khop.bash'), ...words],
      { encoding: 'utf8' },
    );
    assert.equal(status, 0, stderr);
    return stdout.trim().split('\n');
  };
  assert.deepEqual(complete('khop', 'sw'), ['switch']);
  assert.deepEqual(complete('khop', 'switch', '--dry'), ['--dry-run']);
  assert.deepEqual(complete('khop', 'load', '--method', 's'), ['segments']);
  assert.deepEqual(complete('khop', 'lab', 'do'), ['down']);
  assert.deepEqual(complete('khop', 'lab', 'up', '--firmware', 'o'), ['ovmf']);
});

test('roff prints dashes, backslashes and leading dots as they are', () => {
  assert.equal(roff("a-b \\ c\n.d\n'e"), "a\\-b \\e c\n\\&.d\n\\&'e");
});

test('the installed khop.conf gives the defaults, and so do the lines it comments out', () => {
  const text = read('packaging/khop.conf');
  assert.deepEqual(parseConfiguration(text, 'khop.conf'), DEFAULT_CONFIGURATION);
  const uncommented = text.replace(/^#(\w)/gm, '$1');
  assert.notEqual(uncommented, text);
  assert.deepEqual(parseConfiguration(uncommented, 'khop.conf'), DEFAULT_CONFIGURATION);
});

test('khop.conf(5) describes every key of khop.conf', () => {
  const keys = [...read('packaging/khop.conf').matchAll(/^#([\w-]+) =/gm)].map((match) => match[1] ?? '');
  assert.equal(keys.length, Object.keys(DEFAULT_CONFIGURATION).length);
  for (const key of keys) assert.ok(read('man/khop.conf.5').includes(`\\fB${roff(key)}\\fR`), key);
});
