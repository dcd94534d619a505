import assert from 'node:assert/strict';
import { mkdirSync, writeFileSync } from 'node:fs';
import { test } from 'node:test';
import { asKhopError, renderError } from '../../../src/cli/render/error.ts';
import { KhopError } from '../../../src/error.ts';

const PLAIN = { style: (_name: string, text: string) => text };

function thrownBy(work: () => void): unknown {
  try {
    work();
  } catch (error) {
    return error;
  }
  throw new Error('nothing was thrown');
}

test('a file that cannot be written is the machine’s trouble: what, where, why and what to do', () => {
  const full = Object.assign(thrownBy(() => writeFileSync('/dev/full', 'x')) as Error, {
    path: '/var/lib/khop/trial.json',
  });
  const error = asKhopError(full);
  assert.equal(error.code, 'E_UNWRITABLE');
  assert.equal(
    renderError(error, PLAIN),
    [
      'khop: /var/lib/khop/trial.json cannot be written: no space left on device (ENOSPC)',
      '  because: ENOSPC: no space left on device, write',
      '  what to do: Free some space there (df -h), then run the command again. (E_UNWRITABLE)',
    ].join('\n'),
  );
});

test('a file that may have been for reading is not said to be one that cannot be written', () => {
  for (const [code, syscall, expected] of [
    ['EACCES', 'open', 'E_UNREADABLE /x cannot be opened: permission denied (EACCES)'],
    ['EROFS', 'open', 'E_UNWRITABLE /x cannot be written: permission denied (EROFS)'],
    ['EACCES', 'rename', 'E_UNWRITABLE /x cannot be written: permission denied (EACCES)'],
  ] as const) {
    const cause = new Error(`${code}: permission denied, ${syscall} '/x'`);
    const error = asKhopError(Object.assign(cause, { code, syscall, path: '/x' }));
    assert.equal(`${error.code} ${error.message}`, expected);
  }
});

test('a failure of another kind asks to be reported, with where it happened', () => {
  for (const cause of [new TypeError('x is not a function'), thrownBy(() => mkdirSync('/proc/1/x'))]) {
    const error = asKhopError(cause);
    assert.deepEqual([error.code, error.cause], ['E_INTERNAL', cause]);
    assert.match(error.message, /^this should not have happened: .*\n +at /s);
  }
});

test('an error of khop stays as it is', () => {
  const error = new KhopError('E_BUSY', 'another khop is at work', { hint: 'Wait for it.' });
  assert.equal(asKhopError(error), error);
});
