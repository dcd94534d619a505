import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { KhopError } from '../../src/error.ts';
import { BOOT_PARAMS_SIZE, decodeBootParams, encodeBootParams } from '../../src/formats/boot-params.ts';
import { decodeE820, encodeE820 } from '../../src/formats/e820.ts';
import type { MemoryMapEntry, MemoryType } from '../../src/formats/memory-map.ts';
import { decodeSetupData, encodeSetupData, type SetupDataNode } from '../../src/formats/setup-data.ts';
import { assertSurvivesDamage, assertSurvivesTruncation } from '../support/hostile-bytes.ts';

const address = fc.bigInt(0n, (1n << 52n) - 1n);
/** deepEqual tells a plain object from one without a prototype. */
const PLAIN = { noNullPrototype: true } as const;
const u32 = fc.nat(0xffffffff);
const entry = fc
  .record({
    start: address,
    size: fc.bigInt(1n, 1n << 40n),
    type: fc.constantFrom<MemoryType>(
      'ram',
      'reserved',
      'acpi',
      'nvs',
      'unusable',
      'pmem',
      'pram',
      'softReserved',
    ),
  })
  .map(({ start, size, type }): MemoryMapEntry => ({ start, end: start + size, type }));
const bytesOf = (length: number) => fc.uint8Array({ minLength: length, maxLength: length });

test('what boot_params are encoded from is what they decode to', () => {
  fc.assert(
    fc.property(
      fc.record(
        {
          screenInfo: bytesOf(64),
          acpiRsdpAddress: address,
          ccBlobAddress: u32,
          efiInfo: fc.record(
            {
              loaderSignature: u32,
              systemTable: address,
              memoryDescriptorSize: u32,
              memoryDescriptorVersion: u32,
              memoryMap: address,
              memoryMapSize: u32,
            },
            PLAIN,
          ),
          altMemK: u32,
          secureBoot: fc.nat(3),
          initrdAddress: address,
          initrdSize: address,
          commandLineAddress: address,
          hardwareSubarch: fc.nat(4),
          setupData: address,
          e820: fc.array(entry, { maxLength: 128 }),
        },
        PLAIN,
      ),
      (fields) => {
        // Only what boot_params keep of it outside the header; the page holds zeros there.
        const rest = {
          edd: {
            entryCount: 1,
            signatureCount: 2,
            signatures: new Uint8Array(64).fill(7),
            entries: new Uint8Array(492).fill(9),
          },
          typeOfLoader: 0xd0,
          loadFlags: 1,
          setupHeader: new Uint8Array(0),
        };
        const page = encodeBootParams({ ...fields, ...rest });
        assert.equal(page.length, BOOT_PARAMS_SIZE);
        assert.equal(page[0x1ef], 0, 'the sentinel makes the kernel wipe the page');
        const { setupHeader: _header, ...decoded } = decodeBootParams(page);
        const { setupHeader: _none, ...expected } = { ...fields, ...rest };
        assert.deepEqual(decoded, expected);
      },
    ),
  );
});

test('a page of another size, or with 129 entries, is an error of ours', () => {
  for (const size of [0, 1, 4095, 4097])
    assert.throws(() => decodeBootParams(new Uint8Array(size)), KhopError);
  const page = new Uint8Array(BOOT_PARAMS_SIZE);
  page[0x1e8] = 129;
  assert.throws(() => decodeBootParams(page), /129 is above 128/);
});

test('e820 entries come back as they went in, and every prefix is an error of ours', () => {
  fc.assert(
    fc.property(fc.array(entry, { maxLength: 200 }), (map) => {
      assert.deepEqual(decodeE820(encodeE820(map), map.length), map);
    }),
  );
  const bytes = encodeE820([{ start: 0n, end: 4096n, type: 'ram' }]);
  for (let length = 0; length < bytes.length; length++)
    assert.throws(() => decodeE820(bytes.subarray(0, length), 1), KhopError);
});

test('setup_data nodes are linked in order, aligned, and read back', () => {
  const node = fc.record(
    {
      type: fc.constantFrom<SetupDataNode['type']>('e820Ext', 'dtb', 'efi', 'rngSeed'),
      bytes: fc.uint8Array({ maxLength: 100 }),
    },
    PLAIN,
  );
  fc.assert(
    fc.property(fc.array(node, { minLength: 1, maxLength: 6 }), address, (nodes, base) => {
      assert.deepEqual(decodeSetupData(encodeSetupData(nodes, base), base), nodes);
    }),
  );
});

test('a setup_data list that leads backwards is refused instead of followed for ever', () => {
  const bytes = encodeSetupData([{ type: 'dtb', bytes: new Uint8Array(8) }], 0x1000n);
  new DataView(bytes.buffer).setBigUint64(0, 0x1000n, true);
  assert.throws(() => decodeSetupData(bytes, 0x1000n), /leads backwards/);
});

test('a damaged page, table or list is an error of ours, or a value', () => {
  const page = encodeBootParams({
    ...decodeBootParams(new Uint8Array(BOOT_PARAMS_SIZE)),
    e820: [{ start: 0n, end: 0x9fc00n, type: 'ram' }],
  });
  assertSurvivesTruncation(decodeBootParams, page, page.length, 512);
  assertSurvivesDamage(decodeBootParams, page, { start: 0, end: 0x2f0 });
  const list = encodeSetupData(
    [
      { type: 'efi', bytes: new Uint8Array(96) },
      { type: 'rngSeed', bytes: new Uint8Array(32).fill(7) },
    ],
    0x1000n,
  );
  const decode = (bytes: Uint8Array) => decodeSetupData(bytes, 0x1000n);
  assertSurvivesTruncation(decode, list);
  assertSurvivesDamage(decode, list, undefined, 3000);
});

test('more entries than the table holds do not make its count a lie', () => {
  const map = Array.from({ length: 300 }, (_none, index): MemoryMapEntry => {
    const start = BigInt(index) * 0x2000n;
    return { start, end: start + 0x1000n, type: 'ram' };
  });
  const empty = decodeBootParams(new Uint8Array(BOOT_PARAMS_SIZE));
  const { e820 } = decodeBootParams(encodeBootParams({ ...empty, e820: map }));
  assert.deepEqual(e820, map.slice(0, 128));
});
