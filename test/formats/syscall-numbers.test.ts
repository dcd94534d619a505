import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { test } from 'node:test';
import { SYSCALL_NUMBERS } from '../../src/formats/syscall-numbers.ts';

/** Of linux-libc-dev, and what has it on another architecture. */
const HEADERS = {
  'x86-64': ['/usr/include/x86_64-linux-gnu/asm/unistd_64.h', '/usr/include/asm/unistd_64.h'],
  arm64: ['/usr/include/asm-generic/unistd.h'],
} as const;

for (const architecture of ['x86-64', 'arm64'] as const) {
  const header = HEADERS[architecture].find((path) => existsSync(path));

  test(`${architecture}: every number is that of the kernel's headers`, {
    skip: header === undefined ? 'linux-libc-dev is not installed' : false,
  }, () => {
    const text = readFileSync(header!, 'utf8');
    const defined = new Map(
      [...text.matchAll(/^#define __NR(?:3264)?_(\w+)\s+(\d+)$/gm)].map((match) => [
        match[1],
        Number(match[2]),
      ]),
    );
    for (const [name, number] of Object.entries(SYSCALL_NUMBERS[architecture]))
      assert.equal(defined.get(name), number, name);
  });
}
