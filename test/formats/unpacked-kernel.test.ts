import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { parseBzImage } from '../../src/formats/bzimage.ts';
import { relocationsOf, type UnpackedKernel, unpackKernel } from '../../src/formats/unpacked-kernel.ts';
import { assertSurvivesDamage, assertSurvivesTruncation, outcomeOf } from '../support/hostile-bytes.ts';
import { inputs } from '../support/inputs.ts';
import { bytesReleasedBy } from '../support/released-bytes.ts';
import {
  BSS_OFFSET,
  buildKernelImage,
  buildUnpackedKernel,
  buildVmlinux,
  KERNEL_EXTENT,
  type KernelImageSpec,
  PLACES,
  PREF_ADDRESS,
  relocationTable,
} from '../support/unpacked-kernel-builder.ts';

const TABLE = relocationTable(PLACES);

/** What every such kernel comes out as; `virtualSize` here is the extent, which is more than the payload. */
function assertWhole(kernel: UnpackedKernel): void {
  assert.equal(kernel.image.length, BSS_OFFSET);
  assert.deepEqual(new Uint8Array(kernel.relocationTable), TABLE);
  assert.equal(kernel.layout.entryOffset, 0x40);
  assert.equal(kernel.layout.prefAddress, Number(PREF_ADDRESS));
}

for (const packing of ['gzip', 'zstd', 'none'] as const)
  test(`a payload packed with ${packing} comes out with its table, whatever the table’s length`, () => {
    assertWhole(buildUnpackedKernel({ packing }));
    const short = relocationTable([[8], []]);
    const { relocationTable: table } = buildUnpackedKernel({ packing, table: short });
    assert.deepEqual(new Uint8Array(table), short);
  });

test('segments lie at their physical distances, per-CPU data linked at 0 among them', () => {
  const { image } = buildUnpackedKernel();
  const vmlinux = buildVmlinux();
  const headers = 64 + 3 * 56;
  assert.deepEqual(image.subarray(0, 0x4000), vmlinux.subarray(headers, headers + 0x4000));
  assert.deepEqual(image.subarray(0x4000), vmlinux.subarray(headers + 0x4000, headers + 0x5000));
});

test('the image ends where .bss begins, and the memory reaches to the end of the last segment', () => {
  const { image, layout } = buildUnpackedKernel({ header: { initSize: 0x8000 } });
  assert.equal(image.length, BSS_OFFSET);
  assert.equal(layout.memorySize, KERNEL_EXTENT);
});

test('init_size counts where it is more than the segments, for memory but not for addresses', () => {
  const { layout } = buildUnpackedKernel({ header: { initSize: 0x40_0000 } });
  assert.equal(layout.memorySize, 0x40_0000);
  assert.ok(layout.virtualSize < 0x40_0000);
});

test('a random address has to leave room for the payload, where that is more than the kernel’s memory', () => {
  const places = Array.from({ length: 0x4000 }, () => 0x100);
  const table = relocationTable([places, []]);
  const payloadSize = buildVmlinux().length + table.length;
  assert.equal(buildUnpackedKernel({ table }).layout.virtualSize, payloadSize);
  assert.ok(payloadSize > KERNEL_EXTENT);
});

test('without a section .bss everything in the file is copied', () => {
  const kernel = buildUnpackedKernel({
    vmlinux: buildVmlinux({ sections: [{ name: '.text', bytes: new Uint8Array(0) }] }),
  });
  assert.equal(kernel.image.length, 0x7000);
});

test('what lies between segments is zero', () => {
  const [first, , last] = segmentsWithHole();
  const kernel = buildUnpackedKernel({
    vmlinux: buildVmlinux({ segments: [first, last] }),
    table: relocationTable([[8], []]),
  });
  assert.deepEqual(kernel.image.subarray(0x3000, 0x4000), new Uint8Array(0x1000));
  assert.equal(kernel.image[0x4000], 9);
});

function segmentsWithHole() {
  return [
    { physicalAddress: PREF_ADDRESS, bytes: new Uint8Array(0x3000).fill(8) },
    { physicalAddress: PREF_ADDRESS + 0x3000n, bytes: new Uint8Array(0x1000) },
    { physicalAddress: PREF_ADDRESS + 0x4000n, bytes: new Uint8Array(0x1000).fill(9) },
  ] as const;
}

