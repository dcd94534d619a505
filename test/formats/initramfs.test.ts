import assert from 'node:assert/strict';
import { test } from 'node:test';
import { gzipSync, zstdCompressSync } from 'node:zlib';
import fc from 'fast-check';
import type { Compression } from '../../src/formats/compression.ts';
import { parseCpio } from '../../src/formats/cpio.ts';
import {
  cpioFile,
  cpioFolder,
  cpioHardLink,
  cpioSymlink,
  encodeCpio,
} from '../../src/formats/cpio-writer.ts';
import { joinInitrds, readInitramfs, releaseUnpacked } from '../../src/formats/initramfs.ts';
import { assertSurvivesDamage, assertSurvivesTruncation } from '../support/hostile-bytes.ts';
import { packWith, whyNot } from '../support/packing-tools.ts';

const MICROCODE = encodeCpio([
  cpioFolder('kernel'),
  cpioFolder('kernel/x86'),
  cpioFolder('kernel/x86/microcode'),
  cpioFile('kernel/x86/microcode/GenuineIntel.bin', new Uint8Array(5000)),
]);
const MAIN = encodeCpio([cpioFile('init', Buffer.from('#!/bin/sh\n'), 0o755), cpioFolder('lib')]);
const LATER = encodeCpio([cpioFile('init', Buffer.alloc(9000), 0o755)]);

function named(name: string, bytes: Uint8Array) {
  return { name, path: undefined, bytes };
}

/** Offset, size, compression and names of each part. */
function outline(bytes: Uint8Array) {
  return readInitramfs(bytes, 'initrd').parts.map(({ offset, size, compression, entries }) => ({
    offset,
    size,
    compression,
    names: entries.map(({ name }) => name),
  }));
}

for (const [compression, pack] of [
  ['gzip', gzipSync],
  ['zstd', zstdCompressSync],
] as const)
  test(`microcode, a ${compression} archive and a plain one behind it are read in order`, () => {
    const packed = pack(MAIN);
    const padding = new Uint8Array(-packed.length & 3);
    const initrd = Buffer.concat([MICROCODE, packed, padding, LATER, new Uint8Array(7)]);
    assert.deepEqual(outline(initrd), [
      {
        offset: 0,
        size: MICROCODE.length,
        compression: 'none',
        names: ['kernel', 'kernel/x86', 'kernel/x86/microcode', 'kernel/x86/microcode/GenuineIntel.bin'],
      },
      { offset: MICROCODE.length, size: packed.length, compression, names: ['init', 'lib'] },
      {
        offset: MICROCODE.length + packed.length + padding.length,
        size: LATER.length,
        compression: 'none',
        names: ['init'],
      },
    ]);
    const content = readInitramfs(initrd, 'initrd');
    assert.deepEqual(content.misalignedArchives, []);
    assert.equal(content.hasMicrocode, true);
    assert.equal(content.unpackedBytes, 2 * 4096 + 3 * 4096, 'the later init replaces the first');
  });

test('an initrd of the structure that mkinitcpio writes is read: early_cpio, microcode, then all else in zstd', () => {
  // Built here, because no package of Debian has mkinitcpio.
  const early = encodeCpio([cpioFile('early_cpio', Buffer.from('1\n')), ...parseCpio(MICROCODE).entries]);
  const filled = Buffer.concat([early, new Uint8Array(-early.length & 511)]);
  const main = encodeCpio([
    cpioSymlink('bin', 'usr/bin'),
    cpioFile('buildconfig', Buffer.from('HOOKS=(base udev microcode block filesystems)\n')),
    cpioFile('config', Buffer.from('EARLYHOOKS="udev"\n')),
    cpioFolder('hooks'),
    cpioFile('hooks/udev', Buffer.from('#!/usr/bin/ash\n'), 0o755),
    cpioFile('init', Buffer.from('#!/usr/bin/ash\n'), 0o755),
    cpioFolder('new_root'),
  ]);
  const content = readInitramfs(Buffer.concat([filled, zstdCompressSync(main)]), 'initramfs-linux.img');
  assert.deepEqual(
    content.parts.map(({ offset, compression, entries }) => [offset, compression, entries.at(-1)?.name]),
    [
      [0, 'none', 'kernel/x86/microcode/GenuineIntel.bin'],
      [filled.length, 'zstd', 'new_root'],
    ],
  );
  assert.equal(content.hasMicrocode, true);
  assert.deepEqual(content.misalignedArchives, []);
  assert.ok(content.entries.some(({ name }) => name === 'init'));
});

