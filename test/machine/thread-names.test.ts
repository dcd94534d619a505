import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { test } from 'node:test';
import { nameThreads } from '../../src/machine/thread-names.ts';

test('all threads have the program’s name, those that make its slow calls too', async () => {
  await nameThreads();
  const names = readdirSync('/proc/self/task').map((thread) =>
    readFileSync(`/proc/self/task/${thread}/comm`, 'utf8').trim(),
  );
  // V8 starts threads of its own whenever it wants to.
  assert.ok(names.filter((name) => name === 'khop').length >= 5, names.join(' '));
  assert.ok(!names.includes('libuv-worker'), names.join(' '));
});
