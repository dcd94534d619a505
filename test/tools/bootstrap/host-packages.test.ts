import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  describeMissing,
  isOnThisMachine,
  missingRequirements,
  readHostRequirements,
} from '../../../tools/bootstrap/host-packages.mjs';

const ROOT = new URL('../../..', import.meta.url).pathname;
const QEMU = {
  package: 'qemu-system-x86',
  verbs: ['test'],
  programs: ['qemu-system-x86_64'],
  why: 'machines',
};
const ATOMIC = {
  package: 'libatomic1',
  verbs: ['*'],
  anyOf: ['/a/libatomic.so.1', '/b/libatomic.so.1'],
  why: 'node',
};

test('a requirement of another verb is not missing', () => {
  assert.deepEqual(
    missingRequirements([QEMU], 'check', () => false),
    [],
  );
});

test('a requirement of every verb is missing when none of its alternatives is there', () => {
  assert.deepEqual(
    missingRequirements([ATOMIC], 'check', () => false),
    [ATOMIC],
  );
});

test('one alternative is enough', () => {
  assert.deepEqual(
    missingRequirements([ATOMIC], 'check', (wanted) => wanted === '/b/libatomic.so.1'),
    [],
  );
});

test('every program of a package has to be there', () => {
  const mtools = { package: 'mtools', verbs: ['test'], programs: ['mformat', 'mcopy'], why: 'disks' };
  assert.deepEqual(
    missingRequirements([mtools], 'test', (wanted) => wanted === 'mformat'),
    [mtools],
  );
  assert.deepEqual(
    missingRequirements([mtools], 'test', () => true),
    [],
  );
});

test('a program is looked up on PATH, a path is looked up as it is', () => {
  assert.equal(isOnThisMachine('sh'), true);
  assert.equal(isOnThisMachine('no-such-program-of-khop'), false);
  assert.equal(isOnThisMachine('/proc/self/status'), true);
  assert.equal(isOnThisMachine('/no/such/file'), false);
});

test('the list for a person names the package, what it gives and why', () => {
  assert.match(describeMissing([QEMU]), /qemu-system-x86 +gives qemu-system-x86_64: machines/);
});

test('the tracked list is whole: each entry has a package, a verb, an alternative and a reason', () => {
  const requirements = readHostRequirements(ROOT);
  assert.ok(requirements.length > 0);
  for (const { package: name, verbs, programs, anyOf, why } of requirements) {
    assert.match(name, /^[a-z0-9][a-z0-9.+-]+$/);
    assert.ok(verbs.length > 0 && (programs ?? anyOf ?? []).length > 0 && why !== '', name);
  }
  assert.equal(new Set(requirements.map((entry) => entry.package)).size, requirements.length);
});
