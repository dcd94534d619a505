import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Architecture } from '../../../src/formats/architecture.ts';
import { fn } from '../../../src/formats/static-program/functions.ts';
import { giveBack, store } from '../../../src/formats/static-program/statements.ts';
import { encodeStaticProgram } from '../../../src/formats/static-program/static-program.ts';
import { zeroed } from '../../../src/formats/static-program/terms.ts';
import { bytesOf, hex } from '../../support/encoding-listings.ts';

/** It has all that a program can have: a text, memory to write to, and code. */
const tiny = fn('tiny', ['stack'], [], () => [store.u64(zeroed(8), 'hi'), giveBack(7)]);

/** What differs between architectures. The code is listed as `encoding-listings.ts` says. */
const OWN: Readonly<Record<Architecture, { machine: string; size: string; code: readonly string[] }>> = {
  'x86-64': {
    machine: '3e 00', // EM_X86_64, 62
    size: '82 01 00 00 00 00 00 00',
    code: [
      '48 89 e0  mov rax, rsp',
      '50  push rax',
      'e8 16 00 00 00  call 1f',
      '50  push rax',
      '5f  pop rdi',
      '31 f6  xor esi, esi',
      '31 d2  xor edx, edx',
      '45 31 d2  xor r10d, r10d',
      '45 31 c0  xor r8d, r8d',
      '45 31 c9  xor r9d, r9d',
      'b8 e7 00 00 00  mov eax, 231',
      '0f 05  syscall',
      '55  1: push rbp',
      '48 89 e5  mov rbp, rsp',
      'b8 00 01 00 10  mov eax, 0x10000100',
      'b9 00 01 40 00  mov ecx, 0x400100',
      '48 89 08  mov [rax], rcx',
      'b8 07 00 00 00  mov eax, 7',
      'c9  leave',
      'c2 08 00  ret 8',
      'b8 00 00 00 00  mov eax, 0',
      'c9  leave',
      'c2 08 00  ret 8',
    ],
  },
  arm64: {
    machine: 'b7 00', // EM_AARCH64, 183
    size: 'b0 01 00 00 00 00 00 00',
    code: [
      'e0 03 00 91  mov x0, sp',
      'e0 0f 1f f8  str x0, [sp, #-16]!',
      '0b 00 00 94  bl 1f',
      'ff 43 00 91  add sp, sp, #16',
      'e0 0f 1f f8  str x0, [sp, #-16]!',
      'e0 07 41 f8  ldr x0, [sp], #16',
      '01 00 80 d2  mov x1, #0',
      '02 00 80 d2  mov x2, #0',
      '03 00 80 d2  mov x3, #0',
      '04 00 80 d2  mov x4, #0',
      '05 00 80 d2  mov x5, #0',
      'c8 0b 80 d2  mov x8, #94',
      '01 00 00 d4  svc #0',
      'fd 7b bf a9  1: stp x29, x30, [sp, #-16]!',
      'fd 03 00 91  mov x29, sp',
      '00 20 80 d2  movz x0, #0x100',
      '00 00 a2 f2  movk x0, #0x1000, lsl #16',
      '01 20 80 d2  movz x1, #0x100',
      '01 08 a0 f2  movk x1, #0x40, lsl #16',
      '01 00 00 f9  str x1, [x0]',
      'e0 00 80 d2  movz x0, #7',
      'bf 03 00 91  mov sp, x29',
      'fd 7b c1 a8  ldp x29, x30, [sp], #16',
      'c0 03 5f d6  ret',
      '00 00 80 d2  movz x0, #0',
      'bf 03 00 91  mov sp, x29',
      'fd 7b c1 a8  ldp x29, x30, [sp], #16',
      'c0 03 5f d6  ret',
    ],
  },
};

/** All of the file in its order, with the names of elf(5). */
function fileOf({ machine, size, code }: (typeof OWN)[Architecture]): readonly (readonly [string, string])[] {
  const zeros = (count: number) => Array(count).fill('00').join(' ');
  return [
    ['e_ident: 64 bits, little-endian, EV_CURRENT', '7f 45 4c 46 02 01 01 00 00 00 00 00 00 00 00 00'],
    ['e_type: ET_EXEC', '02 00'],
    ['e_machine', machine],
    ['e_version: EV_CURRENT', '01 00 00 00'],
    ['e_entry: the code, on a cache line of 64 bytes', '40 01 40 00 00 00 00 00'],
    ['e_phoff: behind this header', '40 00 00 00 00 00 00 00'],
    ['e_shoff: no section headers', '00 00 00 00 00 00 00 00'],
    ['e_flags', '00 00 00 00'],
    ['e_ehsize', '40 00'],
    ['e_phentsize', '38 00'],
    ['e_phnum', '03 00'],
    ['e_shentsize', '00 00'],
    ['e_shnum', '00 00'],
    ['e_shstrndx: SHN_UNDEF', '00 00'],

    ['p_type: PT_LOAD, of what is read and executed', '01 00 00 00'],
    ['p_flags: PF_R | PF_X', '05 00 00 00'],
    ['p_offset', '00 00 00 00 00 00 00 00'],
    ['p_vaddr: 4 MiB', '00 00 40 00 00 00 00 00'],
    ['p_paddr', '00 00 40 00 00 00 00 00'],
    ['p_filesz: all of the file', size],
    ['p_memsz', size],
    ['p_align: 64 KiB', '00 00 01 00 00 00 00 00'],

    ['p_type: PT_LOAD, of what is written to', '01 00 00 00'],
    ['p_flags: PF_R | PF_W', '06 00 00 00'],
    ['p_offset', 'f0 00 00 00 00 00 00 00'],
    ['p_vaddr: 256 MiB, and as far into its page as in the file', 'f0 00 00 10 00 00 00 00'],
    ['p_paddr', 'f0 00 00 10 00 00 00 00'],
    ['p_filesz: 16 bytes of zeros', '10 00 00 00 00 00 00 00'],
    ['p_memsz: and 8 of the program', '18 00 00 00 00 00 00 00'],
    ['p_align: 64 KiB', '00 00 01 00 00 00 00 00'],

    ['p_type: PT_GNU_STACK', '51 e5 74 64'],
    ['p_flags: PF_R | PF_W', '06 00 00 00'],
    ['p_offset', '00 00 00 00 00 00 00 00'],
    ['p_vaddr', '00 00 00 00 00 00 00 00'],
    ['p_paddr', '00 00 00 00 00 00 00 00'],
    ['p_filesz', '00 00 00 00 00 00 00 00'],
    ['p_memsz', '00 00 00 00 00 00 00 00'],
    ['p_align: of a stack', '10 00 00 00 00 00 00 00'],

    ['up to a multiple of 16', zeros(0xf0 - 0xe8)],
    ['what is written to', zeros(0x10)],
    ['constants, at 0x400100', '68 69 00'],
    ['up to the entry', zeros(0x40 - 3)],
    ['code', bytesOf(code)],
  ];
}

for (const architecture of ['x86-64', 'arm64'] as const)
  test(`${architecture}: a tiny program is this file, field by field`, () => {
    const file = encodeStaticProgram(tiny, architecture);
    const expected = fileOf(OWN[architecture]);
    let at = 0;
    const found = expected.map(([field, bytes]) => {
      const start = at;
      at += bytes.split(' ').length;
      return [field, hex(file.subarray(start, at))];
    });
    assert.deepEqual(found, expected);
    assert.equal(file.length, at);
  });