const KERNEL_TOOLS: readonly (readonly [Compression, string, ...string[]])[] = [
  ['xz', 'xz', '-c', '--check=crc32'],
  ['xz', 'xz', '-c', '--check=none'],
  ['lzma', 'lzma', '-c'],
  ['bzip2', 'bzip2', '-c'],
  ['lz4', 'lz4', '-l', '-c'],
  ['lzo', 'lzop', '-c'],
];

for (const [compression, tool, ...args] of KERNEL_TOOLS)
  test(`${tool} ${args.join(' ')}: two such archives, aligned or not, are two parts`, {
    skip: whyNot(tool),
  }, () => {
    const [main, later] = [MAIN, LATER].map((archive) => packWith(tool, args, archive));
    // A legacy LZ4 frame does not say where it ends: the zeros of the padding do.
    const gap = compression === 'lz4' ? 4 : 1;
    const parts = outline(Buffer.concat([main!, new Uint8Array(gap), later!]));
    assert.deepEqual(
      parts.map(({ offset, compression: kind, names }) => [offset, kind, names]),
      [
        [0, compression, ['init', 'lib']],
        [main!.length + gap, compression, ['init']],
      ],
    );
  });

test('what the kernel cannot unpack is refused, though khop could', {
  skip: whyNot('xz') || whyNot('lz4'),
}, () => {
  assert.throws(() => readInitramfs(packWith('xz', ['-c'], MAIN), '/boot/i'), {
    code: 'E_FORMAT',
    message: '/boot/i: at 0x0 is xz with another check than CRC32, which the kernel does not unpack',
    hint: 'Pack it with xz --check=crc32.',
  });
  assert.throws(() => readInitramfs(packWith('lz4', ['-c'], MAIN), '/boot/i'), {
    code: 'E_FORMAT',
    message: /LZ4 frame/,
  });
});

test('hard links take memory once', () => {
  const file = cpioFile('a', new Uint8Array(4097));
  assert.equal(readInitramfs(encodeCpio([file, cpioHardLink('b', file)]), 'i').unpackedBytes, 8192);
});

test('several archives in one compressed part are read', () => {
  const both = gzipSync(Buffer.concat([MICROCODE, new Uint8Array(8), MAIN]));
  assert.equal(outline(both).length, 1);
  const content = readInitramfs(both, 'initrd');
  assert.ok(content.entries.some(({ name }) => name === 'init'));
  assert.equal(content.hasMicrocode, false, 'the boot processor looks only at a plain first archive');
});

test('an archive off its alignment is told: the kernel stops there', () => {
  const gap = new Uint8Array(2);
  const places: readonly (readonly [Uint8Array, number[]])[] = [
    [Buffer.concat([MICROCODE, gap, MAIN]), [MICROCODE.length + 2]],
    [Buffer.concat([MICROCODE, gap, gzipSync(MAIN)]), [MICROCODE.length + 2]],
    [gzipSync(Buffer.concat([MICROCODE, gap, MAIN])), [0]],
    [Buffer.concat([gap, MAIN]), [2]],
    [Buffer.concat([gap, gzipSync(MAIN)]), []],
    [MAIN, []],
  ];
  for (const [initrd, expected] of places)
    assert.deepEqual(readInitramfs(initrd, 'initrd').misalignedArchives, expected);
});

