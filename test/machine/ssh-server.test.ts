import assert from 'node:assert/strict';
import { chmodSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { parseSshServerSettings, readSshServer } from '../../src/machine/ssh-server.ts';
import { buildTree } from '../support/tree-builder.ts';

const TOLD = [
  'port 2222',
  'permitrootlogin without-password',
  'pubkeyauthentication yes',
  'hostkey /etc/ssh/one',
  'hostkey /etc/ssh/two',
  'authorizedkeysfile .ssh/authorized_keys %h/.ssh/more /etc/ssh/%u.keys',
].join('\n');

test('what sshd tells of itself is read', () => {
  assert.deepEqual(parseSshServerSettings(TOLD), {
    port: 2222,
    hostKeys: ['/etc/ssh/one', '/etc/ssh/two'],
    authorizedKeys: ['.ssh/authorized_keys', '%h/.ssh/more', '/etc/ssh/%u.keys'],
  });
});

test('a server that lets root in by no key is said to be one', () => {
  for (const [line, reason] of [
    ['permitrootlogin no', /PermitRootLogin is no$/],
    ['permitrootlogin forced-commands-only', /forced-commands-only$/],
    ['pubkeyauthentication no', /PubkeyAuthentication is no$/],
  ] as const) {
    const [name = ''] = line.split(' ');
    const text = TOLD.replace(new RegExp(`^${name} .*$`, 'm'), line);
    assert.throws(() => parseSshServerSettings(text), { code: 'E_UNSUPPORTED', message: reason });
  }
  assert.throws(() => parseSshServerSettings(''), { code: 'E_UNSUPPORTED' });
});

test('without sshd it is absent', async () => {
  using tree = buildTree({});
  assert.equal((await readSshServer(tree.root)).state, 'absent');
});

test('what is no program of this machine, or cannot be started, is a reason and no error', async () => {
  using tree = buildTree({ 'usr/sbin/sshd': '#!/bin/sh\nexit 1\n' });
  chmodSync(join(tree.root, 'usr/sbin/sshd'), 0o755);
  assert.equal((await readSshServer(tree.root)).state, 'unreadable');
});
