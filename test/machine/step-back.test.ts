import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { buildTree } from '../support/tree-builder.ts';

const SOURCE = new URL('../../src/machine/step-back.ts', import.meta.url).href;

/** In a process of its own: no process gets its priority back. */
function niceAfter(root: string): number {
  const script = `import { stepBack } from '${SOURCE}'; import { getPriority } from 'node:os'; stepBack(process.argv[1]); console.log(getPriority());`;
  return Number(
    execFileSync(process.execPath, ['--input-type=module', '-e', script, root], { encoding: 'utf8' }),
  );
}

test('a process steps back behind others, and its group of the scheduler with it', () => {
  using tree = buildTree({ 'proc/self/autogroup': '/autogroup-7 nice 0\n' });
  assert.equal(niceAfter(tree.root), 10);
  assert.equal(readFileSync(join(tree.root, 'proc/self/autogroup'), 'utf8'), '10');
});

test('a kernel without such groups is no reason to fail', () => {
  using tree = buildTree({ 'proc/': '' });
  assert.equal(niceAfter(tree.root), 10);
});
