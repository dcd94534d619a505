import assert from 'node:assert/strict';
import { existsSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { cpioFile, encodeCpio } from '../../src/formats/cpio-writer.ts';
import { makeRoom } from '../../src/prepare/cache-room.ts';
import { readPreparedInitramfs, readPreparedKernel } from '../../src/prepare/prepared-store.ts';
import { withSpace } from '../support/file-system-space.ts';
import { virtioNeeds } from '../support/initramfs-builder.ts';
import { read } from '../support/machine-facts.ts';
import { buildBoot, initramfsWithModules, type PreparedBoot } from '../support/prepared-boot.ts';

const MIB = 2 ** 20;
const GIB = 1024 * MIB;
/** Of the prepared kernel next to nothing, of this a MiB. */
const LARGE = { 'boot/initrd.img': encodeCpio([cpioFile('init', Buffer.alloc(MIB), 0o755)]) };

/** As of a file system of 100 GiB that has, besides what stays free, room for `bytes`. */
function withRoomFor<T>(bytes: number, work: () => T): T {
  return withSpace(100 * GIB, () => 256 * MIB + bytes, work);
}

/** The same, and what is removed from the cache makes room: each entry takes a MiB. */
function withRoomBeside<T>(boot: PreparedBoot, entries: number, work: () => T): T {
  const taken = () => readdirSync(boot.prepared).length;
  return withSpace(100 * GIB, () => 256 * MIB + (entries - taken()) * 1.5 * MIB, work);
}

test('an entry is made where it leaves the others enough, and not where it would take their last room', () => {
  using boot = buildBoot(LARGE);
  assert.throws(() => withRoomFor(0, () => boot.prepare()), /no room for what was prepared: it takes 1/);
  assert.equal(existsSync(boot.prepared) && readdirSync(boot.prepared).length > 0, false);
  assert.ok(withRoomFor(2 * MIB, () => boot.prepare()).record.initramfs !== null);
});

test('a small file system keeps a twentieth, and one without a size is not asked', () => {
  using boot = buildBoot();
  const space = (total: number, free: number) =>
    withSpace(
      total,
      () => free,
      () => makeRoom(boot.cache, 10 * MIB),
    );
  assert.equal(space(200 * MIB, 20 * MIB), undefined);
  assert.match(
    space(200 * MIB, 19 * MIB) ?? '',
    /^it takes 10\.0 MiB in .*prepared, where 19\.0 MiB are free and 10\.0 MiB shall stay so$/,
  );
  assert.equal(space(0, 0), undefined);
});

test('where there is room for the kernel alone, the initramfs is left out, with the reason, until there is more', () => {
  using boot = buildBoot(LARGE);
  const alone = withRoomFor(MIB / 2, () => boot.prepare());
  assert.ok(readPreparedKernel(alone) !== undefined);
  assert.equal(readPreparedInitramfs(alone), undefined);
  assert.match(alone.record.initramfsObstacle ?? '', /^it takes 1\.\d MiB in .* 256\.5 MiB are free/);
  const again = withRoomFor(MIB / 4, () => boot.prepare());
  assert.deepEqual([again.wasThere, again.folder], [true, alone.folder]);
  assert.match(again.record.initramfsObstacle ?? '', /256\.3 MiB are free/);
  const whole = withRoomFor(2 * MIB, () => boot.prepare());
  assert.equal(whole.wasThere, false);
  assert.ok(readPreparedInitramfs(whole) !== undefined);
  assert.equal(withRoomFor(0, () => boot.prepare()).folder, whole.folder, 'what is there is used');
});

test('as long as the initramfs is left out, the kernel alone is found whatever the machine needs of one', () => {
  using boot = buildBoot(initramfsWithModules(MIB));
  const prepare = (module: string) =>
    withRoomFor(MIB / 2, () =>
      boot.prepare({ needs: virtioNeeds({ loadedModules: read(new Set([module])) }) }),
    );
  assert.deepEqual(
    [prepare('tg3'), prepare('xfs')].map(({ wasThere }) => wasThere),
    [false, true],
  );
});

test('before anything is left out, entries go that fit no files any more', () => {
  using boot = buildBoot(LARGE);
  const other = `${boot.initrd}.other`;
  writeFileSync(other, encodeCpio([cpioFile('init', Buffer.alloc(MIB, 1), 0o755)]));
  const outdated = boot.prepare({ initrds: [other] });
  rmSync(other);
  const entry = withRoomBeside(boot, 1, () => boot.prepare());
  assert.ok(readPreparedInitramfs(entry) !== undefined);
  assert.equal(existsSync(outdated.folder), false);
});

test('then those go that would have to for the new one anyway', () => {
  using boot = buildBoot(initramfsWithModules(MIB));
  const withLoaded = (module: string) => ({
    needs: virtioNeeds({ loadedModules: read(new Set([module])) }),
  });
  const [first, second] = ['tg3', 'xfs'].map((module, index) =>
    boot.prepare(withLoaded(module), () => index),
  );
  const third = withRoomBeside(boot, 2, () => boot.prepare(withLoaded('sd_mod'), () => 2));
  assert.ok(readPreparedInitramfs(third) !== undefined);
  assert.deepEqual(
    [first, second, third].map((entry) => existsSync(entry!.folder)),
    [false, true, true],
  );
  assert.ok(statSync(join(third.folder, 'initrd.img')).size > MIB);
});
