import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { KhopError } from '../../src/error.ts';
import { openSourceFile } from '../../src/machine/source-file.ts';

test('a source file is read by offset, and short where it ends', () => {
  const folder = mkdtempSync(join(tmpdir(), 'khop-source-'));
  try {
    const path = join(folder, 'file');
    writeFileSync(path, 'abcdefgh');
    using file = openSourceFile(path);
    assert.equal(file.size, 8);
    assert.equal(Buffer.from(file.read(2, 3)).toString(), 'cde');
    assert.equal(Buffer.from(file.read(6, 100)).toString(), 'gh');
    assert.equal(file.read(8, 1).length, 0);
  } finally {
    rmSync(folder, { recursive: true });
  }
});

test('a file that is not there and one that is a folder are errors of their own', () => {
  assert.throws(
    () => openSourceFile('/no/such/file'),
    (error) => error instanceof KhopError && error.code === 'E_NOT_FOUND',
  );
  using folder = openSourceFile('/');
  assert.throws(
    () => folder.read(0, 1),
    (error) => error instanceof KhopError && error.code === 'E_UNREADABLE',
  );
});
