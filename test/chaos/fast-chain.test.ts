import assert from 'node:assert/strict';
import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { writeExt4Image } from '../../src/lab/ext4-image.ts';
import type { LabDisk } from '../../src/lab/qemu.ts';
import { startSmallMachine } from '../../src/lab/small-machine.ts';
import { assertRandomPlace, kernelPlace } from '../vm/kernel-place.ts';
import { COMMAND, hop, kernelWords, readHardware } from '../vm/switching.ts';

const LIMIT = { timeout: 3_600_000 };

/** A disk that keeps what was prepared over the switches, as that of a real machine does. */
async function cacheDisk(): Promise<{ readonly disk: LabDisk } & AsyncDisposable> {
  const folder = await mkdtemp(join(tmpdir(), 'khop-cache-disk-'));
  await mkdir(join(folder, 'empty'));
  const path = join(folder, 'cache.img');
  await writeExt4Image(join(folder, 'empty'), path, { label: 'khop-cache', spareMib: 0, sizeMib: 768 });
  return {
    disk: { serial: 'khop-cache', path, access: 'overlay' },
    [Symbol.asyncDispose]: () => rm(folder, { recursive: true }),
  };
}

const MOUNT_CACHE =
  'mkdir -p /var/cache/khop && mount-tool khop-cache /var/cache/khop && mount -o remount,rw /var/cache/khop';

test(
  'a chain of twenty fast switches ends with the machine it began with, and no two places in a row are the same',
  LIMIT,
  async () => {
    await using cache = await cacheDisk();
    await using machine = await startSmallMachine({ kernel: '6.1', memoryMib: 1536, disks: [cache.disk] });
    const before = await readHardware(machine);
    const places = [await kernelPlace(machine)];
    const lines = ['6.12', '7.2', '6.1'] as const;
    for (let index = 0; index < 20; index++) {
      const line = index === 19 ? '6.1' : lines[index % lines.length]!;
      await machine.run(MOUNT_CACHE, COMMAND);
      const hello = await hop(machine, `khop switch ${kernelWords(line)} --fast --now --no-trial --yes`);
      assert.ok(hello.release.startsWith(`${line}.`), `hop ${index + 1} ended on ${hello.release}`);
      const place = await kernelPlace(machine);
      assertRandomPlace(place);
      places.push(place);
    }
    assert.deepEqual(await readHardware(machine), before);
    // 475 virtual places: twenty draws with fewer than 15 different ones happen once in 10^7 chains.
    assert.ok(new Set(places.map(({ virtual }) => virtual)).size >= 15, 'virtual addresses repeat');
    assert.ok(new Set(places.map(({ physical }) => physical)).size >= 15, 'physical addresses repeat');
    const tokens = (await machine.run('cat /proc/cmdline', COMMAND)).stdout;
    assert.equal(tokens.match(/khop\.switch=/g)?.length, 1, 'tokens of earlier switches pile up');
    assert.equal(tokens.match(/ cryptomgr\.notests/g)?.length, 1, 'parameters of earlier switches pile up');
  },
);
