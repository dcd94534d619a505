import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { fn } from '../../../src/formats/static-program/functions.ts';
import { bytesOf, sizeOf } from '../../../src/formats/static-program/library/growing-text.ts';
import { writeAll } from '../../../src/formats/static-program/library/output.ts';
import { giveBack, set } from '../../../src/formats/static-program/statements.ts';
import { encodeStaticProgram } from '../../../src/formats/static-program/static-program.ts';
import { hostArchitecture } from '../../../src/machine/host-architecture.ts';
import { chain, startChain } from '../../../src/plan/capture/chain.ts';
import { openCrashedMemory } from '../../../src/plan/capture/crashed-memory.ts';
import { saveDump } from '../../../src/plan/capture/save-dump.ts';
import { buildElf } from '../../support/elf-writer.ts';

const MIB = 1024 * 1024;
const MEMORY = 64 * MIB;
const DISK = 24 * MIB;

/** What saving 64 MiB into a file system of 24 MiB notes and leaves there; undefined where none can be made. */
function saveToSmallDisk(
  minimumFreeBytes: number,
): { chain: string; files: string[]; free: number } | undefined {
  const folder = mkdtempSync(join(tmpdir(), 'khop-full-'));
  try {
    const core = buildElf({ type: 4, segments: [{ bytes: Buffer.alloc(MEMORY, 1) }] });
    writeFileSync(join(folder, 'core'), core);
    const save = saveDump({
      filter: undefined,
      latestStartMs: Number.MAX_SAFE_INTEGER,
      untilMs: Number.MAX_SAFE_INTEGER,
      minimumFreeBytes,
    });
    const main = fn('main', ['stack'], ['status'], ({ status }) => [
      startChain(),
      set(status, openCrashedMemory('../core')),
      save(),
      giveBack(writeAll(1, bytesOf(chain), sizeOf(chain))),
    ]);
    const program = join(folder, 'program');
    writeFileSync(program, encodeStaticProgram(main, hostArchitecture()), { mode: 0o755 });
    const script = [
      `mkdir ${folder}/disk && mount -t tmpfs -o size=${DISK} tmpfs ${folder}/disk && cd ${folder}/disk`,
      `${program} >../steps; ls >../files; stat -f -c '%a %S' . >../free; cat ../steps ../files ../free`,
    ].join(' && ');
    const { status, stdout } = spawnSync('sh', ['-c', 'exec unshare -m sh -c "$1"', 'sh', script], {
      timeout: 60_000,
      encoding: 'utf8',
    });
    if (status !== 0) return undefined;
    const lines = stdout.trim().split('\n');
    const [blocks = 0, size = 0] = (lines.pop() ?? '').split(' ').map(Number);
    const isStep = (line: string) => line.includes(' ');
    return {
      chain: lines.filter(isStep).join('\n'),
      files: lines.filter((line) => !isStep(line)),
      free: blocks * size,
    };
  } finally {
    rmSync(folder, { recursive: true });
  }
}

test('a dump stops while there is still as much free as is to be kept, and keeps its unfinished name', (context) => {
  const saved = saveToSmallDisk(16 * MIB);
  if (saved === undefined) return context.skip('no file system can be mounted here');
  assert.match(saved.chain, /^dump-started \d+\ndump-incomplete \d+ no space, bytes left: \d+$/);
  assert.ok(saved.files.includes('vmcore.incomplete') && !saved.files.includes('vmcore'));
  assert.ok(saved.free > 15 * MIB && saved.free < 17 * MIB, `${saved.free} bytes are left`);
});

test('a disk that is full is an incomplete dump, not the end', (context) => {
  const saved = saveToSmallDisk(0);
  if (saved === undefined) return context.skip('no file system can be mounted here');
  assert.match(saved.chain, /^dump-started \d+\ndump-incomplete \d+ no space, bytes left: \d+$/);
  assert.ok(saved.files.includes('vmcore.incomplete') && !saved.files.includes('vmcore'));
  // The steps were saved all the same, in the little that was left or over what was there before.
  assert.ok(saved.files.includes('chain.txt'));
});
