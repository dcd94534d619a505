import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { test } from 'node:test';
import { gzipSync, zstdCompressSync } from 'node:zlib';
import { KhopError } from '../../src/error.ts';
import { parseCpio } from '../../src/formats/cpio.ts';
import { joinInitrds, readInitramfs } from '../../src/formats/initramfs.ts';
import { archiveFile, archiveFolder, encodeArchive } from '../../src/lab/cpio-archive.ts';

const MICROCODE = encodeArchive([
  archiveFolder('kernel'),
  archiveFile('kernel/ucode.bin', new Uint8Array(10)),
]);
const MAIN = encodeArchive([archiveFile('init', Buffer.from('#!/bin/sh\n'), 0o755), archiveFolder('lib')]);

test('an archive gives its files with names, modes and contents', () => {
  const { entries } = parseCpio(MAIN);
  assert.deepEqual(
    entries.map((entry) => [entry.name, entry.mode & 0o777, Buffer.from(entry.bytes).toString()]),
    [
      ['init', 0o755, '#!/bin/sh\n'],
      ['lib', 0o755, ''],
    ],
  );
});

test('every prefix of an archive that cuts its trailer is an error of ours', () => {
  const { size } = parseCpio(MAIN);
  for (let length = 0; length < size - 4; length++)
    assert.throws(() => parseCpio(MAIN.subarray(0, length)), KhopError, `at ${length}`);
});

test('flipped bits give an error of ours or an archive, never a crash', () => {
  for (let bit = 0; bit < 220 * 8; bit += 3) {
    const bytes = Uint8Array.from(MAIN);
    bytes[bit >> 3]! ^= 1 << (bit & 7);
    try {
      parseCpio(bytes);
    } catch (error) {
      assert.ok(error instanceof KhopError, String(error));
    }
  }
});

for (const [name, compress] of [
  ['gzip', gzipSync],
  ['zstd', zstdCompressSync],
] as const)
  test(`microcode in front of a ${name} archive: both are read, in order`, () => {
    const content = readInitramfs(Buffer.concat([MICROCODE, compress(MAIN)]), 'initrd');
    assert.deepEqual(content.compressions, ['none', name, 'none'].slice(0, content.compressions.length));
    assert.ok(content.entries.some((entry) => entry.name === 'kernel/ucode.bin'));
    assert.ok(content.entries.some((entry) => entry.name === 'init'));
    assert.deepEqual(content.misalignedArchives, []);
  });

test('an xz archive is read, where the xz tool is there to make one', (context) => {
  const made = spawnSync('xz', ['-c', '--check=crc32'], { input: MAIN, timeout: 20_000 });
  if (made.status !== 0) return context.skip('the xz program is not installed');
  const content = readInitramfs(made.stdout, 'initrd');
  assert.deepEqual(content.compressions, ['xz']);
  assert.ok(content.entries.some((entry) => entry.name === 'init'));
});

test('joined initrds begin on multiples of 4, so that the kernel reads them all', () => {
  const odd = { name: 'a', path: undefined, bytes: gzipSync(MAIN).subarray() };
  const plain = { name: 'b', path: undefined, bytes: MICROCODE };
  const padded = { ...plain, name: 'c', bytes: Buffer.concat([MICROCODE, new Uint8Array(1)]) };
  const joined = joinInitrds([padded, plain, odd]);
  assert.ok(joined !== undefined);
  assert.equal(joined.path, undefined);
  assert.deepEqual(readInitramfs(joined.bytes, joined.name).misalignedArchives, []);
});

test('one initrd stays the file it is, so that the kernel can be given the file', () => {
  const only = { name: 'a', path: '/boot/initrd', bytes: MAIN };
  assert.equal(joinInitrds([only]), only);
  assert.equal(joinInitrds([]), undefined);
});

test('a plain archive off its alignment is told: the kernel would skip it', () => {
  const bytes = Buffer.concat([MICROCODE, new Uint8Array(2), MAIN]);
  const at = bytes.indexOf('070701', parseCpio(MICROCODE).size);
  const content = readInitramfs(bytes, 'initrd');
  assert.deepEqual(content.misalignedArchives, at % 4 === 0 ? [] : [at]);
  assert.notEqual(at % 4, 0);
});

test('what is no initrd is refused with the offset', () => {
  assert.throws(() => readInitramfs(Buffer.from('hello'), '/boot/x'), /\/boot\/x: at 0x0 is neither/);
});

test('output above the limit is refused', () => {
  const bomb = gzipSync(new Uint8Array(1_000_000));
  assert.throws(() => readInitramfs(bomb, 'bomb', 10_000), KhopError);
});
