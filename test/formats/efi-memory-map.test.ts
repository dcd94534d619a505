import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { KhopError } from '../../src/error.ts';
import {
  decodeEfiMemoryMap,
  EFI_MEMORY_DESCRIPTOR_SIZE,
  encodeEfiMemoryMap,
} from '../../src/formats/efi-memory-map.ts';
import { outcomeOf } from '../support/hostile-bytes.ts';

const u64 = fc.bigInt(0n, (1n << 64n) - 1n);
const descriptor = fc.record(
  {
    type: fc.nat(0xffffffff),
    physicalAddress: u64,
    virtualAddress: u64,
    pageCount: u64,
    attribute: u64,
  },
  { noNullPrototype: true },
);

describe('the EFI memory map', () => {
  it('decodes to what it was encoded from', () => {
    fc.assert(
      fc.property(fc.array(descriptor, { maxLength: 20 }), (map) => {
        assert.deepEqual(decodeEfiMemoryMap(encodeEfiMemoryMap(map)), map);
      }),
    );
  });

  it('has the physical address at 8, behind the padding of the type', () => {
    const bytes = encodeEfiMemoryMap([
      {
        type: 5,
        physicalAddress: 0x7f00_0000n,
        virtualAddress: 0xffff_fffe_ee00_0000n,
        pageCount: 16n,
        attribute: 0x8000_0000_0000_000fn,
      },
    ]);
    const view = new DataView(bytes.buffer);
    assert.equal(bytes.length, EFI_MEMORY_DESCRIPTOR_SIZE);
    assert.equal(view.getUint32(0, true), 5);
    assert.equal(view.getUint32(4, true), 0);
    assert.equal(view.getBigUint64(8, true), 0x7f00_0000n);
    assert.equal(view.getBigUint64(24, true), 16n);
  });

  it('is refused unless it is a whole number of descriptors', () => {
    const bytes = new Uint8Array(3 * EFI_MEMORY_DESCRIPTOR_SIZE);
    for (let length = 0; length < bytes.length; length++) {
      const isWhole = length % EFI_MEMORY_DESCRIPTOR_SIZE === 0;
      assert.equal(
        outcomeOf(decodeEfiMemoryMap, bytes.subarray(0, length)) instanceof KhopError,
        !isWhole,
        `${length} bytes`,
      );
    }
  });
});
