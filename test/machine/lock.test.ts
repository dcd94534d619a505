import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { KhopError } from '../../src/error.ts';
import { lockFile } from '../../src/machine/lock.ts';
import { runProcess } from '../../src/machine/run-process.ts';

async function withFolder(work: (folder: string) => Promise<void> | void): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'khop-lock-'));
  try {
    await work(folder);
  } finally {
    rmSync(folder, { recursive: true });
  }
}

test('one holder at a time, and the next one gets it when the first lets go', () =>
  withFolder((folder) => {
    const path = join(folder, 'run/lock');
    {
      using _lock = lockFile(path);
      assert.equal(readFileSync(path, 'utf8'), `${process.pid}\n`);
      assert.throws(
        () => lockFile(path),
        (error: unknown) => {
          assert.ok(error instanceof KhopError);
          assert.equal(error.code, 'E_BUSY');
          assert.match(error.message, new RegExp(`process ${process.pid} holds`));
          return true;
        },
      );
    }
    using again = lockFile(path);
    assert.ok(again);
  }));

test('what a holder that was killed left behind locks nothing', () =>
  withFolder(async (folder) => {
    const path = join(folder, 'lock');
    const code = `const { lockFile } = await import(${JSON.stringify(import.meta.resolve('../../src/machine/lock.ts'))});
      globalThis.lock = lockFile(${JSON.stringify(path)}); process.kill(process.pid, 'SIGKILL');`;
    await assert.rejects(
      runProcess(process.execPath, ['--input-type=module', '-e', code], { timeoutMs: 5000 }),
      /SIGKILL/,
    );
    assert.match(readFileSync(path, 'utf8'), /^\d+\n$/);
    using lock = lockFile(path);
    assert.ok(lock);
  }));

test('a lock that cannot be made is an error of ours', () =>
  withFolder((folder) => {
    writeFileSync(join(folder, 'file'), '');
    assert.throws(() => lockFile(join(folder, 'file/lock')), { code: 'E_UNREADABLE' });
  }));

test('a file system without room for the holder’s name is locked all the same', () => {
  using lock = lockFile('/dev/full');
  assert.ok(lock);
});
