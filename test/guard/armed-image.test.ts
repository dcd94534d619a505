import assert from 'node:assert/strict';
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { armedRecordPath } from '../../src/guard/armed-record.ts';
import { keepArmed } from '../../src/guard/guard.ts';
import { encodeGuardSettings, guardSettingsPath } from '../../src/guard/guard-settings.ts';
import { readGuardStatus } from '../../src/guard/guard-status.ts';
import { arm, guarded, settingsFor, worldFor } from '../support/guarded-boot.ts';
import { kernelCoreTree, type ShownImage } from '../support/kernel-core-tree.ts';
import { CRASH_RANGE } from '../support/load-requests.ts';
import { absent } from '../support/machine-facts.ts';
import { buildBoot, type PreparedBoot } from '../support/prepared-boot.ts';
import { writeTree } from '../support/tree-builder.ts';

/** What another program has loaded. */
const OTHERS = {
  segments: [{ address: CRASH_RANGE.start, memorySize: 4096, bytes: new Uint8Array(100) }],
} as const;

/**
 * A kernel that shows what was loaded last, as /proc/kallsyms and /proc/kcore do.
 * @param other what it shows instead after so many loads of khop's
 */
function showing(
  boot: PreparedBoot,
  at: ReturnType<typeof worldFor>,
  other: (loads: number) => ShownImage | undefined = () => undefined,
) {
  const show = (image: ShownImage) => writeTree(boot.root, kernelCoreTree(image));
  show({ imageAt: 0n });
  let loads = 0;
  const kexec = {
    ...at.world.kexec,
    segmentsLoad: async (request: Parameters<typeof at.world.kexec.segmentsLoad>[0]) => {
      await at.world.kexec.segmentsLoad(request);
      loads += 1;
      show(other(loads) ?? { ...request, bufferAt: 0x7f00_0000_0000n + BigInt(loads << 12) });
    },
  };
  const world = { ...at.world, kexec, readReportPlace: () => absent('/var/lib/khop') };
  const statusNow = () => readGuardStatus(world, guarded());
  return { world, show, statusNow, loads: () => loads };
}

test('a panic kernel that another program has loaded is not the guard’s, and the guard is armed again', async () => {
  using boot = buildBoot();
  using at = worldFor(boot);
  const { world, show, statusNow } = showing(boot, at);
  await arm(boot, world);
  assert.deepEqual([statusNow().state, statusNow().unproven], ['armed', null]);
  assert.deepEqual(await keepArmed(world), { did: 'nothing', because: 'armed' });

  // In the memory of the same struct, and to the same place.
  show(OTHERS);
  assert.equal(statusNow().state, 'not-armed');
  assert.match(statusNow().problems.join(), /^another panic kernel was loaded after the guard was armed$/);
  assert.equal(statusNow().unproven, null);

  const outcome = await keepArmed(world);
  assert.ok(outcome.did === 'armed');
  assert.match(outcome.because.join(), /another panic kernel/);
  assert.equal(statusNow().state, 'armed');
  assert.deepEqual(await keepArmed(world), { did: 'nothing', because: 'armed' });
});

test('where the kernel shows nobody what is loaded, the guard is armed once, and says that nobody can prove it', async () => {
  using boot = buildBoot();
  using at = worldFor(boot);
  const { world, statusNow } = showing(boot, at);
  await arm(boot, world);
  rmSync(join(boot.root, 'proc/kcore'));
  assert.equal(statusNow().state, 'not-armed');
  assert.match(statusNow().problems.join(), /cannot be seen any more: \/proc\/kcore does not exist$/);

  const blind = { ...world, kexec: at.world.kexec };
  const outcome = await keepArmed(blind);
  assert.ok(outcome.did === 'armed');
  assert.equal(outcome.record.imageDigest, null);
  const { state, problems, unproven } = statusNow();
  assert.deepEqual([state, problems, unproven], ['armed', [], '/proc/kcore does not exist']);
  assert.deepEqual(await keepArmed(blind), { did: 'nothing', because: 'armed' });
});

