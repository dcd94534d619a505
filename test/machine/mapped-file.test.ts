import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { forgetPages, mapFile } from '../../src/machine/mapped-file.ts';

/** A path with `bytes` in it, for as long as `use` runs. */
function withFile(bytes: Uint8Array, use: (path: string) => void): void {
  const folder = mkdtempSync(join(tmpdir(), 'khop-mapped-'));
  try {
    const path = join(folder, 'file');
    writeFileSync(path, bytes);
    use(path);
  } finally {
    rmSync(folder, { recursive: true });
  }
}

const CONTENT = Uint8Array.from({ length: 3 * 4096 + 5 }, (_, index) => index % 251);

test('a mapped file has the bytes of the file, and an empty one has none', () => {
  withFile(CONTENT, (path) => assert.deepEqual(mapFile(path), CONTENT));
  withFile(new Uint8Array(0), (path) => assert.equal(mapFile(path).length, 0));
});

test('what is written into a mapped file stays out of the file, and is gone once its pages are forgotten', () => {
  withFile(CONTENT, (path) => {
    const mapped = mapFile(path);
    mapped[5000] = 255;
    assert.equal(mapped[5000], 255);
    assert.deepEqual(new Uint8Array(readFileSync(path)), CONTENT);
    forgetPages(mapped.subarray(0, 4096));
    assert.equal(mapped[5000], 255, 'another page');
    forgetPages(mapped);
    assert.deepEqual(mapped, CONTENT);
  });
});

test('a mapped file outlives its name', () => {
  let mapped: Uint8Array = new Uint8Array(0);
  withFile(CONTENT, (path) => {
    mapped = mapFile(path);
  });
  assert.deepEqual(mapped, CONTENT);
});

test('a file that is not there is an error of the file system', () => {
  assert.throws(() => mapFile('/nowhere/at/all'), { code: 'ENOENT' });
});
