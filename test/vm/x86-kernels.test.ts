/**
 * Debian's own x86-64 kernels, unpacked and planned. They are not started here.
 * @module
 */
import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { test } from 'node:test';
import { bzImagePayload, parseBzImage } from '../../src/formats/bzimage.ts';
import { decompress } from '../../src/formats/compression.ts';
import { relocationsOf, unpackKernel } from '../../src/formats/unpacked-kernel.ts';
import { labKernel } from '../../src/lab/kernel-store.ts';
import { virtualSlots } from '../../src/plan/x86-64/kaslr.ts';
import { directPlan } from '../support/direct-requests.ts';
import { segmentOf } from '../support/load-requests.ts';
import { movedImage } from '../support/unpacked-kernel-builder.ts';

const MIB = 1 << 20;
/** What was counted in one build, by an independent script; another build of the line differs a little. */
interface Counted {
  readonly release: string;
  readonly tableBytes: number;
  readonly quads: number;
  readonly inverse: number;
  readonly words: number;
  readonly virtualSlots: number;
}

const COUNTED: Readonly<Record<'6.1' | '6.12' | '7.2', Counted>> = {
  '6.1': {
    release: '6.1.0-56-amd64',
    tableBytes: 891_972,
    quads: 137_699,
    inverse: 8_385,
    words: 76_906,
    virtualSlots: 473,
  },
  '6.12': {
    release: '6.12.107+deb13-amd64',
    tableBytes: 1_018_256,
    quads: 158_369,
    inverse: 12_827,
    words: 83_365,
    virtualSlots: 477,
  },
  '7.2': {
    release: '7.2.13+deb14-cloud-amd64',
    tableBytes: 1_272_532,
    quads: 207_485,
    inverse: 0,
    words: 110_646,
    virtualSlots: 475,
  },
};

function assertNear(value: number, expected: number, isSameBuild: boolean, what: string): void {
  if (isSameBuild) assert.equal(value, expected, what);
  else assert.ok(Math.abs(value - expected) <= expected * 0.3, `${what}: ${value} is far from ${expected}`);
}

/** Where the ELF file in the payload ends: e_shoff and e_shnum of its header. */
function elfEnd(payload: Uint8Array): number {
  const view = new DataView(payload.buffer, payload.byteOffset);
  return Number(view.getBigUint64(0x28, true)) + view.getUint16(0x3c, true) * 64;
}

for (const line of ['6.1', '6.12', '7.2'] as const)
  test(`Debian's x86-64 kernel ${line} comes out of its image whole, and is planned for a direct entry`, {
    timeout: 600_000,
  }, async () => {
    const { image: path, release } = await labKernel(line, 'amd64');
    const bytes = new Uint8Array(await readFile(path));
    const unpacked = unpackKernel(bytes, path);
    const { layout, image, relocationTable } = unpacked;
    assert.equal(layout.prefAddress, 16 * MIB);
    assert.equal(layout.alignment, 2 * MIB);
    assert.ok(layout.memorySize >= parseBzImage(bytes).initSize && layout.memorySize > image.length);
    assert.equal(layout.entryOffset === 0, line === '6.1', 'only 6.1 is entered at its first byte');

    const { compressed, uncompressedSize } = bzImagePayload(parseBzImage(bytes));
    const payload = decompress(compressed, { name: path, maxOutputBytes: uncompressedSize });
    assert.equal(
      relocationTable.length,
      payload.length - elfEnd(payload),
      'it starts where the ELF file ends',
    );
    assert.ok(layout.virtualSize >= payload.length, 'an address leaves room for the payload');

    const counted = COUNTED[line];
    const isSameBuild = release === counted.release;
    const relocations = relocationsOf(unpacked);
    assert.ok(relocations !== undefined);
    const groups = [relocations.quads, relocations.inverseWords, relocations.words].map((group) =>
      Array.from(group),
    );
    const [quads, inverse, words] = groups.map((group) => group.length);
    assert.equal(inverse === 0, line === '7.2', 'per-CPU data is linked at 0 until 6.14');
    assert.equal(relocationTable.length, 4 * (quads! + inverse! + words! + (line === '7.2' ? 2 : 3)));
    for (const group of groups)
      assert.ok(group.every((offset, index) => index === 0 || offset > group[index - 1]!));
    assertNear(relocationTable.length, counted.tableBytes, isSameBuild, 'bytes of the table');
    assertNear(quads!, counted.quads, isSameBuild, '64-bit places');
    assertNear(inverse!, counted.inverse, isSameBuild, 'inverse places');
    assertNear(words!, counted.words, isSameBuild, '32-bit places');
    assertNear(virtualSlots(layout), counted.virtualSlots, isSameBuild, 'virtual places');

    const kernel = segmentOf(directPlan({ image: { name: path, path, bytes }, unpacked }), 'kernel');
    assert.equal(kernel.bytes.length, image.length);
    assert.ok(kernel.memorySize < layout.memorySize, '.bss is not copied');
    const [first] = relocations.quads;
    const quadIn = (from: Uint8Array) => Buffer.from(from.buffer, from.byteOffset).readBigUInt64LE(first);
    const distance = quadIn(kernel.bytes) - quadIn(image);
    assert.ok(distance > 0n && distance % BigInt(layout.alignment) === 0n);
    assert.ok(Buffer.from(movedImage(image, groups, distance)).equals(kernel.bytes), 'moved as a whole');
  });
