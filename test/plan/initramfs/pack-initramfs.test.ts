import assert from 'node:assert/strict';
import { test } from 'node:test';
import { gzipSync } from 'node:zlib';
import fc from 'fast-check';
import type { CpioEntry } from '../../../src/formats/cpio.ts';
import {
  cpioDevice,
  cpioFile,
  cpioFolder,
  cpioHardLink,
  cpioSymlink,
  encodeCpio,
} from '../../../src/formats/cpio-writer.ts';
import { readInitramfs } from '../../../src/formats/initramfs.ts';
import { joinBytes } from '../../../src/formats/join-bytes.ts';
import { decodeLz4 } from '../../../src/formats/lz4.ts';
import { mainParts } from '../../../src/plan/initramfs/early-archives.ts';
import { type InitramfsPacking, packInitramfs } from '../../../src/plan/initramfs/pack-initramfs.ts';
import { rewriteObstacle } from '../../../src/plan/initramfs/rewrite-obstacle.ts';
import { inputs } from '../../support/inputs.ts';
import { unpackAsKernel } from '../../support/kernel-unpacking.ts';

const MICROCODE = encodeCpio([
  cpioFile('early_cpio', Buffer.from('1')),
  cpioFolder('kernel'),
  cpioFolder('kernel/x86'),
  cpioFolder('kernel/x86/microcode'),
  cpioFile('kernel/x86/microcode/GenuineIntel.bin', new Uint8Array(5000)),
]);
const BUSYBOX = {
  ...cpioFile('bin/busybox', Buffer.from('busy'), 0o4755),
  uid: 3,
  gid: 4,
  modifiedAt: 1234567,
};
const TREE: readonly CpioEntry[] = [
  cpioFolder('.'),
  cpioFolder('bin', 0o700),
  BUSYBOX,
  cpioHardLink('bin/sh', BUSYBOX),
  cpioSymlink('init', 'bin/sh'),
  cpioDevice('console', 'character', 5, 1),
];
const PACKINGS: readonly InitramfsPacking[] = ['none', 'lz4'];

/** Everything packed again. */
function repack(bytes: Uint8Array, packing: InitramfsPacking): Uint8Array {
  const content = readInitramfs(bytes, 'initrd');
  const entries = mainParts(content).flatMap((part) => part.entries);
  return joinBytes(packInitramfs({ name: 'initrd', path: undefined, bytes }, content, entries, packing));
}

/** As plain bytes, so that a Buffer and a Uint8Array of the same content are equal. */
function plain(entries: readonly CpioEntry[]): unknown {
  return entries.map((entry) => ({ ...entry, bytes: [...entry.bytes] }));
}

for (const packing of PACKINGS)
  test(`packed with ${packing}, the early archives come first as they were, and all entries come back`, () => {
    const early = [MICROCODE, new Uint8Array(508)];
    const packed = repack(Buffer.concat([...early, gzipSync(encodeCpio(TREE))]), packing);
    assert.ok(
      Buffer.from(packed)
        .subarray(0, MICROCODE.length + 508)
        .equals(Buffer.concat(early)),
    );
    const content = readInitramfs(packed, 'packed');
    assert.deepEqual(
      content.parts.map(({ compression }) => compression),
      ['none', packing],
    );
    assert.equal(content.hasMicrocode, true);
    assert.deepEqual(content.misalignedArchives, []);
    assert.deepEqual(plain(content.parts[1]!.entries), plain(TREE));
  });

test('entries that are left out are not in it', () => {
  const bytes = gzipSync(encodeCpio(TREE));
  const content = readInitramfs(bytes, 'initrd');
  const some = content.entries.filter(({ name }) => name !== 'console');
  const packed = packInitramfs({ name: 'initrd', path: '/boot/initrd', bytes }, content, some, 'none');
  assert.deepEqual(plain(readInitramfs(joinBytes(packed), 'packed').entries), plain(some));
});

const name = fc.constantFrom('a', 'b', 'a/b', 'a/c', 'b/c', 'l', 'l/c', 'a/b/d');
const anyEntry = fc
  .record({
    name,
    kind: fc.constantFrom('file', 'file', 'folder', 'folder', 'symlink', 'device'),
    text: fc.constantFrom('', 'x', 'yy'),
    target: fc.constantFrom('a', 'b', 'a/b', 'nowhere', 'l'),
    permissions: fc.constantFrom(0o600, 0o755),
    modifiedAt: fc.nat(9),
    uid: fc.nat(3),
  })
  .map(({ name: path, kind, text, target, permissions, modifiedAt, uid }): CpioEntry => {
    const entry =
      kind === 'file'
        ? cpioFile(path, Buffer.from(text), permissions)
        : kind === 'folder'
          ? cpioFolder(path, permissions)
          : kind === 'symlink'
            ? cpioSymlink(path, target)
            : cpioDevice(path, 'character', uid, 1);
    return { ...entry, modifiedAt, uid };
  });

