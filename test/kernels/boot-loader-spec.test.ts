import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  type BootEntry,
  compareBootEntries,
  defaultBootEntry,
  parseEntryFileName,
  parseLoaderConf,
} from '../../src/kernels/boot-entry.ts';
import { parseEntryFields, readBootLoaderEntries } from '../../src/kernels/boot-loader-spec.ts';
import { parseFstab } from '../../src/kernels/file-systems.ts';
import { buildTree } from '../support/tree-builder.ts';

test('every key is read; initrd and options repeat, others keep their last value', () => {
  const fields = parseEntryFields(
    'title\tA  B \r\n# no\n  version 1\nversion 2\ninitrd /a\ninitrd /b\noptions x y\noptions z\nempty\n',
  );
  assert.deepEqual(
    [...fields],
    [
      ['title', ['A  B']],
      ['version', ['2']],
      ['initrd', ['/a', '/b']],
      ['options', ['x y', 'z']],
    ],
  );
});

const ENTRY = [
  'title Debian',
  'version 6.1.0',
  'machine-id 0123',
  'sort-key debian',
  'linux \\0123\\6.1.0\\linux',
  'initrd /0123/6.1.0/initrd',
  'options root=UUID=1 $kernelopts',
  'options quiet',
  'devicetree /0123/6.1.0/board.dtb',
  'devicetree-overlay /0123/a.dtbo /0123/b.dtbo',
  'architecture x64',
].join('\n');

function readOne(text: string, variables?: ReadonlyMap<string, string>): BootEntry {
  using tree = buildTree({ 'efi/loader/entries/0123-6.1.0+2-1.conf': text });
  const { entries } = readBootLoaderEntries({ root: tree.root, fileSystems: [], variables });
  assert.equal(entries.length, 1);
  return entries[0]!;
}

test('an entry becomes a kernel with paths below its own partition', () => {
  const entry = readOne(ENTRY);
  assert.deepEqual(entry, {
    id: '0123-6.1.0.conf',
    triesLeft: 2,
    sortKey: 'debian',
    machineId: '0123',
    version: '6.1.0',
    draft: {
      origin: { kind: 'bls', entry: '0123-6.1.0.conf' },
      title: 'Debian',
      version: '6.1.0',
      image: '/efi/0123/6.1.0/linux',
      initrds: ['/efi/0123/6.1.0/initrd'],
      commandLine: 'root=UUID=1 $kernelopts quiet',
      deviceTree: '/efi/0123/6.1.0/board.dtb',
      architecture: 'x64',
      isDefault: false,
      problems: ['khop does not apply its device tree overlays (/0123/a.dtbo /0123/b.dtbo)'],
    },
  });
});

test("GRUB's variables are replaced; one without a value is a problem, tuned's are empty", () => {
  const text = `title F\nlinux /v\ninitrd /i $tuned_initrd\noptions $kernelopts \${tuned_params} end\n`;
  const known = readOne(text, new Map([['kernelopts', 'root=UUID=1 ro ']]));
  assert.deepEqual(known.draft.initrds, ['/efi/i']);
  assert.equal(known.draft.commandLine.replaceAll(/\s+/g, ' '), 'root=UUID=1 ro end');
  assert.deepEqual(known.draft.problems, []);
  assert.deepEqual(readOne(text, new Map()).draft.problems, [
    "$kernelopts has no value in GRUB's environment block",
  ]);
  const early = new Map([['default_kernelopts', 'root=/dev/x']]);
  assert.match(readOne(text, early).draft.commandLine, /^root=\/dev\/x/);
});

test('a path may begin at the root file system when /boot is no partition of its own', () => {
  using tree = buildTree({ 'boot/loader/entries/a.conf': 'linux /boot/vmlinuz\n', 'boot/vmlinuz': 'x' });
  const fileSystems = parseFstab('UUID=1 / ext4');
  const { entries } = readBootLoaderEntries({ root: tree.root, fileSystems, variables: undefined });
  assert.equal(entries[0]?.draft.image, '/boot/vmlinuz');
});

test('a boot folder that is mounted or linked twice is read once', () => {
  using tree = buildTree({ 'boot/loader/entries/a.conf': 'linux /vmlinuz\n', efi: { link: 'boot' } });
  const { entries } = readBootLoaderEntries({ root: tree.root, fileSystems: [], variables: undefined });
  assert.equal(entries.length, 1);
});

test('the boot counter is no part of the id', () => {
  assert.deepEqual(parseEntryFileName('a+3.conf'), { id: 'a.conf', triesLeft: 3 });
  assert.deepEqual(parseEntryFileName('a+0-5.efi'), { id: 'a.efi', triesLeft: 0 });
  assert.deepEqual(parseEntryFileName('a+b.conf'), { id: 'a+b.conf', triesLeft: undefined });
});

function entry(id: string, fields: Partial<BootEntry> = {}): BootEntry {
  const { draft } = readOne('linux /v\n');
  return {
    id,
    triesLeft: undefined,
    sortKey: undefined,
    machineId: undefined,
    version: undefined,
    draft,
    ...fields,
  };
}

test('entries are ordered by sort key, machine and newest version; then by name; used-up ones last', () => {
  const expected = [
    entry('x.conf', { sortKey: 'arch', machineId: '1', version: '6.10' }),
    entry('y.conf', { sortKey: 'arch', machineId: '1', version: '6.9' }),
    entry('z.conf', { sortKey: 'arch', machineId: '2', version: '6.11' }),
    entry('a.conf', { sortKey: 'debian', version: '1' }),
    entry('b-6.10.conf', { version: '1' }),
    entry('b-6.9.conf', { version: '2' }),
    entry('bad.conf', { sortKey: 'a', triesLeft: 0 }),
  ];
  const sorted = expected.toReversed().sort(compareBootEntries);
  assert.deepEqual(
    sorted.map((one) => one.id),
    expected.map((one) => one.id),
  );
});

test('the default is the first entry that a pattern fits, with or without its suffix', () => {
  const entries = [entry('arch-6.9.conf'), entry('arch-6.10.conf'), entry('debian.efi')];
  const chosen = (text: string) => defaultBootEntry(entries, parseLoaderConf(text))?.id;
  assert.equal(chosen('default arch-*\n'), 'arch-6.10.conf');
  assert.equal(chosen('default debian\n'), 'debian.efi');
  assert.equal(chosen('default nothing*\ntimeout 3\n'), 'debian.efi');
  assert.equal(chosen('default debian.efi\npreferred arch-6.9.conf\n'), 'arch-6.9.conf');
  assert.equal(chosen('default @saved\n'), 'debian.efi', 'nobody knows which one was started last');
  const saved = parseLoaderConf('default @saved\n', 'arch-6.9.conf');
  assert.equal(defaultBootEntry(entries, saved)?.id, 'arch-6.9.conf');
  assert.equal(defaultBootEntry([], []), undefined);
});
