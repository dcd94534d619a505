import assert from 'node:assert/strict';
import fs, {
  chmodSync,
  copyFileSync,
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { syncBuiltinESMExports } from 'node:module';
import { join } from 'node:path';
import { test } from 'node:test';
import { KhopError } from '../../src/error.ts';
import { encodePreparedRecord, type PreparedRecord } from '../../src/prepare/prepared-record.ts';
import {
  identifyFile,
  listPrepared,
  type PreparedEntry,
  readPreparedInitramfs,
  readPreparedKernel,
  writePrepared,
} from '../../src/prepare/prepared-store.ts';
import { buildBoot, type PreparedBoot } from '../support/prepared-boot.ts';

/** Above the largest process id there can be (PID_MAX_LIMIT). */
const GONE = 2 ** 22 + 1;

/** The text of an entry's record. */
function recordText({ folder }: PreparedEntry): string {
  return readFileSync(join(folder, 'prepared.json'), 'utf8');
}

function writeRecord({ folder }: PreparedEntry, text: string): void {
  writeFileSync(join(folder, 'prepared.json'), text);
}

/** The files of an entry besides its record. */
function contentFiles(folder: string): string[] {
  return readdirSync(folder).filter((name) => name !== 'prepared.json');
}

test('an entry is a folder named by its key, for root only, and nothing else is left behind', () => {
  using boot = buildBoot();
  const { folder, record } = boot.prepare();
  assert.deepEqual(readdirSync(boot.prepared), [record.key]);
  assert.equal(statSync(boot.prepared).mode & 0o777, 0o700);
  assert.equal(statSync(folder).mode & 0o777, 0o700);
  for (const name of readdirSync(folder))
    assert.equal(statSync(join(folder, name)).mode & 0o777, 0o600, name);
});

test('an entry that was written is found and read as it is', () => {
  using boot = buildBoot();
  const { folder, record } = boot.prepare();
  assert.deepEqual(boot.find(), { folder, record });
  assert.deepEqual(listPrepared(boot.cache), [{ folder, record }]);
});

test('a cache that does not exist is an empty one', () => {
  using boot = buildBoot();
  assert.deepEqual(listPrepared(boot.cache), []);
  assert.equal(boot.find(), undefined);
});

test('what a killed process left is not read, not even when it is complete, and the next one removes it', () => {
  using boot = buildBoot();
  const entry = boot.prepare();
  const [early, late] = ['early', 'late'].map((name) => join(boot.prepared, `unfinished-${GONE}-${name}`));
  mkdirSync(early!);
  writeFileSync(join(early!, 'kernel.image'), new Uint8Array(100));
  renameSync(entry.folder, late!);
  assert.deepEqual(listPrepared(boot.cache), []);
  const { folder, wasThere } = boot.prepare();
  assert.equal(wasThere, false);
  assert.deepEqual(readdirSync(boot.prepared), [entry.record.key]);
  assert.ok(existsSync(folder));
});

test('the folder of a process that still works is left alone, and one of an earlier process with our id is not', () => {
  using boot = buildBoot();
  mkdirSync(boot.prepared, { recursive: true });
  const theirs = `unfinished-${process.ppid}-theirs`;
  for (const name of [theirs, `unfinished-${process.pid}-ours`, 'unfinished-older'])
    mkdirSync(join(boot.prepared, name));
  const { record } = boot.prepare();
  assert.deepEqual(readdirSync(boot.prepared).toSorted(), [record.key, theirs].toSorted());
});

test('an entry whose writing fails half-way leaves nothing, and the one before it as it was', () => {
  using boot = buildBoot();
  const before = boot.prepare();
  const failing = () =>
    writePrepared(boot.cache, [{ name: 'kernel.image', pieces: [new Uint8Array(9)] }], () => {
      throw new KhopError('E_FORMAT', 'half-way', { hint: 'none' });
    });
  assert.throws(failing, { code: 'E_FORMAT', message: 'half-way' });
  assert.deepEqual(readdirSync(boot.prepared), [before.record.key]);
  assert.deepEqual(boot.find(), { folder: before.folder, record: before.record });
});

test('an entry that another process puts there at the same moment is taken as it is', (t) => {
  using boot = buildBoot();
  const theirs = boot.prepare();
  const aside = join(boot.root, 'theirs');
  const remove = fs.rmSync;
  t.mock.method(fs, 'rmSync', (path: string, options: fs.RmOptions) => {
    if (path === theirs.folder) renameSync(path, aside);
    remove(path, options);
    // Between the removal and the rename.
    if (path === theirs.folder) renameSync(aside, path);
  });
  syncBuiltinESMExports();
  try {
    const contents = [{ name: 'kernel.image', pieces: [new Uint8Array(9)] }];
    const { folder, record } = writePrepared(boot.cache, contents, () => ({
      ...theirs.record,
      madeAtMs: theirs.record.madeAtMs + 1,
    }));
    assert.deepEqual({ folder, record }, { folder: theirs.folder, record: theirs.record });
  } finally {
    t.mock.restoreAll();
    syncBuiltinESMExports();
  }
  assert.deepEqual(readdirSync(boot.prepared), [theirs.record.key]);
});

test('the record is written last: when it is made, every file is whole and its sum is known', () => {
  using boot = buildBoot();
  const { record } = boot.prepare();
  writePrepared(
    boot.cache,
    [{ name: 'kernel.image', pieces: [Buffer.from('ab'), Buffer.from(''), Buffer.from('c')] }],
    (files) => {
      // CRC-32 of "abc", as gzip has it.
      assert.deepEqual(files.get('kernel.image'), { name: 'kernel.image', size: 3, crc32: 0x352441c2 });
      const [work] = readdirSync(boot.prepared).filter((name) => name.startsWith('unfinished-'));
      assert.deepEqual(readdirSync(join(boot.prepared, work!)), ['kernel.image']);
      return record;
    },
  );
});

test('a folder without its record is no entry', () => {
  using boot = buildBoot();
  rmSync(join(boot.prepare().folder, 'prepared.json'));
  assert.equal(boot.find(), undefined);
});

test('no prefix of a record is one', () => {
  using boot = buildBoot();
  const entry = boot.prepare();
  const text = recordText(entry).trimEnd();
  for (let length = 0; length < text.length; length += 13) {
    writeRecord(entry, text.slice(0, length));
    assert.deepEqual(listPrepared(boot.cache), [], `${length} bytes`);
  }
  writeRecord(entry, text);
  assert.equal(listPrepared(boot.cache).length, 1);
});

const otherRecords: readonly [string, (record: PreparedEntry['record']) => object][] = [
  ['a newer version', (record) => ({ ...record, version: record.version + 1 })],
  ['another recipe', (record) => ({ ...record, recipe: record.recipe + 1 })],
  ['another key than its folder', (record) => ({ ...record, key: 'f'.repeat(64) })],
  ['a key that leads elsewhere', (record) => ({ ...record, key: '../../etc' })],
  ['a field too few', ({ image: _image, ...record }) => record],
  [
    'a file name that leads elsewhere',
    (record) => ({
      ...record,
      kernel: { ...record.kernel, image: { ...record.kernel?.image, name: '../shadow' } },
    }),
  ],
];

for (const [what, change] of otherRecords)
  test(`a record of ${what} is passed over, and preparing makes the entry anew`, () => {
    using boot = buildBoot();
    const entry = boot.prepare();
    writeRecord(entry, encodePreparedRecord(change(entry.record) as PreparedRecord));
    assert.equal(boot.find(), undefined);
    assert.equal(boot.prepare().wasThere, false);
    assert.ok(boot.find() !== undefined);
  });

test('a record that has decayed is passed over, and preparing makes the entry anew', () => {
  using boot = buildBoot();
  const entry = boot.prepare();
  writeRecord(entry, recordText(entry).replace('"entryOffset": 64', '"entryOffset": 65'));
  assert.equal(boot.find(), undefined);
  assert.equal(boot.prepare().wasThere, false);
  assert.equal(boot.find()?.record.kernel?.layout.entryOffset, 64);
});

/** Ways for a file to decay that leave its name in the folder, or not. */
const decays: readonly [string, (path: string) => void, RegExp][] = [
  ['is cut short', (path) => truncateSync(path, statSync(path).size - 1), /bytes instead of/],
  ['has grown', (path) => writeFileSync(path, 'x', { flag: 'a' }), /bytes instead of/],
  ['is empty', (path) => truncateSync(path, 0), /has 0 bytes/],
  [
    'has a flipped bit',
    (path) => {
      const bytes = readFileSync(path);
      bytes[bytes.length >> 1]! ^= 0x10;
      writeFileSync(path, bytes);
    },
    /CRC-32 differs/,
  ],
  ['is gone', (path) => rmSync(path), /ENOENT/],
];

for (const [what, decay, message] of decays)
  test(`a file that ${what} is an error that names it, for each file of an entry`, () => {
    using boot = buildBoot();
    const entry = boot.prepare();
    const names = contentFiles(entry.folder);
    assert.ok(names.length >= 3, names.join());
    for (const name of names) {
      const path = join(entry.folder, name);
      const sound = readFileSync(path);
      decay(path);
      assert.throws(
        () => [readPreparedKernel(entry), readPreparedInitramfs(entry)],
        (error: unknown) => {
          assert.ok(error instanceof KhopError && error.code === 'E_STATE', String(error));
          assert.ok(error.message.startsWith(`${path}: `), error.message);
          assert.match(error.message, message);
          assert.match(error.hint, /khop prepare/);
          return true;
        },
      );
      writeFileSync(path, sound);
    }
    assert.ok(readPreparedKernel(entry) !== undefined && readPreparedInitramfs(entry) !== undefined);
  });

test('a file that was found to be sound is not read through a second time, another is', () => {
  using boot = buildBoot();
  const entry = boot.prepare();
  const verified = new Set<string>();
  assert.ok(readPreparedInitramfs(entry, verified) !== undefined);
  const path = (name: string) => join(entry.folder, name);
  assert.deepEqual([...verified], [path('initrd.img')]);
  for (const name of ['initrd.img', 'kernel.image']) {
    const sound = readFileSync(path(name));
    sound[0]! ^= 1;
    writeFileSync(path(name), sound);
  }
  assert.ok(readPreparedInitramfs(entry, verified) !== undefined);
  assert.throws(() => readPreparedKernel(entry, verified), { code: 'E_STATE', message: /CRC-32 differs/ });
  assert.throws(() => readPreparedInitramfs(entry), { code: 'E_STATE' });
});

/** What happens to a boot folder between two switches, and whether the content is the same. */
const changes: readonly [string, (boot: PreparedBoot) => void, isSame: boolean][] = [
  ['the kernel was written again', ({ image }) => writeFileSync(image, readFileSync(image)), true],
  [
    'the kernel has another time, and the same content',
    ({ image }) => utimesSync(image, new Date(0), new Date(1)),
    true,
  ],
  ['the kernel is longer', ({ image }) => writeFileSync(image, 'x', { flag: 'a' }), false],
  [
    'the kernel was replaced by a file with the same content and times',
    ({ image }) => {
      cpSync(image, `${image}.new`, { preserveTimestamps: true });
      renameSync(`${image}.new`, image);
    },
    true,
  ],
  ['the kernel has other permissions', ({ image }) => chmodSync(image, 0o600), true],
  ['the initrd was written again', ({ initrd }) => writeFileSync(initrd, readFileSync(initrd)), true],
];

for (const [what, change, isSame] of changes)
  test(`when ${what}, the entry is not found, and preparing ${isSame ? 'finds it by its content' : 'makes one that is'}`, async () => {
    using boot = buildBoot();
    boot.prepare();
    // A file system's clock has ticks of some ms; two writes within one would be the same moment.
    await new Promise((resolve) => setTimeout(resolve, 20));
    change(boot);
    assert.equal(boot.find(), undefined);
    assert.equal(boot.prepare().wasThere, isSame);
    assert.equal(boot.prepare().wasThere, true);
    assert.ok(readPreparedKernel(boot.find()!) !== undefined);
  });

test('a copy of the kernel is another kernel, the same file under another name is not', () => {
  using boot = buildBoot();
  boot.prepare();
  const copy = `${boot.image}.copy`;
  copyFileSync(boot.image, copy);
  assert.equal(boot.find(copy), undefined);
  symlinkSync(boot.image, `${boot.image}.link`);
  assert.ok(boot.find(`${boot.image}.link`) !== undefined);
});

test('which initrds there are, and their order, is part of what an entry is found by', () => {
  using boot = buildBoot();
  const [image, first, second] = [boot.image, boot.initrd, `${boot.initrd}.second`];
  copyFileSync(first, second);
  boot.prepare({ initrds: [first, second] });
  const find = (...initrds: string[]) => boot.find(image, initrds);
  assert.ok(find(first, second) !== undefined);
  for (const others of [[second, first], [first], [], [first, second, second]])
    assert.equal(find(...others), undefined, others.join());
});

test('of several entries for the same files the newest is found', () => {
  using boot = buildBoot();
  const old = boot.prepare({}, () => 1000);
  const key = 'a'.repeat(64);
  const newer = writePrepared(boot.cache, [], () => ({ ...old.record, key, madeAtMs: 2000 }));
  assert.equal(boot.find()?.folder, newer.folder);
  rmSync(newer.folder, { recursive: true });
  assert.equal(boot.find()?.folder, old.folder);
});

test('a cache that cannot be written is an error that names it, and the way without', () => {
  using boot = buildBoot({ cache: 'a file where the folder should be' });
  assert.throws(() => boot.prepare(), {
    code: 'E_UNREADABLE',
    message: new RegExp(`^${boot.prepared} cannot be written: ENOTDIR`),
    hint: /without --fast/,
  });
});

test('a file that is not there is told from one that cannot be reached', () => {
  using boot = buildBoot();
  assert.throws(() => identifyFile(`${boot.image}.gone`), { code: 'E_NOT_FOUND' });
  assert.throws(() => identifyFile(join(boot.image, 'below')), { code: 'E_UNREADABLE', message: /ENOTDIR/ });
});
