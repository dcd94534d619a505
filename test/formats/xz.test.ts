import assert from 'node:assert/strict';
import { test } from 'node:test';
import { crc32 } from 'node:zlib';
import { crc64 } from '../../src/formats/crc64.ts';
import { decodeXz } from '../../src/formats/xz.ts';
import { packedSample, SAMPLE } from '../support/packed-samples.ts';
import { packingInputs, packWith, whyNot } from '../support/packing-tools.ts';

function unpack(bytes: Uint8Array, maxOutputBytes = 1 << 24): Buffer {
  return Buffer.from(decodeXz({ bytes, name: 'a.xz', maxOutputBytes, extent: 'all' }).bytes);
}

/** `bytes` with `edit` done to the 8 bytes of the first block's filter flags and the header's CRC made good. */
function withFilters(edit: (flags: Uint8Array) => void): Buffer {
  const copy = Buffer.from(packedSample('xz'));
  const headerSize = (copy[12]! + 1) * 4;
  edit(copy.subarray(13, 12 + headerSize - 4));
  copy.writeUInt32LE(crc32(copy.subarray(12, 12 + headerSize - 4)), 12 + headerSize - 4);
  return copy;
}

test('CRC-64 has the value that the specification gives for "123456789"', () => {
  assert.equal(crc64(Buffer.from('123456789')), 0x995dc9bbdf1939fan);
});

const VARIANTS: readonly (readonly string[])[] = [
  ['--check=none', '-0'],
  ['--check=crc32', '--x86', '--lzma2=preset=6,dict=32MiB'],
  ['--check=crc64', '--arm64', '--lzma2=preset=1'],
  ['--check=sha256', '--arm', '--lzma2=preset=1'],
  ['--armthumb', '--lzma2=preset=1'],
  ['--powerpc', '--lzma2=preset=1'],
  ['--sparc', '--lzma2=preset=1'],
  ['--x86=start=4096', '--delta=dist=4', '--lzma2=preset=1'],
  ['--lzma2=preset=3,lc=0,lp=4,pb=4,dict=4KiB'],
  ['--block-size=20000', '-T2', '-1'],
];

for (const args of VARIANTS)
  test(`what xz ${args.join(' ')} packs comes back`, { skip: whyNot('xz') }, () => {
    for (const content of packingInputs())
      assert.ok(unpack(packWith('xz', ['-c', ...args], content)).equals(content));
  });

test('streams may follow each other with zeros between, in multiples of four', () => {
  const packed = packedSample('xz');
  const spaced = Buffer.concat([packed, Buffer.alloc(8), packed, Buffer.alloc(4)]);
  assert.deepEqual(unpack(spaced), Buffer.concat([SAMPLE, SAMPLE]));
  assert.throws(() => unpack(Buffer.concat([packed, Buffer.alloc(3)])), {
    message: /stream padding.*multiple of 4/,
  });
});

test('a filter that is not handled is named', () => {
  const riscv = withFilters((flags) => {
    flags.set([0x01, 0x0b, 0x00, 0x21, 0x01, 0x16, 0x00]);
  });
  assert.throws(() => unpack(riscv), { code: 'E_UNSUPPORTED', message: /filter 0xb before LZMA2/ });
});

test('an integrity check without a meaning is refused, not passed over', () => {
  const copy = Buffer.from(packedSample('xz'));
  copy[7] = 0x02;
  copy.writeUInt32LE(crc32(copy.subarray(6, 8)), 8);
  assert.throws(() => unpack(copy), { code: 'E_UNSUPPORTED', message: /check number 2/ });
});

test('a file that claims far more than it holds is refused before memory is taken', () => {
  // Chunks of two mebibytes each that need one byte: 32 GiB in 128 KiB.
  const chunk = Buffer.from([0xff, 0xff, 0xff, 0x00, 0x00, 0x5d, 0x00]);
  const head = withFilters(() => {}).subarray(0, 12 + (packedSample('xz')[12]! + 1) * 4);
  const bomb = Buffer.concat([head, ...Array.from({ length: 16384 }, () => chunk), Buffer.from([0])]);
  const before = process.memoryUsage().arrayBuffers;
  assert.throws(() => unpack(bomb), { code: 'E_FORMAT' });
  assert.ok(process.memoryUsage().arrayBuffers - before < 64 * 1024 * 1024);
});