/** An archive; some files have a second name, in front of or behind others. */
const anyArchive = fc
  .tuple(fc.array(anyEntry, { maxLength: 8 }), fc.array(fc.tuple(fc.nat(7), name), { maxLength: 2 }))
  .map(([entries, links]) => {
    const all = [...entries];
    for (const [index, path] of links) {
      const file = all[index];
      if (file !== undefined && (file.mode & 0o170000) === 0o100000) all.push(cpioHardLink(path, file));
    }
    return all;
  });

test('one archive gives the tree that several gave, whatever later ones replace', () => {
  let compared = 0;
  fc.assert(
    fc.property(
      fc.array(anyArchive, { minLength: 1, maxLength: 3 }),
      fc.constantFrom(...PACKINGS),
      (archives, packing) => {
        const encoded = archives.map((entries) => encodeCpio(entries));
        const bytes = Buffer.concat([gzipSync(encoded[0]!), ...encoded.slice(1).map((one) => gzipSync(one))]);
        const content = readInitramfs(bytes, 'initrd');
        if (rewriteObstacle(content) !== undefined) return;
        compared++;
        const packed = repack(bytes, packing);
        const merged =
          packing === 'none'
            ? packed
            : decodeLz4({ bytes: packed, name: 'packed', maxOutputBytes: 1 << 20, extent: 'all' }).bytes;
        assert.deepEqual(unpackAsKernel([merged]), unpackAsKernel(encoded));
      },
    ),
    inputs(1000),
  );
  assert.ok(compared > 300, `only ${compared} of 1000 were comparable`);
});

test('the model of the kernel replaces, links and follows as the kernel does', () => {
  const file = cpioFile('d/a', Buffer.from('one'));
  const first = encodeCpio([
    cpioFolder('d'),
    file,
    cpioHardLink('d/b', file),
    cpioSymlink('l', 'd'),
    cpioFile('f', Buffer.from('f')),
  ]);
  const later = encodeCpio([
    cpioFile('l/b', Buffer.from('two')),
    cpioFolder('f'),
    cpioFile('d', Buffer.from('no')),
  ]);
  const two = Buffer.from('two').toString('base64');
  const link = Buffer.from('d').toString('base64');
  assert.deepEqual(unpackAsKernel([first, later]), [
    ' 0 40755 0:0 0 ',
    '/d 1 40755 0:0 0 ',
    `/d/a 2 100644 0:0 0 ${two}`,
    `/d/b 2 100644 0:0 0 ${two}`,
    '/f 3 40755 0:0 0 ',
    `/l 4 120777 0:0 0 ${link}`,
  ]);
});

/** A name that encodeCpio would not write. */
function withName(entry: CpioEntry, bytes: Buffer): Uint8Array {
  const archive = Buffer.from(encodeCpio([{ ...entry, name: 'x'.repeat(bytes.length) }]));
  bytes.copy(archive, 110);
  return archive;
}

const FILE = cpioFile('a', Buffer.from('1'));
const OBSTACLES: readonly (readonly [string, Uint8Array, RegExp])[] = [
  ['microcode alone', MICROCODE, /nothing but early archives/],
  [
    'an archive off its alignment',
    Buffer.concat([MICROCODE, new Uint8Array(2), encodeCpio(TREE)]),
    /does not reach all/,
  ],
  ['a name that is no UTF-8', withName(FILE, Buffer.of(0x61, 0xff)), /cannot be written/],
  ['a name of slashes', withName(FILE, Buffer.from('//')), /cannot be written/],
  ['microcode in a compressed archive', gzipSync(MICROCODE), /kernel would see it/],
  ['a file twice in one archive', encodeCpio([FILE, cpioFile('a', Buffer.from('2'))]), /a is there twice/],
];
for (const [what, bytes, reason] of OBSTACLES)
  test(`${what} is not packed again`, () => {
    assert.match(rewriteObstacle(readInitramfs(bytes, 'initrd')) ?? '', reason);
    assert.throws(() => repack(bytes, 'none'), { code: 'E_UNSUPPORTED', message: reason });
  });

test('a file that has microcode’s name in a plain archive was always seen, and may stay', () => {
  const bytes = encodeCpio([
    ...TREE,
    cpioFolder('kernel'),
    cpioFile('kernel/x86/microcode/a.bin', new Uint8Array(4)),
  ]);
  assert.equal(rewriteObstacle(readInitramfs(bytes, 'initrd')), undefined);
});
