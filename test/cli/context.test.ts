import assert from 'node:assert/strict';
import { PassThrough } from 'node:stream';
import { test } from 'node:test';
import { askOn } from '../../src/cli/context.ts';

/** What is made of `typed`; nothing is asked for longer than the test may last. */
async function answer(typed: string, isEnd = false, isAborted = false): Promise<boolean> {
  const abort = new AbortController();
  const input = new PassThrough();
  const asked = askOn(input, new PassThrough(), 'Go?', abort.signal);
  input.write(typed);
  if (isEnd) input.end();
  if (isAborted) abort.abort();
  return asked;
}

test('only an explicit yes is one', async () => {
  assert.deepEqual(
    await Promise.all(['y\n', 'YES \n', 'n\n', '\n', 'yesterday\n'].map((typed) => answer(typed))),
    [true, true, false, false, false],
  );
});

test('the end of the input and an interrupt are no yes, and nobody waits for one', {
  timeout: 5000,
}, async () => {
  assert.equal(await answer('', true), false);
  assert.equal(await answer('', false, true), false);
});
