import assert from 'node:assert/strict';
import { test } from 'node:test';
import { loadSegments, parseElf } from '../../../src/formats/elf.ts';
import { initProgram, jumpProgram, restartingInitProgram } from '../../../tools/bench/mark-programs.ts';

const RDTSC = [0x0f, 0x31];
const SYSCALL = Buffer.from([0x0f, 0x05]);

/** The instructions, from the entry point on. */
function codeOf(file: Uint8Array): Buffer {
  const elf = parseElf(file);
  const [segment] = elf.programHeaders;
  return Buffer.from(file.subarray(Number(elf.entry - segment!.virtualAddress)));
}

/** Numbers of the system calls, in order: each is the last `mov eax, imm32` before a `syscall`. */
function systemCalls(code: Buffer): number[] {
  const numbers: number[] = [];
  for (let at = code.indexOf(SYSCALL); at >= 0; at = code.indexOf(SYSCALL, at + 2))
    numbers.push(code.readUInt32LE(code.lastIndexOf(0xb8, at - 1) + 1));
  return numbers;
}

test('every program begins with its first instruction and has room for what it writes', () => {
  for (const file of [jumpProgram(), initProgram(), restartingInitProgram()]) {
    const elf = parseElf(file);
    const [code, scratch] = loadSegments(elf);
    assert.ok(elf.entry > code!.physicalAddress);
    assert.ok(elf.entry < code!.physicalAddress + code!.memorySize);
    // The release in struct utsname ends at 0x10 + 3 * 65.
    assert.ok(scratch!.memorySize - BigInt(scratch!.bytes.length) > 0x10 + 6 * 65);
  }
});

test('an init reads the counter before it does anything else', () => {
  for (const file of [initProgram(), restartingInitProgram()])
    assert.deepEqual([...codeOf(file).subarray(0, 2)], RDTSC);
});

test('the jump is iopl, the mark, reboot with LINUX_REBOOT_CMD_KEXEC, and an exit if that returns', () => {
  const code = codeOf(jumpProgram());
  assert.deepEqual(systemCalls(code), [172, 169, 60]);
  assert.ok(code.includes(Buffer.from('JUMP')) && code.includes(Buffer.from('CEXE')));
  assert.ok(code.indexOf(Buffer.from(RDTSC)) < code.indexOf(Buffer.from('JUMP')));
});

test('an init says its release and ends the machine, or restarts it after another mark', () => {
  assert.deepEqual(systemCalls(codeOf(initProgram())), [172, 63, 169]);
  const restarting = codeOf(restartingInitProgram());
  assert.deepEqual(systemCalls(restarting), [172, 63, 169]);
  assert.ok(restarting.indexOf('INIT') < restarting.indexOf('JUMP'));
});
