import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { KhopError } from '../../src/error.ts';
import { readSigners } from '../../src/formats/authenticode.ts';
import { identifyImage } from '../../src/formats/image-kind.ts';
import { isPe, parsePe } from '../../src/formats/pe.ts';
import { isUki, parseUki } from '../../src/formats/uki.ts';
import { unwrapImage } from '../../src/plan/unwrap-image.ts';
import { buildBzImage } from '../support/bzimage-builder.ts';
import { buildPe } from '../support/pe-builder.ts';

const LINUX = buildBzImage();
const UKI = buildPe({
  '.osrel': Buffer.from('PRETTY_NAME="Test 1"\n'),
  '.cmdline': Buffer.from('root=/dev/vda quiet\n\0'),
  '.uname': Buffer.from('6.12.0-test'),
  '.linux': LINUX,
  '.initrd': Buffer.from('070701 main'),
  '.ucode': Buffer.from('070701 ucode'),
});

function onlyOurs(read: () => unknown): void {
  try {
    read();
  } catch (error) {
    assert.ok(error instanceof KhopError, String(error));
  }
}

test('a unified kernel image gives its parts, text without its NUL and line end', () => {
  assert.equal(identifyImage(UKI), 'uki');
  const uki = parseUki(UKI);
  assert.equal(uki.commandLine, 'root=/dev/vda quiet');
  assert.equal(uki.release, '6.12.0-test');
  assert.deepEqual(Buffer.from(uki.linux), Buffer.from(LINUX));
  assert.equal(uki.deviceTree, undefined);
});

test('unwrapping hands over the kernel, and the microcode before the initrd', () => {
  const unwrapped = unwrapImage({ name: 'a.efi', path: '/boot/a.efi', bytes: UKI });
  assert.equal(unwrapped.kind, 'bzimage');
  assert.equal(unwrapped.kernel.path, undefined, 'the file holds more than the kernel');
  assert.deepEqual(
    unwrapped.initrds.map((each) => each.name),
    ['.ucode of a.efi', '.initrd of a.efi'],
  );
  assert.equal(unwrapped.commandLine, 'root=/dev/vda quiet');
});

test('sections of a second profile do not count', () => {
  const bytes = buildPe({
    '.linux': LINUX,
    '.profile': Buffer.from('ID=b'),
    '.cmdline': Buffer.from('rescue'),
  });
  assert.equal(parseUki(bytes).commandLine, undefined);
});

test('an EFI program without a kernel is refused as what it is', () => {
  const bytes = buildPe({ '.text': new Uint8Array(100) });
  assert.ok(isPe(bytes) && !isUki(bytes));
  assert.throws(
    () => unwrapImage({ name: 'shell.efi', path: undefined, bytes }),
    /EFI program without a Linux kernel/,
  );
});

test('a prefix of an image is an error of ours or no image', () => {
  for (let length = 0; length < UKI.length; length += length < 0x500 ? 1 : 997)
    onlyOurs(() => parseUki(UKI.subarray(0, length)));
});

test('flipped bits in the headers never crash the reader', () => {
  fc.assert(
    fc.property(fc.nat(0x400 * 8 - 1), (bit) => {
      const bytes = Uint8Array.from(UKI);
      bytes[bit >> 3]! ^= 1 << (bit & 7);
      onlyOurs(() => parsePe(bytes));
      onlyOurs(() => unwrapImage({ name: 'flipped', path: undefined, bytes }));
    }),
    { numRuns: 500 },
  );
});

test('any bytes as a certificate table give signers or an error of ours', () => {
  fc.assert(fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) => onlyOurs(() => readSigners(bytes))));
});
