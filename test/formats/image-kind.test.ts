import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { gzipSync } from 'node:zlib';
import fc from 'fast-check';
import { describeUnknown, identifyImage } from '../../src/formats/image-kind.ts';
import { buildBzImage } from '../support/bzimage-builder.ts';
import { buildElf } from '../support/elf-writer.ts';
import { buildFit } from '../support/fit-builder.ts';
import { assertSurvivesTruncation, outcomeOf } from '../support/hostile-bytes.ts';
import { buildPe } from '../support/pe-builder.ts';
import { buildUimage } from '../support/uimage-builder.ts';

const FIT = buildFit({
  images: [{ name: 'k', type: 'kernel', bytes: new Uint8Array(8) }],
  configurations: [],
});

/** Zeros with text at an offset. */
function withText(offset: number, text: string, length = offset + text.length + 600): Uint8Array {
  const bytes = new Uint8Array(length);
  bytes.set(Buffer.from(text, 'latin1'), offset);
  return bytes;
}

describe('identifyImage', () => {
  const samples = [
    ['bzimage', buildBzImage()],
    ['elf', buildElf({})],
    ['uki', buildPe({ '.linux': new Uint8Array(1) })],
    ['pe', buildPe({ '.text': new Uint8Array(1) })],
    ['arm64-image', withText(0x38, 'ARM\x64')],
    ['zboot', withText(0, 'MZ\0\0zimg')],
    ['uimage', buildUimage([new Uint8Array(5)])],
    ['fit', FIT],
    ['gzip', new Uint8Array(gzipSync('kernel'))],
    ['unknown', new Uint8Array(100)],
  ] as const;
  for (const [kind, bytes] of samples) it(`knows ${kind}`, () => assert.equal(identifyImage(bytes), kind));

  it('takes a kernel that is a PE too for the kernel', () => {
    const bytes = buildPe({ '.text': new Uint8Array(1) });
    bytes.set(Buffer.from('ARM\x64'), 0x38);
    assert.equal(identifyImage(bytes), 'arm64-image');
  });

  it('answers for any bytes, and for every prefix of every kind', () => {
    const ask = (bytes: Uint8Array) => [identifyImage(bytes), describeUnknown(bytes)];
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 600 }), (bytes) => Array.isArray(outcomeOf(ask, bytes))),
    );
    for (const [, bytes] of samples) assertSurvivesTruncation(ask, bytes, 0, 600);
  });
});

describe('describeUnknown', () => {
  const cases: readonly (readonly [string, Uint8Array])[] = [
    ['an empty file', new Uint8Array(0)],
    ['an HTML page (a failed download?)', Buffer.from('\n<!DOCTYPE html><html>')],
    ['a script', Buffer.from('#!/bin/sh\nexit\n')],
    ['a Debian package', Buffer.from('!<arch>\ndebian-binary   ')],
    ['a cpio archive (an initrd?)', Buffer.from('070701000000')],
    ['a ZIP archive', withText(0, 'PK\x03\x04')],
    ['a tar archive', withText(0x101, 'ustar')],
    ['an ext4 file system', withText(0x438, '\x53\xef')],
    ['an ISO image', withText(0x8001, 'CD001')],
    [
      'a boot sector or disk image',
      withText(0, '\xeb\x63\x90', 0x200).map((byte, at) =>
        at === 0x1fe ? 0x55 : at === 0x1ff ? 0xaa : byte,
      ),
    ],
    ['a device tree', withText(0, '\xd0\x0d\xfe\xed')],
    ['an EFI program without a Linux kernel in it', buildPe({ '.text': new Uint8Array(1) })],
    ['a Windows program or driver', buildPe({ '.text': new Uint8Array(1) }, { subsystem: 3 })],
    ['a text file', Buffer.from('title Debian\nversion 6.1\n')],
    ['a file of zeros', new Uint8Array(5000)],
    ['no kind of kernel image that khop knows', new Uint8Array(64).fill(0xa5)],
  ];
  for (const [description, bytes] of cases)
    it(`names ${description}`, () => assert.equal(describeUnknown(bytes), description));
});
