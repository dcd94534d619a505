import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { setTimeout } from 'node:timers/promises';
import { cleanRuns, forgettingPages } from '../../src/machine/clean-pages.ts';
import { mapFile } from '../../src/machine/mapped-file.ts';
import { valueOf } from '../../src/machine/reading.ts';
import { addressOf } from '../../src/machine/syscall.ts';
import { readPageSize } from '../../src/machine/system.ts';

const PAGE = valueOf(readPageSize('/'))!;
const MIB = 2 ** 20;

function mapNew(size: number): Uint8Array {
  const folder = mkdtempSync(join(tmpdir(), 'khop-clean-'));
  try {
    const path = join(folder, 'file');
    writeFileSync(path, new Uint8Array(size).fill(7));
    return mapFile(path);
  } finally {
    rmSync(folder, { recursive: true });
  }
}

/** Where the runs lie in `mapped`, in bytes. */
function places(runs: readonly Uint8Array[], mapped: Uint8Array): [number, number][] {
  return runs.map((run) => {
    const start = Number(addressOf(run) - addressOf(mapped));
    return [start, start + run.length];
  });
}

test('a page that was written into is in no run, and what is short is none', () => {
  const mapped = mapNew(4 * MIB + 5);
  assert.deepEqual(places(cleanRuns(mapped), mapped), [[0, 4 * MIB]], 'nothing was touched yet');
  assert.equal(
    mapped.reduce((sum, byte) => sum + byte, 0),
    7 * mapped.length,
  );
  assert.deepEqual(places(cleanRuns(mapped), mapped), [[0, 4 * MIB]], 'all of it was read');
  mapped[MIB] = 1;
  mapped[MIB + 2 * PAGE] = 1;
  mapped[3 * MIB - 1] = 1;
  const runs = [
    [0, MIB],
    [MIB + 3 * PAGE, 3 * MIB - PAGE],
    [3 * MIB, 4 * MIB],
  ];
  assert.deepEqual(places(cleanRuns(mapped), mapped), runs);
  const inner = mapped.subarray(100, 3 * MIB);
  assert.deepEqual(places(cleanRuns(inner), mapped), [[PAGE, MIB], runs[1]], 'whole pages only');
});

test('memory that is no file is not given back', () => {
  assert.deepEqual(cleanRuns(new Uint8Array(MIB)), []);
  assert.deepEqual(cleanRuns(mapNew(0)), []);
});

test('what is given back while work goes on reads as before, and what was written stays', async () => {
  const mapped = mapNew(2 * MIB);
  mapped[5] = 1;
  const sum = async (): Promise<number> => {
    let total = 0;
    for (let at = 0; at < mapped.length; at += MIB / 4) {
      total += mapped.subarray(at, at + MIB / 4).reduce((before, byte) => before + byte, 0);
      await setTimeout(2);
    }
    return total;
  };
  assert.equal(await forgettingPages(cleanRuns(mapped), sum), 7 * mapped.length - 6);
  await assert.rejects(
    forgettingPages(cleanRuns(mapped), () => Promise.reject(new Error('EBUSY'))),
    /EBUSY/,
  );
});

test('while work reads a file, only some of it is resident', async () => {
  const mapped = mapNew(32 * MIB);
  const resident = (): number => {
    const { rss } = process.memoryUsage();
    return rss;
  };
  const before = resident();
  let most = 0;
  const read = async (): Promise<void> => {
    for (let at = 0; at < mapped.length; at += MIB) {
      mapped.subarray(at, at + MIB).reduce((sum, byte) => sum + byte, 0);
      most = Math.max(most, resident() - before);
      await setTimeout(3);
    }
  };
  await forgettingPages(cleanRuns(mapped), read);
  assert.ok(most < 16 * MIB, `${most} bytes at once`);
});
