import assert from 'node:assert/strict';
import { mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { readImaMark } from '../../src/machine/ima-attribute.ts';

test('a file without the attribute has none, also behind a link', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'khop-ima-'));
  try {
    const file = join(folder, 'vmlinuz');
    await writeFile(file, 'x');
    await symlink('vmlinuz', join(folder, 'link'));
    for (const path of [file, join(folder, 'link')])
      assert.deepEqual(readImaMark(path), { state: 'absent', source: `security.ima of ${path}` });
  } finally {
    await rm(folder, { recursive: true });
  }
});

test('a file system without such attributes is told apart from a file without one', () => {
  const reading = readImaMark('/proc/version');
  assert.deepEqual(reading.state === 'read' && reading.value, { kind: 'unsupported' });
});

test('what cannot be read says why', () => {
  assert.deepEqual(readImaMark('/no/such/kernel'), {
    state: 'unreadable',
    source: 'security.ima of /no/such/kernel',
    reason: 'ENOENT (No such file or directory)',
  });
});
