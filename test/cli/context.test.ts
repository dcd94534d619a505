import assert from 'node:assert/strict';
import { PassThrough } from 'node:stream';
import { test } from 'node:test';
import { askOn, wantsColour } from '../../src/cli/context.ts';

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

test('there is colour where both streams are terminals and nobody minds', () => {
  const both = () => true;
  assert.equal(wantsColour({ TERM: 'xterm' }, both), true);
  assert.equal(wantsColour({ NO_COLOR: '' }, both), true);
  for (const env of [{ NO_COLOR: '1' }, { TERM: 'dumb' }]) assert.equal(wantsColour(env, both), false);
  for (const shown of ['stdout', 'stderr'] as const)
    assert.equal(
      wantsColour({}, (stream) => stream === shown),
      false,
    );
});
