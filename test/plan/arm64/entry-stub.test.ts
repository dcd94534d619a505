import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ARM64_STUB_SIZE, arm64EntryStub } from '../../../src/plan/arm64/entry-stub.ts';

const TARGET = { entry: 0x4020_0000n, deviceTree: 0x1_2345_6000n };

/** `ldr x<rt>, <pc + offset>`: 0x58 | imm19 (signed, words) | rt (Arm ARM C6.2, LDR literal). */
function decodeLiteralLoad(word: number, at: number): { register: number; address: number } {
  assert.equal(word >>> 24, 0x58);
  return { register: word & 31, address: at + ((word >> 5) & 0x7ffff) * 4 };
}

test('the stub loads x4 and x0 from its own literals, clears x1 to x3 and branches to x4', () => {
  const stub = arm64EntryStub(TARGET);
  const view = new DataView(stub.buffer);
  const word = (at: number): number => view.getUint32(at, true);
  assert.equal(stub.length, ARM64_STUB_SIZE);

  const kernel = decodeLiteralLoad(word(0x00), 0x00);
  assert.equal(kernel.register, 4);
  assert.equal(view.getBigUint64(kernel.address, true), TARGET.entry);
  const tree = decodeLiteralLoad(word(0x04), 0x04);
  assert.equal(tree.register, 0);
  assert.equal(view.getBigUint64(tree.address, true), TARGET.deviceTree);
  // orr x<n>, xzr, xzr: the alias mov x<n>, xzr.
  assert.deepEqual([word(0x08), word(0x0c), word(0x10)], [0xaa1f03e1, 0xaa1f03e2, 0xaa1f03e3]);
  // br x4: 1101011 0000 11111 000000 Rn 00000.
  assert.equal(word(0x14), (0xd61f0000 | (4 << 5)) >>> 0);
});

test('addresses beyond the physical address space are refused', () => {
  assert.throws(() => arm64EntryStub({ ...TARGET, entry: 1n << 52n }), { code: 'E_PLAN' });
  assert.throws(() => arm64EntryStub({ ...TARGET, deviceTree: -1n }), { code: 'E_PLAN' });
});
