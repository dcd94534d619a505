import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { offsetInCore, parseKernelCore } from '../../src/formats/kernel-core.ts';
import { buildElf } from '../support/elf-writer.ts';
import { assertSurvivesDamage, assertSurvivesTruncation } from '../support/hostile-bytes.ts';
import { inputs } from '../support/inputs.ts';
import { encodeKernelCore, IMAGE_AT, POINTER_AT } from '../support/kernel-core-tree.ts';

/** The header and three program headers. */
const HEADERS = 64 + 3 * 56;
const ranges = parseKernelCore(encodeKernelCore());

/** A core of one range. */
function coreOf(virtualAddress: bigint, offset: bigint, size: bigint): Uint8Array {
  const bytes = buildElf({
    type: 4,
    segments: [{ virtualAddress, memorySize: size, bytes: new Uint8Array() }],
  });
  new DataView(bytes.buffer, bytes.byteOffset).setBigUint64(64 + 8, offset, true);
  return bytes;
}

test('the headers say where in the file an address is, and nothing of what they do not have', () => {
  const file = encodeKernelCore();
  const at = offsetInCore(ranges, POINTER_AT, 8);
  assert.equal(Buffer.from(file).readBigUInt64LE(Number(at)), IMAGE_AT);
  for (const [address, length] of [
    [POINTER_AT - 9n, 8],
    [POINTER_AT, 17],
    [0n, 1],
    [(1n << 64n) - 1n, 8],
  ] as const)
    assert.equal(offsetInCore(ranges, address, length), undefined);
});

test('an offset that no number can hold is still exact, as with five levels of page tables', () => {
  const wide = parseKernelCore(coreOf(0xffff_ffff_8000_0000n, 0xff_ffff_8000_0001n, 0x1000n));
  assert.equal(offsetInCore(wide, 0xffff_ffff_8000_0008n, 8), 0xff_ffff_8000_0009n);
});

test('what is no core, or leaves the address space or the file, is refused', () => {
  assert.throws(() => parseKernelCore(buildElf({})), { code: 'E_FORMAT', message: /ET_CORE/ });
  assert.throws(() => parseKernelCore(coreOf(0xffff_ffff_ffff_f000n, 0n, 0x1001n)), /address space/);
  assert.doesNotThrow(() => parseKernelCore(coreOf(0xffff_ffff_ffff_f000n, 0n, 0x1000n)));
  assert.throws(() => parseKernelCore(coreOf(0n, (1n << 63n) - 1n, 2n)), /no file is so large/);
});

test('damaged headers give an error of ours, or offsets that a file can have', () => {
  const bytes = encodeKernelCore();
  const parse = (damaged: Uint8Array) => {
    const found = parseKernelCore(damaged);
    for (const { virtualAddress, size, offset } of found) {
      if (size === 0n) continue;
      const last = offsetInCore(found, virtualAddress + size - 1n, 1);
      assert.ok(last !== undefined && last >= 0n && last < 1n << 63n);
      assert.ok(offset >= 0n);
    }
  };
  assertSurvivesTruncation(parse, bytes, HEADERS);
  assertSurvivesDamage(parse, bytes, { start: 0, end: HEADERS });
});

test('whatever is asked for, all of it is in one range or there is no offset', () => {
  const near = fc.bigInt(-64n, 1100n);
  fc.assert(
    fc.property(fc.constantFrom(POINTER_AT, IMAGE_AT), near, fc.nat(1100), (base, distance, length) => {
      const address = base + distance;
      const holder = ranges.find(
        ({ virtualAddress: start, size }) => address >= start && address + BigInt(length) <= start + size,
      );
      const expected = holder && holder.offset + (address - holder.virtualAddress);
      assert.equal(offsetInCore(ranges, address, length), expected);
    }),
    inputs(200),
  );
});
