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
const HOPS = 20;
/** A kernel that was entered directly has a page or two less at its edges than one that unpacked itself. */
const ENTRY_KIB = 16;

/** The place is drawn anew each time, and may cut a page at an edge. One lost each time would be five of them at the end. */
const EDGE_KIB = 4;

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
  async (context) => {
    await using cache = await cacheDisk();
    await using machine = await startSmallMachine({ kernel: '6.1', memoryMib: 1536, disks: [cache.disk] });
    const before = await readHardware(machine);
    const places = [await kernelPlace(machine)];
    const lines = ['6.12', '7.2', '6.1'] as const;
    const memory = new Map<string, number[]>();
    for (let index = 0; index < HOPS; index++) {
      const line = index === HOPS - 1 ? '6.1' : lines[index % lines.length]!;
      await machine.run(MOUNT_CACHE, COMMAND);
      const hello = await hop(machine, `khop switch ${kernelWords(line)} --fast --now --no-trial --yes`);
      assert.ok(hello.release.startsWith(`${line}.`), `hop ${index + 1} ended on ${hello.release}`);
      const place = await kernelPlace(machine);
      assertRandomPlace(place);
      places.push(place);
      memory.set(line, [...(memory.get(line) ?? []), (await readHardware(machine)).memoryKib]);
    }
    context.diagnostic(`KiB of memory: ${before.memoryKib} at first; ${JSON.stringify([...memory])}`);
    for (const [line, seen] of memory)
      assert.ok(
        Math.max(...seen) - Math.min(...seen) <= EDGE_KIB,
        `memory of ${line} from switch to switch, KiB: ${seen.join(', ')}`,
      );
    const after = await readHardware(machine);
    assert.deepEqual({ ...after, memoryKib: 0 }, { ...before, memoryKib: 0 });
    assert.ok(Math.abs(after.memoryKib - before.memoryKib) <= ENTRY_KIB, `${after.memoryKib} KiB`);
    // 475 virtual places: twenty draws with fewer than 15 different ones happen once in 10^7 chains.
    assert.ok(new Set(places.map(({ virtual }) => virtual)).size >= 15, 'virtual addresses repeat');
    assert.ok(new Set(places.map(({ physical }) => physical)).size >= 15, 'physical addresses repeat');
    const tokens = (await machine.run('cat /proc/cmdline', COMMAND)).stdout;
    assert.equal(tokens.match(/khop\.switch=/g)?.length, 1, 'tokens of earlier switches pile up');
    assert.equal(tokens.match(/ cryptomgr\.notests/g)?.length, 1, 'parameters of earlier switches pile up');
  },
);

test('four processors and memory above 4 GiB come over in a fast switch', LIMIT, async () => {
  await using machine = await startSmallMachine({ kernel: '6.1', cpus: 4, memoryMib: 8192 });
  const before = await readHardware(machine);
  const hello = await hop(machine, `khop switch ${kernelWords('6.12')} --fast --now --no-trial --yes`);
  assert.match(hello.release, /^6\.12\./);
  assertRandomPlace(await kernelPlace(machine));
  const after = await readHardware(machine);
  assert.equal(after.cpus, 4);
  assert.ok(Math.abs(after.memoryKib - before.memoryKib) < 128 * 1024);
});
