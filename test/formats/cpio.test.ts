import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, readlinkSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import fc from 'fast-check';
import { type CpioEntry, isCpio, parseCpio } from '../../src/formats/cpio.ts';
import {
  cpioDevice,
  cpioFile,
  cpioFolder,
  cpioHardLink,
  cpioSymlink,
  encodeCpio,
  parentFolders,
} from '../../src/formats/cpio-writer.ts';
import { assertSurvivesDamage, assertSurvivesTruncation } from '../support/hostile-bytes.ts';

const BUSYBOX = cpioFile('bin/busybox', Buffer.from('\x7fELF and more'), 0o755);
const TREE: readonly CpioEntry[] = [
  cpioFolder('bin'),
  BUSYBOX,
  cpioHardLink('bin/sh', BUSYBOX),
  cpioSymlink('init', 'bin/sh'),
  cpioFolder('dev'),
  cpioDevice('dev/console', 'character', 5, 1),
  cpioDevice('dev/vda', 'block', 254, 0, 0o660),
];

/** As plain bytes, so that a Buffer and a Uint8Array of the same content are equal. */
function plain(entries: readonly CpioEntry[]): unknown {
  return entries.map((entry) => ({ ...entry, bytes: [...entry.bytes] }));
}

test('what is encoded is what is read: folders, files, links and devices', () => {
  const archive = parseCpio(encodeCpio(TREE));
  assert.deepEqual(plain(archive.entries), plain(TREE));
});

test('any entries come back', () => {
  const number = fc.nat(0xffffffff);
  const entry = fc.record({
    mode: fc.constantFrom(0o100644, 0o40755, 0o120777, 0o104755),
    uid: number,
    gid: number,
    modifiedAt: number,
    deviceMajor: number,
    deviceMinor: number,
    bytes: fc.uint8Array({ maxLength: 40 }),
    hardLinkTo: fc.constant(undefined),
  });
  const names = fc.uniqueArray(fc.stringMatching(/^[a-zäß_][a-z0-9/ .-]{0,20}$/), { maxLength: 8 });
  fc.assert(
    fc.property(names, fc.infiniteStream(entry), (paths, stream) => {
      const entries = paths.map((name) => ({ name, ...stream.next().value }));
      const bytes = encodeCpio(entries);
      assert.equal(bytes.length % 4, 0);
      assert.deepEqual(plain(parseCpio(bytes).entries), plain(entries));
    }),
  );
});

test('the same entries give the same bytes', () => {
  assert.deepEqual(encodeCpio(TREE), encodeCpio(TREE));
});

test('whoever wants to know is told what was read, in steps and in order', () => {
  const archive = encodeCpio(
    Array.from({ length: 10 }, (_, index) => cpioFile(`f${index}`, new Uint8Array(2 ** 20))),
  );
  const told: number[] = [];
  let end = archive.byteOffset;
  parseCpio(archive, (read) => {
    assert.equal(read.byteOffset, end);
    end += read.length;
    told.push(Math.floor(read.length / 2 ** 20));
  });
  assert.deepEqual(told, [4, 4]);
});

test('every cut before the end of the trailer is an error', () => {
  const bytes = encodeCpio(TREE);
  // 'TRAILER!!!' with its NUL ends the header; only zeros follow.
  const end = Buffer.from(bytes).lastIndexOf('TRAILER!!!') + 11;
  assertSurvivesTruncation(parseCpio, bytes, end);
  assert.equal(parseCpio(bytes.subarray(0, end)).size, end);
});

test('damage gives an error or a value', () => {
  assertSurvivesDamage(parseCpio, encodeCpio(TREE));
});

test('a checksum archive is read, and refused when a sum is wrong', () => {
  const bytes = Buffer.from(encodeCpio([cpioFile('a', Buffer.of(1, 2, 250))]));
  bytes.write('070702', 0, 'latin1');
  bytes.write('000000fd', 102, 'latin1');
  assert.ok(isCpio(bytes));
  assert.equal(parseCpio(bytes).entries.length, 1);
  bytes.write('000000fe', 102, 'latin1');
  assert.throws(() => parseCpio(bytes), { code: 'E_FORMAT', message: /c_check.*data of a/ });
});

test('a name ends with its first NUL, the trailer’s too', () => {
  const bytes = Buffer.from(
    encodeCpio([cpioFile('init-filler', Buffer.from('data')), cpioFile('etc', Buffer.from('x'))]),
  );
  bytes.fill(0, bytes.indexOf('-filler'), bytes.indexOf('-filler') + '-filler'.length);
  const read = parseCpio(bytes);
  assert.deepEqual(
    read.entries.map(({ name, bytes: data }) => [name, Buffer.from(data).toString()]),
    [
      ['init', 'data'],
      ['etc', 'x'],
    ],
  );
  const trailer = bytes.lastIndexOf('070701');
  const longer = Buffer.concat([bytes.subarray(0, trailer + 124), Buffer.alloc(8)]);
  longer.write((11 + 8).toString(16).padStart(8, '0'), trailer + 94);
  assert.equal(parseCpio(longer).entries.length, 2);
});

test('the old binary-compatible kind is named', () => {
  assert.throws(() => parseCpio(Buffer.from('070707'.padEnd(200, '0'))), { message: /use -H newc/ });
});

test('names that cannot be held, and hard links to nothing, are refused', () => {
  for (const entry of [
    cpioFile('', new Uint8Array()),
    cpioFile('a\0b', new Uint8Array()),
    cpioFile('a'.repeat(4096), new Uint8Array()),
    cpioHardLink('b', BUSYBOX),
    { ...BUSYBOX, uid: -1 },
    { ...BUSYBOX, modifiedAt: 2 ** 32 },
  ])
    assert.throws(() => encodeCpio([entry]), { code: 'E_FORMAT' });
});

test('folders come before what is in them, each once', () => {
  assert.deepEqual(parentFolders(['a/b/c', 'a/d', 'e']), ['a', 'a/b']);
});

const hasBusybox = spawnSync('busybox', ['cpio', '--help'], { timeout: 10_000 }).error === undefined;

test('busybox unpacks what is encoded', { skip: !hasBusybox && 'busybox is not installed' }, () => {
  const folder = mkdtempSync(join(tmpdir(), 'khop-cpio-'));
  try {
    const files = TREE.filter(({ name }) => !name.startsWith('dev/'));
    const result = spawnSync('busybox', ['cpio', '-i'], {
      cwd: folder,
      input: encodeCpio(files),
      timeout: 10_000,
    });
    assert.equal(result.status, 0, result.stderr.toString());
    assert.deepEqual(readdirSync(folder).sort(), ['bin', 'dev', 'init']);
    assert.deepEqual(readFileSync(join(folder, 'bin/sh')), Buffer.from(BUSYBOX.bytes));
    assert.equal(statSync(join(folder, 'bin/sh')).ino, statSync(join(folder, 'bin/busybox')).ino);
    assert.equal(readlinkSync(join(folder, 'init')), 'bin/sh');
  } finally {
    rmSync(folder, { recursive: true });
  }
});