test('a kernel without a table was built without KASLR', () => {
  const kernel = buildUnpackedKernel({ table: new Uint8Array(0) });
  assert.equal(kernel.relocationTable.length, 0);
  assert.equal(relocationsOf(kernel), undefined);
});

test('the setup header and what the layout takes from it are the image’s own', () => {
  const header = { xloadFlags: 0x33, kernelAlignment: 0x100_0000, commandLineSize: 1023 };
  const bytes = buildKernelImage({ header });
  const kernel = unpackKernel(bytes, 'vmlinuz');
  assert.deepEqual(kernel.setupHeader, parseBzImage(bytes).setupHeader);
  assert.equal(kernel.layout.xloadFlags, 0x33);
  assert.equal(kernel.layout.alignment, 0x100_0000);
  assert.equal(kernel.layout.commandLineSize, 1023);
});

test('nothing of the result is a view of the file, which can be let go', () => {
  const bytes = buildKernelImage({ packing: 'none' });
  const { image, setupHeader, relocationTable: table } = unpackKernel(bytes, 'vmlinuz');
  for (const part of [image, setupHeader, table]) assert.notEqual(part.buffer, bytes.buffer);
});

test('the places are found in the image', () => {
  const relocations = relocationsOf(buildUnpackedKernel());
  assert.deepEqual([...(relocations?.quads ?? [])], PLACES[0]);
  assert.deepEqual([...(relocations?.inverseWords ?? [])], PLACES[1]);
  assert.deepEqual([...(relocations?.words ?? [])], PLACES[2]);
});

const [TEXT] = segmentsWithHole();

const refusals: readonly [string, KernelImageSpec, string, RegExp][] = [
  [
    'a payload that unpacks to less than the image names',
    { claimedSize: 1 << 20 },
    'E_FORMAT',
    /unpacks to another size than the 1048576 bytes/,
  ],
  ['a payload that unpacks to more', { claimedSize: 4096 }, 'E_UNSUPPORTED', /4096/],
  [
    'an unpacked payload of another size',
    { packing: 'none', claimedSize: 77 },
    'E_FORMAT',
    /another size than the 77 bytes/,
  ],
  [
    'a first segment that is not at pref_address',
    { header: { prefAddress: 0x120_0000n } },
    'E_FORMAT',
    /p_paddr at 0x1000000: is not pref_address, 0x1200000/,
  ],
  ['an entry below', { vmlinux: buildVmlinux({ entry: PREF_ADDRESS - 1n }) }, 'E_FORMAT', /e_entry/],
  [
    'an entry in .bss',
    { vmlinux: buildVmlinux({ entry: PREF_ADDRESS + BigInt(BSS_OFFSET) }) },
    'E_FORMAT',
    /e_entry at 0x1005000: lies in no loaded segment/,
  ],
  ['a virtual entry', { vmlinux: buildVmlinux({ entry: 0xffff_ffff_8100_0040n }) }, 'E_FORMAT', /e_entry/],
  ['a file without sections', { vmlinux: buildVmlinux({ sections: [] }) }, 'E_FORMAT', /no sections/],
  ['a file without segments', { vmlinux: buildVmlinux({ segments: [] }) }, 'E_FORMAT', /nothing to load/],
  ['another machine’s kernel', { vmlinux: buildVmlinux({ machine: 183 }) }, 'E_FORMAT', /is 183, not x86-64/],
  ['what is no ELF file', { vmlinux: new Uint8Array(4096).fill(0x90) }, 'E_FORMAT', /ELF/],
  [
    'a segment that reaches further than any kernel is linked',
    { vmlinux: buildVmlinux({ segments: [{ ...TEXT, memorySize: 0x3f00_0001n }] }) },
    'E_FORMAT',
    /p_memsz at 0x40000001: is beyond/,
  ],
  [
    'a .bss below the image',
    { vmlinux: buildVmlinux({ sections: [{ name: '.bss', type: 8, address: 0x1000n, bytes: TEXT.bytes }] }) },
    'E_FORMAT',
    /e_entry/,
  ],
  [
    'a table with a place in .bss',
    { table: relocationTable([[BSS_OFFSET], [], []]) },
    'E_FORMAT',
    /0x81005000 lies outside/,
  ],
  ['a table of one group', { table: relocationTable([[8]]) }, 'E_FORMAT', /only 2 or 3/],
  ['bytes behind the table', { table: Buffer.concat([TABLE, Buffer.from('x')]) }, 'E_FORMAT', /no whole/],
  ['an image that cannot be moved', { header: { isRelocatable: false } }, 'E_UNSUPPORTED', /relocatable/],
];

