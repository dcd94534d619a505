import assert from 'node:assert/strict';
import { resolve } from 'node:path';
import { test } from 'node:test';
import type { OnOptions } from '../../src/cli/commands/guard.ts';
import { chosenSettings } from '../../src/cli/guard-on-settings.ts';
import type { GuardWorld } from '../../src/guard/world.ts';

const PLAIN = { mode: 'capture', dump: 'none' } as OnOptions;

function chosen(options: Partial<OnOptions>, encryptTo: readonly string[] = []) {
  const world = { configuration: { encryptTo } } as Partial<GuardWorld> as GuardWorld;
  return chosenSettings({ ...PLAIN, ...options }, world);
}

test('what is not asked for is left as it was, and a dump has more time', () => {
  assert.deepEqual(chosen({}), {
    kernel: null,
    home: null,
    mode: 'capture',
    deadlineSeconds: 60,
    dump: 'none',
    encryptTo: [],
  });
  assert.equal(chosen({ dump: 'filtered' }).deadlineSeconds, 600);
  assert.equal(chosen({ dump: 'filtered', deadline: 120 }).deadlineSeconds, 120);
});

test('files of a place are named from where the person stands', () => {
  assert.deepEqual(chosen({ to: 'https://h/c/', caFile: 'ca.pem' }).to, {
    kind: 'https',
    host: 'h',
    port: 443,
    path: '/c/',
    authorities: resolve('ca.pem'),
  });
  assert.equal(chosen({ to: 'https://h/c/' }).to?.kind, 'https');
});

test('an option without effect is refused instead of passed over', () => {
  const refusals: readonly [Partial<OnOptions>, RegExp][] = [
    [{ caFile: 'ca.pem' }, /--ca-file has no effect without --to/],
    [{ sshKey: 'key' }, /--ssh-key has no effect without --to/],
    [{ to: 'http://h/', caFile: 'ca.pem' }, /--ca-file has no effect for http:\/\/h\//],
    [{ to: 'https://h/', sshKey: 'key' }, /--ssh-key has no effect for https:\/\/h\//],
    [{ to: 'http://h/', dump: 'filtered' }, /a dump cannot go to http:\/\/h\//],
    [{ mode: 'continue', to: 'http://h/' }, /goes on writes a report into the usual folder/],
    [{ mode: 'continue', dump: 'filtered' }, /goes on writes a report into the usual folder/],
    [{ mode: 'continue', deadline: 60 }, /--deadline has no effect with --mode continue/],
    [{ cpus: 2 }, /--cpus has no effect with --mode capture/],
    [{ deadline: 1 }, /--deadline 1 is not between/],
  ];
  for (const [options, message] of refusals)
    assert.throws(() => chosen(options), { code: 'E_USAGE', message });
});

test('a system that goes on refuses to encrypt, also where khop.conf asks for it', () => {
  const refused = { code: 'E_USAGE', message: /not encrypted/ };
  assert.throws(() => chosen({ mode: 'continue', encryptTo: ['age1x'] }), refused);
  assert.throws(() => chosen({ mode: 'continue' }, ['age1x']), refused);
});
