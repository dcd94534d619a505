import assert from 'node:assert/strict';
import { test } from 'node:test';
import { refuseBesideLoaded } from '../../../src/cli/commands/beside-loaded.ts';

test('beside --loaded there is how to go, and that this is no trial', () => {
  refuseBesideLoaded({ loaded: true, now: true, yes: true, json: true, trial: false });
});

test('an option for a kernel that is still to be loaded is refused beside --loaded', () => {
  for (const [option, options] of [
    ['--trial', { trial: true }],
    ['--confirm', { confirm: 600 }],
    ['--append', { append: ['quiet'] }],
    ['--reuse-cmdline', { reuseCmdline: true }],
    ['--fast', { fast: true }],
    ['--profile', { profile: 'lean' }],
    ['--without', { without: ['trim'] }],
    ['--accept', { accept: ['dead-hang'] }],
  ] as const)
    assert.throws(() => refuseBesideLoaded({ loaded: true, ...options }), {
      code: 'E_USAGE',
      message: `${option} has no effect on what is loaded already`,
    });
});