for (const [what, spec, code, message] of refusals)
  test(`refuses ${what}`, () => assert.throws(() => buildUnpackedKernel(spec), { code, message }));

test('an image whose address does not fit the kernel’s mapping is refused, however high', () => {
  fc.assert(
    fc.property(fc.bigInt({ min: 0x3fff_d001n, max: (1n << 64n) - 0x3000n }), (prefAddress) => {
      const vmlinux = buildVmlinux({
        entry: prefAddress,
        segments: [{ ...TEXT, physicalAddress: prefAddress }],
      });
      const spec = { vmlinux, table: new Uint8Array(0), header: { prefAddress } };
      assert.throws(() => buildUnpackedKernel(spec), { code: 'E_FORMAT', message: /p_memsz/ });
    }),
    inputs(50),
  );
});

test('errors name the image', () => {
  assert.throws(() => unpackKernel(buildKernelImage({ claimedSize: 1 << 20 }), '/boot/vmlinuz-6'), {
    message: /the payload of \/boot\/vmlinuz-6/,
  });
});

const unpack = (bytes: Uint8Array) => unpackKernel(bytes, 'vmlinuz');

test('every prefix of an image is refused', { timeout: 120_000 }, () => {
  const bytes = buildKernelImage();
  assertSurvivesTruncation(unpack, bytes, bytes.length, 512);
});

test('whatever happens to an image, there is a kernel or a reason', { timeout: 120_000 }, () => {
  const bytes = buildKernelImage({ packing: 'none' });
  const payload = 4 * 512 + 0x240;
  assertSurvivesDamage(unpack, bytes, { start: 0x1f0, end: 0x270 }, 400);
  assertSurvivesDamage(unpack, bytes, { start: payload, end: payload + 64 + 3 * 56 }, 400);
  const sections = payload + buildVmlinux().length - 5 * 64;
  assertSurvivesDamage(unpack, bytes, { start: sections, end: bytes.length }, 400);
});

test('a kernel that survives damage keeps every promise of its layout', { timeout: 120_000 }, () => {
  const bytes = buildKernelImage({ packing: 'none' });
  const payload = 4 * 512 + 0x240;
  let survivors = 0;
  fc.assert(
    fc.property(fc.nat(64 + 3 * 56 - 1), fc.nat(7), (at, bit) => {
      const copy = Uint8Array.from(bytes);
      copy[payload + at]! ^= 1 << bit;
      const outcome = outcomeOf(unpack, copy);
      if (outcome instanceof Error) return;
      const { layout, image } = outcome as UnpackedKernel;
      assert.ok(layout.entryOffset >= 0 && layout.entryOffset < image.length);
      assert.ok(image.length <= layout.memorySize && layout.memorySize <= 1 << 30);
      survivors++;
    }),
    inputs(400),
  );
  assert.ok(survivors > 0, 'no damage was survivable: the test proved nothing');
});

test('the payload, which is larger than what is laid out of it, does not stay in memory', () => {
  const size = 48 * 2 ** 20;
  const text = {
    virtualAddress: 0xffff_ffff_8100_0000n,
    physicalAddress: PREF_ADDRESS,
    bytes: new Uint8Array(size),
  };
  const bytes = buildKernelImage({ vmlinux: buildVmlinux({ segments: [text] }) });
  const released = bytesReleasedBy(() => {
    assert.equal(unpackKernel(bytes, 'vmlinuz').image.length, BSS_OFFSET);
  });
  assert.ok(released >= size, `${released} bytes`);
});
