import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ENTRY_STUB_SIZE, entryStub, shortEntryStub } from '../../../src/plan/x86-64/entry-stub.ts';

const TARGET = { entry: 0x1122334455667n, bootParams: 0x89abcdef0n };
const ADDRESS = 0x7ff0_0000n;

function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('hex').replaceAll(/../g, '$& ').trim();
}

test('the short stub is mov rsi, mov rax, jmp rax', () => {
  assert.equal(
    hex(shortEntryStub(TARGET)),
    '48 be f0 de bc 9a 08 00 00 00 48 b8 67 56 45 34 23 12 01 00 ff e0',
  );
});

test('the stub with a GDT is, instruction by instruction, what its listing says', () => {
  const stub = entryStub(ADDRESS, TARGET);
  const view = new DataView(stub.buffer);
  const at = (offset: number, length: number): string => hex(stub.subarray(offset, offset + length));
  assert.equal(stub.length, ENTRY_STUB_SIZE);

  // lgdt [rip+disp32]: 0f 01 /2, mod 00, rm 101. The register follows the code and the table.
  assert.equal(at(0x00, 3), '0f 01 15');
  const gdtRegister = 0x07 + view.getInt32(0x03, true);
  assert.equal(gdtRegister, 0x60);
  // lea rsp, [rip+disp32]: REX.W 8d /4. The stack's top is the end of the stub, 16-byte aligned.
  assert.equal(at(0x07, 3), '48 8d 25');
  const stackTop = 0x0e + view.getInt32(0x0a, true);
  assert.equal(stackTop, ENTRY_STUB_SIZE);
  assert.equal(stackTop % 16, 0);
  // lea rax, [rip+disp32]: REX.W 8d /0; push imm8; push rax; retfq: REX.W cb.
  assert.equal(at(0x0e, 3), '48 8d 05');
  const afterFarReturn = 0x15 + view.getInt32(0x11, true);
  assert.equal(at(0x15, 5), '6a 10 50 48 cb');
  assert.equal(afterFarReturn, 0x1a);
  // mov eax, imm32; mov ds, eax; mov es, eax; mov ss, eax.
  assert.equal(at(0x1a, 5), 'b8 18 00 00 00');
  assert.equal(at(0x1f, 6), '8e d8 8e c0 8e d0');
  // mov rsi, imm64; mov rax, imm64; jmp rax.
  assert.equal(at(0x25, 2), '48 be');
  assert.equal(view.getBigUint64(0x27, true), TARGET.bootParams);
  assert.equal(at(0x2f, 2), '48 b8');
  assert.equal(view.getBigUint64(0x31, true), TARGET.entry);
  assert.equal(at(0x39, 2), 'ff e0');

  const limit = view.getUint16(gdtRegister, true);
  const base = view.getBigUint64(gdtRegister + 2, true);
  assert.equal(limit, 4 * 8 - 1);
  assert.equal(base, ADDRESS + 0x40n);
  assert.equal(view.getBigUint64(0x40 + 0x10, true), 0x00af9a000000ffffn, '__BOOT_CS: 64-bit code, present');
  assert.equal(view.getBigUint64(0x40 + 0x18, true), 0x00cf92000000ffffn, '__BOOT_DS: 4 GiB data, present');
  // Two pushes fit between the table register and the top of the stack.
  assert.ok(stackTop - 16 >= gdtRegister + 10);
});

test('addresses beyond the physical address space are refused', () => {
  const beyond = 1n << 52n;
  assert.throws(() => entryStub(beyond, TARGET), { code: 'E_PLAN', message: /stub address/ });
  assert.throws(() => shortEntryStub({ ...TARGET, entry: beyond }), { code: 'E_PLAN', message: /entry/ });
  assert.throws(() => shortEntryStub({ ...TARGET, bootParams: -1n }), {
    code: 'E_PLAN',
    message: /boot_params/,
  });
});
