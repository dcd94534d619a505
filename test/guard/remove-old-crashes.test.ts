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

test('a crash that was concluded just now stays, also where a clock that was behind makes it the oldest', () => {
  using tree = treeOf('dddd', { keepCrashes: 2, keepDumps: 1 });
  const removedNow = (arrived: readonly string[]) =>
    removeOldCrashes(quietWorld(tree.root), arrived).removed.map(({ what, id }) => `${what} ${id}`);
  assert.deepEqual(removedNow([nameOf(1)]), [`crash ${nameOf(2)}`, `dump ${nameOf(3)}`]);
  assert.ok(existsSync(`${tree.root}/state/crashes/${nameOf(1)}/vmcore`));
  assert.deepEqual(removedNow([]), [`crash ${nameOf(1)}`]);
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

/** What is left of these folders of crashes when one and its part are there. @param files by crash and name */
function leftOf(files: Readonly<Record<string, string>>, keepCrashes = 2) {
  using tree = buildTree({
    'state/guard.json': encodeGuardSettings({ ...DEFAULT_GUARD_SETTINGS, keepCrashes }),
    ...Object.fromEntries(Object.entries(files).map(([name, text]) => [`state/crashes/${name}`, text])),
  });
  const { removed, remarks } = removeOldCrashes(quietWorld(tree.root));
  assert.deepEqual(remarks, []);
  return { removed: removed.map(({ what }) => what), left: readdirSync(`${tree.root}/state/crashes`) };
}

const HOME = 'report 1\nhome 2 kexec\n';

test('what a full disk took a part of takes no place of a whole report, and goes when the whole is concluded', () => {
  const whole = nameOf(2);
  const files = {
    [`${nameOf(1)}/chain.txt`]: HOME,
    [`${whole}/chain.txt`]: HOME,
    [`${whole}.partial/dmesg.txt`]: 'half a l',
  };
  const withLog = { ...files, [`${whole}/dmesg.txt`]: 'half a log, and the rest' };
  assert.deepEqual(leftOf(withLog), { removed: ['part'], left: [nameOf(1), whole] });
  const open = { ...withLog, [`${whole}/chain.txt`]: 'report 1\n' };
  assert.deepEqual(leftOf(open), { removed: [], left: [nameOf(1), whole, `${whole}.partial`] });
  assert.deepEqual(leftOf(files), { removed: [], left: [nameOf(1), whole, `${whole}.partial`] });
});

test('a part is evidence as long as nothing else is: it goes in its turn, an empty one at once', () => {
  const [first, second, third] = [nameOf(1), nameOf(2), nameOf(3)];
  const part = `${first}.partial`;
  const log = { [`${part}/dmesg.txt`]: 'half a l' };
  const newer = { [`${second}/chain.txt`]: HOME };
  assert.deepEqual(leftOf({ ...log, ...newer }), { removed: [], left: [part, second] });
  assert.deepEqual(leftOf({ ...log, ...newer, [`${third}/chain.txt`]: HOME }), {
    removed: ['crash'],
    left: [second, third],
  });
  assert.deepEqual(leftOf({ [`${part}/`]: '', ...newer }), { removed: ['part'], left: [second] });
  const open = { [`${second}/chain.txt`]: 'report 1\n', [`${third}/chain.txt`]: 'report 1\n' };
  assert.deepEqual(leftOf({ [`${part}/`]: '', ...log, ...open }, 1).removed, []);
});

test('the part of a crash whose log is nowhere else goes with that crash', () => {
  const files = {
    [`${nameOf(1)}/chain.txt`]: HOME,
    [`${nameOf(1)}.partial/dmesg.txt`]: 'half a l',
    [`${nameOf(2)}/chain.txt`]: HOME,
  };
  assert.deepEqual(leftOf(files, 1), { removed: ['crash'], left: [nameOf(2)] });
});
