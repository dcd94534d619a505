import assert from 'node:assert/strict';
import { existsSync, readdirSync, writeFileSync } from 'node:fs';
import { test } from 'node:test';
import fc from 'fast-check';
import { DEFAULT_GUARD_SETTINGS, encodeGuardSettings } from '../../src/guard/guard-settings.ts';
import { removeOldCrashes } from '../../src/guard/remove-old-crashes.ts';
import { inputs } from '../support/inputs.ts';
import { quietWorld } from '../support/switch-world.ts';
import { buildTree } from '../support/tree-builder.ts';

const nameOf = (day: number) => `2026-11-${String(day).padStart(2, '0')}T003000Z-6.1.0-50-amd64`;

/** A crash of each day; `d` has a dump, `e` an encrypted one, `i` an incomplete one, a capital letter no `home` yet. */
function treeOf(days: string, settings: { keepCrashes: number; keepDumps: number }) {
  const files: Record<string, string> = {
    'state/guard.json': encodeGuardSettings({ ...DEFAULT_GUARD_SETTINGS, ...settings }),
    'state/crashes/kept by hand/chain.txt': 'home 1 kexec\n',
    'state/crashes/kept by hand/vmcore': 'x',
  };
  for (const [index, kind] of [...days].entries()) {
    const folder = `state/crashes/${nameOf(index + 1)}`;
    files[`${folder}/chain.txt`] = kind === kind.toLowerCase() ? 'report 1\nhome 2 kexec\n' : 'report 1\n';
    if (kind.toLowerCase() === 'd') files[`${folder}/vmcore`] = 'x'.repeat(5000);
    if (kind === 'e') files[`${folder}/vmcore.age`] = 'x'.repeat(5000);
    if (kind.toLowerCase() === 'i') files[`${folder}/vmcore.incomplete`] = 'x';
  }
  return buildTree(files);
}

test('crashes and dumps beyond their numbers are removed, oldest first, and each is said', () => {
  using tree = treeOf('dd-edd', { keepCrashes: 4, keepDumps: 2 });
  const { removed, remarks } = removeOldCrashes(quietWorld(tree.root));
  assert.deepEqual(
    removed.map(({ what, id }) => `${what} ${id}`),
    [`crash ${nameOf(1)}`, `crash ${nameOf(2)}`, `dump ${nameOf(4)}`],
  );
  assert.ok(removed.every(({ bytes }) => bytes >= 512));
  assert.deepEqual(remarks, []);
  assert.ok(existsSync(`${tree.root}/state/crashes/kept by hand/vmcore`));
  assert.deepEqual(removeOldCrashes(quietWorld(tree.root)).removed, []);
});

test('the newest crash and those that were not concluded are never touched', () => {
  const days = fc.string({
    unit: fc.constantFrom('d', 'i', '-', 'D', 'I', '_'),
    minLength: 1,
    maxLength: 12,
  });
  const numbers = fc.integer({ min: 1, max: 5 });
  fc.assert(
    fc.property(days, numbers, numbers, (kinds, keepCrashes, keepDumps) => {
      using tree = treeOf(kinds, { keepCrashes, keepDumps });
      removeOldCrashes(quietWorld(tree.root));
      for (const [index, kind] of [...kinds].entries()) {
        const folder = `${tree.root}/state/crashes/${nameOf(index + 1)}`;
        const isOpen = kind !== kind.toLowerCase() || kind === '_';
        if (index < kinds.length - 1 && !isOpen) continue;
        if (kind === '_') continue;
        assert.ok(existsSync(`${folder}/chain.txt`));
        if (kind.toLowerCase() === 'd') assert.ok(existsSync(`${folder}/vmcore`));
        if (kind.toLowerCase() === 'i') assert.ok(existsSync(`${folder}/vmcore.incomplete`));
      }
    }),
    inputs(60),
  );
});

test('dumps in another file system are bounded as well, also of crashes whose report is gone', () => {
  const uuid = '11111111-2222-3333-4444-555555555555';
  const settings = { ...DEFAULT_GUARD_SETTINGS, keepDumps: 1 };
  using tree = buildTree({
    'state/guard.json': encodeGuardSettings({
      ...settings,
      to: { kind: 'file-system', uuid, folder: '/crashes' },
    }),
    [`dev/disk/by-uuid/${uuid}`]: { link: '../../vdb' },
    'sys/dev/block/254:16': { link: '../../class/block/vdb' },
    'sys/class/block/vdb/': '',
    'proc/self/mountinfo': '30 1 254:16 / /dumps rw - ext4 /dev/vdb rw\n',
    [`dumps/crashes/${nameOf(1)}/vmcore`]: 'x',
    [`dumps/crashes/${nameOf(2)}/vmcore`]: 'x',
    [`state/crashes/${nameOf(2)}/chain.txt`]: 'report 1\nhome 2 kexec\n',
    [`dumps/crashes/${nameOf(3)}/vmcore.incomplete`]: 'x',
    [`state/crashes/${nameOf(3)}/chain.txt`]: 'report 1\n',
    [`dumps/crashes/${nameOf(4)}/vmcore`]: 'x',
  });
  assert.deepEqual(
    removeOldCrashes(quietWorld(tree.root)).removed.map(({ what, id }) => `${what} ${id}`),
    [`dump ${nameOf(1)}`, `dump ${nameOf(2)}`],
  );
  assert.deepEqual(readdirSync(`${tree.root}/dumps/crashes`), [nameOf(3), nameOf(4)]);
  assert.ok(existsSync(`${tree.root}/state/crashes/${nameOf(2)}/chain.txt`));
});

test('damaged settings are said, and the usual numbers hold', () => {
  using tree = treeOf('ddd', { keepCrashes: 1, keepDumps: 1 });
  writeFileSync(`${tree.root}/state/guard.json`, '{');
  const { removed, remarks } = removeOldCrashes(quietWorld(tree.root));
  assert.deepEqual(
    removed.map(({ what, id }) => `${what} ${id}`),
    [`dump ${nameOf(1)}`],
  );
  assert.match(remarks.join(), /guard\.json/);
});
