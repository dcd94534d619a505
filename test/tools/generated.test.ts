import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { processContext } from '../../src/cli/context.ts';
import { buildProgram } from '../../src/cli/program.ts';
import { manPage } from '../../tools/man.ts';

const ROOT = join(import.meta.dirname, '../..');

test('man pages match the commands', () => {
  const written = readFileSync(join(ROOT, 'man/khop.8'), 'utf8');
  assert.equal(written, manPage(buildProgram(processContext())), 'run: node tools/man.ts');
});

const noMandoc = spawnSync('mandoc', ['-T', 'lint', '/dev/null']).error !== undefined;

for (const page of ['khop.8', 'khop.conf.5'])
  test(`mandoc has no warning about ${page}`, { skip: noMandoc && 'mandoc is not installed' }, () => {
    const lint = spawnSync('mandoc', ['-T', 'lint', '-W', 'warning', join(ROOT, 'man', page)], {
      encoding: 'utf8',
      timeout: 10_000,
    });
    assert.equal(lint.stdout + lint.stderr, '');
    assert.equal(lint.status, 0);
  });
