import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { test } from 'node:test';
import { LINUX } from '../../../../src/formats/static-program/library/linux.ts';

/** The architecture's own header goes before the one for all; x86-64 has none of its own. */
const HEADERS = {
  'x86-64': ['/usr/include/asm-generic/fcntl.h'],
  arm64: ['/usr/include/asm-generic/fcntl.h', '/usr/aarch64-linux-gnu/include/asm/fcntl.h'],
} as const;
const COMMON = [
  ...['/usr/include/linux/fcntl.h', '/usr/include/linux/fs.h', '/usr/include/linux/time.h'],
  ...[
    '/usr/include/linux/wait.h',
    '/usr/include/asm-generic/signal.h',
    '/usr/include/asm-generic/signal-defs.h',
    '/usr/include/asm-generic/errno-base.h',
    '/usr/include/asm-generic/errno.h',
    '/usr/include/asm-generic/mman-common.h',
    '/usr/include/linux/mman.h',
  ],
];

for (const architecture of ['x86-64', 'arm64'] as const) {
  const files = [...COMMON, ...HEADERS[architecture]];
  const missing = files.find((path) => !existsSync(path));

  test(`${architecture}: every constant is that of the kernel's headers`, {
    skip: missing === undefined ? false : `${missing} is not installed`,
  }, () => {
    const defined = new Map(
      files.flatMap((path) =>
        [...readFileSync(path, 'utf8').matchAll(/^#\s*define\s+(\w+)\s+(-?\d\w*)/gm)].map(
          ([, name, value]) => [name, parseNumber(value!)] as const,
        ),
      ),
    );
    for (const [name, value] of Object.entries(LINUX))
      assert.equal(typeof value === 'number' ? value : value.values[architecture], defined.get(name), name);
  });
}

function parseNumber(text: string): number {
  return /^0\d/.test(text) ? Number.parseInt(text, 8) : Number(text);
}
