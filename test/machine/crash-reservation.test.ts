import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { freeCrashReservation } from '../../src/machine/crash-reservation.ts';
import { buildTree } from '../support/tree-builder.ts';

const OLD = 'sys/kernel/kexec_crash_size';
const NEW = 'sys/kernel/kexec/crash_size';

test('a reservation is set to nothing through the file of this kernel, the newer one where there are both', () => {
  for (const files of [{ [OLD]: '100663296\n' }, { [OLD]: 'alias\n', [NEW]: '100663296\n' }]) {
    using tree = buildTree(files);
    freeCrashReservation(tree.root);
    const [path] = Object.keys(files).reverse();
    assert.equal(readFileSync(join(tree.root, path!), 'utf8'), '0\n');
    if (path === NEW) assert.equal(readFileSync(join(tree.root, OLD), 'utf8'), 'alias\n');
  }
});

test('a kernel without such a file has no reservation, and nothing is made', () => {
  using tree = buildTree({ 'sys/kernel/': '' });
  freeCrashReservation(tree.root);
  assert.throws(() => readFileSync(join(tree.root, OLD)), { code: 'ENOENT' });
});

test('a kernel that keeps its reservation is an error that names the file', () => {
  using tree = buildTree({ [`${OLD}/`]: '' });
  assert.throws(() => freeCrashReservation(tree.root), {
    code: 'E_UNREADABLE',
    message: /kexec_crash_size cannot be set to 0/,
  });
});
