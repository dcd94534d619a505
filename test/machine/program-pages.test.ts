import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { test } from 'node:test';
import { unwrittenParts } from '../../src/machine/program-pages.ts';

type Part = readonly [header: string, anonymousKib: number, swapKib?: number];

const smaps = (...parts: readonly Part[]): string =>
  parts
    .map(
      ([header, anonymous, swap = 0]) =>
        `${header}\nSize:  8 kB\nRss:  8 kB\nAnonymous:   ${anonymous} kB\nSwap:   ${swap} kB\nSwapPss:  0 kB\nVmFlags: rd mr`,
    )
    .join('\n');

test('what nobody can write into and nobody has written into comes from its file again', () => {
  const parts = smaps(
    ['00400000-00402000 r--p 00000000 fe:01 131 /usr/bin/khop', 0],
    ['00402000-00404000 r-xp 00002000 fe:01 131 /usr/bin/khop', 0],
    ['00404000-00406000 r-xp 00004000 fe:01 131 /usr/bin/khop', 4],
    ['00406000-00408000 r--p 00006000 fe:01 131 /usr/bin/khop (deleted)', 8],
    ['00430000-00432000 r--p 00030000 fe:01 131 /usr/bin/khop', 0, 8],
    ['00408000-0040a000 rw-p 00008000 fe:01 131 /usr/bin/khop', 0],
    ['0040a000-0040c000 r--s 00000000 fe:01 132 /var/shared', 0],
    ['0040c000-0040e000 r--p 00000000 00:00 0', 0],
    ['7ffc00000000-7ffc00002000 r-xp 00000000 00:00 0 [vdso]', 0],
    ['7fff00000000-7fff00001000 --xp 00000000 00:00 0 [vsyscall]', 0],
  );
  assert.deepEqual(unwrittenParts(parts), [
    { address: 0x40_0000n, size: 0x2000 },
    { address: 0x40_2000n, size: 0x2000 },
  ]);
  assert.deepEqual(unwrittenParts(''), []);
  const silent = parts.replaceAll(/^Swap: .*\n/gm, '');
  assert.deepEqual(unwrittenParts(silent), [], 'who does not say what is swapped out');
});

/** In a process of its own, which does nothing else meanwhile. */
const FORGET = `
  import { readFileSync } from 'node:fs';
  const { forgetProgram } = await import(process.argv[1]);
  const resident = () => Number(/^RssFile:\\s+(\\d+) kB/m.exec(readFileSync('/proc/self/status', 'utf8'))?.[1]);
  const before = resident();
  forgetProgram();
  console.log(JSON.stringify({ before, after: resident() }));`;

test('a process has given back what its start has read, and goes on', () => {
  const module = join(import.meta.dirname, '../../src/machine/program-pages.ts');
  const script = ['--input-type=module', '-e', FORGET, module];
  const { stdout } = spawnSync(process.execPath, script, { encoding: 'utf8', timeout: 60_000 });
  const { before, after } = JSON.parse(stdout) as { before: number; after: number };
  assert.ok(after < before / 2, `${after} of ${before} KiB are still resident`);
});
