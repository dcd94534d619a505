import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { loadSegments, parseElf } from '../../../src/formats/elf.ts';
import { initProgram, jumpProgram, restartingInitProgram } from '../../../tools/bench/mark-programs.ts';
import { encodeStaticProgram, SCRATCH } from '../../../tools/bench/static-program.ts';

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

test('the kernel runs a static program: it starts at its first instruction and its exit status is seen', {
  skip: process.arch === 'x64' ? false : 'the programs are for x86-64',
}, () => {
  const folder = mkdtempSync(join(tmpdir(), 'khop-bench-'));
  try {
    const file = join(folder, 'program');
    // mov [scratch], 42; mov edi, [scratch]; mov eax, 60 (exit); syscall
    const scratch = [...new Uint8Array(new Uint32Array([SCRATCH]).buffer)];
    const code = [
      ...[0xc7, 0x04, 0x25, ...scratch, 42, 0, 0, 0],
      ...[0x8b, 0x3c, 0x25, ...scratch],
      ...[0xb8, 60, 0, 0, 0, ...SYSCALL],
    ];
    writeFileSync(file, encodeStaticProgram(Uint8Array.from(code)), { mode: 0o755 });
    assert.equal(spawnSync(file, { timeout: 10_000 }).status, 42);
  } finally {
    rmSync(folder, { recursive: true });
  }
});

test('every program is one loadable segment that begins with the headers and has its entry inside', () => {
  for (const file of [jumpProgram(), initProgram(), restartingInitProgram()]) {
    const elf = parseElf(file);
    const segments = loadSegments(elf);
    assert.equal(segments.length, 1);
    const [header] = elf.programHeaders;
    assert.ok(elf.entry > header!.virtualAddress && elf.entry < header!.virtualAddress + header!.fileSize);
    assert.ok(BigInt(SCRATCH) < header!.virtualAddress + header!.memorySize);
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