test('joined initrds begin on multiples of 4, so that the kernel reads them all', () => {
  fc.assert(
    fc.property(
      fc.array(
        fc.tuple(fc.constantFrom(MICROCODE, MAIN, gzipSync(MAIN), zstdCompressSync(LATER)), fc.nat(5)),
        {
          minLength: 2,
          maxLength: 5,
        },
      ),
      (parts) => {
        const initrds = parts.map(([bytes, zeros], index) =>
          named(`${index}`, Buffer.concat([bytes, new Uint8Array(zeros)])),
        );
        const joined = joinInitrds(initrds);
        assert.ok(joined !== undefined);
        assert.equal(joined.path, undefined);
        const content = readInitramfs(joined.bytes, joined.name);
        assert.equal(content.parts.length, parts.length);
        assert.deepEqual(content.misalignedArchives, []);
      },
    ),
  );
});

test('one initrd stays the file it is, so that the kernel can be given the file', () => {
  const only = { name: 'a', path: '/boot/initrd', bytes: MAIN };
  assert.equal(joinInitrds([only]), only);
  assert.equal(joinInitrds([]), undefined);
});

test('what is no initrd is refused with the offset', () => {
  assert.throws(() => readInitramfs(Buffer.from('hello'), '/boot/x'), /\/boot\/x: at 0x0 is neither/);
  const tail = Buffer.concat([gzipSync(MAIN), Buffer.from('junk')]);
  assert.throws(() => readInitramfs(tail, '/boot/x'), /\/boot\/x: at 0x[0-9a-f]+ is neither/);
});

test('a compressed part that holds no whole archive is refused', () => {
  assert.throws(() => readInitramfs(gzipSync(gzipSync(MAIN)), 'i'), {
    message: /something else than archives/,
  });
  assert.throws(() => readInitramfs(gzipSync(MAIN.subarray(0, 100)), 'i'), {
    code: 'E_FORMAT',
    message: /^i: cpio/,
  });
});

test('each part is told as read, without what lies between them', () => {
  const packed = gzipSync(MAIN);
  const initrd = new Uint8Array(Buffer.concat([MAIN, new Uint8Array(8), packed]));
  const told: [number, number][] = [];
  readInitramfs(initrd, 'i', {
    onRead: ({ byteOffset, length }) => told.push([byteOffset - initrd.byteOffset, length]),
  });
  const { parts } = readInitramfs(initrd, 'i');
  assert.equal(parts.length, 2);
  assert.deepEqual(
    told,
    parts.map(({ offset, size }) => [offset, size]),
  );
});

test('of an initrd that is no longer needed, what was unpacked is freed, and the file stays', () => {
  const large = encodeCpio([cpioFile('large', Buffer.alloc(2 * 1024 * 1024, 7))]);
  const initrd = new Uint8Array(Buffer.concat([MICROCODE, zstdCompressSync(large), gzipSync(MAIN)]));
  const before = initrd.slice();
  const { parts, ...rest } = readInitramfs(initrd, 'x');
  releaseUnpacked({ parts, ...rest });
  assert.deepEqual(initrd, before);
  const [microcode, packed] = parts.map(({ entries }) => entries.at(-1)!.bytes.length);
  assert.ok(microcode! > 0);
  assert.equal(packed, 0);
});

test('output above the limit is refused, counted over all parts', () => {
  const parts = Buffer.concat([gzipSync(LATER), gzipSync(LATER)]);
  assert.equal(readInitramfs(parts, 'i', { maxOutputBytes: 2 * LATER.length }).parts.length, 2);
  assert.throws(() => readInitramfs(parts, 'i', { maxOutputBytes: 2 * LATER.length - 1 }), {
    code: 'E_UNSUPPORTED',
  });
});

test('cut off or damaged, it is refused or read, and never breaks', () => {
  const read = (bytes: Uint8Array) => readInitramfs(bytes, 'initrd', { maxOutputBytes: 1 << 20 });
  const initrd = new Uint8Array(Buffer.concat([MAIN, gzipSync(MAIN), zstdCompressSync(LATER)]));
  assertSurvivesTruncation(read, initrd);
  assertSurvivesDamage(read, initrd);
  for (let length = 1; length < MAIN.length - 3; length++)
    assert.throws(() => read(MAIN.subarray(0, length)), { code: 'E_FORMAT' }, `the first ${length} bytes`);
});