test('who loads a panic kernel right after the guard loses to it, or goes on and is said to have won', async () => {
  for (const [others, armings] of [
    [1, 2],
    [9, 3],
  ] as const) {
    using boot = buildBoot();
    using at = worldFor(boot);
    const { world, statusNow, loads } = showing(boot, at, (count) => (count <= others ? OTHERS : undefined));
    world.files.write(guardSettingsPath(world.folders), encodeGuardSettings(settingsFor(boot)));
    const outcome = keepArmed(world);
    if (others === 1) assert.equal((await outcome).did, 'armed');
    else await assert.rejects(outcome, { code: 'E_BUSY', message: /another panic kernel was loaded right/ });
    const { state, problems, unproven } = statusNow();
    assert.deepEqual(
      [loads(), state, problems, unproven],
      others === 1
        ? [armings, 'armed', [], null]
        : [armings, 'not-armed', ['another panic kernel was loaded right after the guard’s'], null],
    );
  }
});

test('a kernel that keeps segments where khop does not know them has the guard armed once, and not proven', async () => {
  const [page] = OTHERS.segments;
  for (const unknown of [
    {},
    { segments: Array.from({ length: 17 }, () => page) },
    { segments: [page, { ...page, address: page.address + 8n }] },
    { segments: [page, { ...page, memorySize: 100 }] },
    { segments: [page, { ...page, memorySize: 0, bytes: new Uint8Array() }] },
    { segments: [page, { ...page, bytes: new Uint8Array(4097) }] },
  ]) {
    using boot = buildBoot();
    using at = worldFor(boot);
    // Each load is another one.
    const { world, statusNow, loads } = showing(boot, at, (count) => ({ ...unknown, entry: BigInt(count) }));
    world.files.write(guardSettingsPath(world.folders), encodeGuardSettings(settingsFor(boot)));
    await keepArmed(world);
    const { state, unproven } = statusNow();
    assert.deepEqual(
      [loads(), state, unproven],
      [1, 'armed', 'the kernel does not show the segments that khop loaded'],
    );
  }
});

test('what is loaded while an arming is written down is never taken for the guard’s', async () => {
  using boot = buildBoot();
  using at = worldFor(boot);
  const { world, show, statusNow } = showing(boot, at);
  let own: ShownImage | undefined;
  const kexec: typeof world.kexec = {
    ...world.kexec,
    segmentsLoad: async (request) => {
      await world.kexec.segmentsLoad(request);
      own = request;
    },
  };
  // To the very same places, once.
  const readMachine = () => {
    if (own !== undefined) show({ ...own, entry: 7n });
    own = undefined;
    return guarded();
  };
  await arm(boot, { ...world, kexec, readMachine });
  assert.equal(statusNow().state, 'not-armed');
  assert.match(statusNow().problems.join(), /^another panic kernel was loaded after the guard was armed$/);

  let loads = 0;
  const once: typeof kexec.segmentsLoad = async (request) => {
    loads += 1;
    await (loads === 1 ? kexec : world.kexec).segmentsLoad(request);
  };
  const { did } = await keepArmed({ ...world, kexec: { ...kexec, segmentsLoad: once }, readMachine });
  assert.deepEqual([did, loads, statusNow().state, statusNow().unproven], ['armed', 2, 'armed', null]);
});

test('what an older khop has armed is armed, and not proven', async () => {
  using boot = buildBoot();
  using at = worldFor(boot);
  const { world, statusNow } = showing(boot, at);
  await arm(boot, world);
  const path = armedRecordPath(world.folders);
  const { imageDigest, imageObstacle, ...older } = JSON.parse(world.files.read(path) ?? '');
  assert.deepEqual([typeof imageDigest, imageObstacle], ['string', null]);
  world.files.write(path, JSON.stringify(older));
  assert.deepEqual([statusNow().state, statusNow().unproven], ['armed', 'an older khop armed it']);
});
