import assert from 'node:assert/strict';
import { test } from 'node:test';
import { requireOne } from '../../src/switch/switch-loaded.ts';

test('a jump is to a kernel or to what is loaded, and a dry run never jumps', () => {
  for (const [selector, isLoaded, isDryRun] of [
    [undefined, false, false],
    ['6.12', true, false],
    [undefined, true, true],
  ] as const)
    assert.throws(() => requireOne(selector, isLoaded, isDryRun), { code: 'E_USAGE' });
  requireOne('6.12', false, true);
  requireOne(undefined, true);
});
