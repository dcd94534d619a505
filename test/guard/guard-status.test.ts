import assert from 'node:assert/strict';
import { mkdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { armGuard, planGuard } from '../../src/guard/arm.ts';
import { armAgainPath, armedRecordPath } from '../../src/guard/armed-record.ts';
import { keepArmed, turnGuardOff } from '../../src/guard/guard.ts';
import {
  DEFAULT_GUARD_SETTINGS,
  encodeGuardSettings,
  guardSettingsPath,
} from '../../src/guard/guard-settings.ts';
import { readGuardStatus } from '../../src/guard/guard-status.ts';
import type { MachineFacts } from '../../src/machine/facts.ts';
import { encodeHistoryEntry } from '../../src/switch/history.ts';
import { loadPlan } from '../../src/switch/load.ts';
import { historyPath } from '../../src/switch/state-paths.ts';
import { continuingWorld } from '../support/continuing-world.ts';
import { kernelCoreTree, type ShownImage } from '../support/kernel-core-tree.ts';
import { CRASH_RANGE, machineWithReservation, segmentOf } from '../support/load-requests.ts';
import { absent, healthyMachine, read } from '../support/machine-facts.ts';
import { buildBoot, type PreparedBoot } from '../support/prepared-boot.ts';
import { writeTree } from '../support/tree-builder.ts';

const ID = 'fedcba9876543210';
const NOWHERE = { state: 'nowhere', reason: 'there is no disk' } as const;

/** With the reservation of CRASH_RANGE, and a panic kernel in it. */
function guarded(over: Partial<MachineFacts> = {}): MachineFacts {
  const { kexec } = healthyMachine();
  const crashSize = read(CRASH_RANGE.end - CRASH_RANGE.start);
  return machineWithReservation({
    kexec: { ...kexec, crashSize, crashLoaded: read(true) },
    ...over,
  });
}

function settingsFor(boot: PreparedBoot) {
  return { ...DEFAULT_GUARD_SETTINGS, kernel: boot.image, home: boot.image };
}

/** @param clock ms since 1970; a millisecond goes by at each look unless told */
function worldFor(boot: PreparedBoot, clock?: () => number) {
  const folders = {
    root: boot.root,
    state: join(boot.root, 'state'),
    run: join(boot.root, 'run'),
    cache: boot.cache,
  };
  let nowMs = 1_700_000_000_000;
  return continuingWorld({}, guarded(), { folders, nowMs: clock ?? (() => nowMs++) });
}

async function arm(boot: PreparedBoot, world: ReturnType<typeof worldFor>['world']) {
  const settings = settingsFor(boot);
  const planned = await planGuard(world, settings, ID, NOWHERE);
  await armGuard(world, planned, settings);
  world.files.write(guardSettingsPath(world.folders), encodeGuardSettings(settings));
  return planned;
}

test('a capture is one program beside the way home, for a kernel that is told of none of it', async () => {
  using boot = buildBoot();
  using at = worldFor(boot);
  const { plan, home, ending } = await arm(boot, at.world);
  assert.equal(ending, 'home');
  assert.ok(home.state === 'planned' && plan.method === 'segments' && plan.slot === 'crash');
  const { address } = segmentOf(plan, 'home');
  for (const { type, start, end } of plan.memoryMap)
    assert.ok(type !== 'ram' || end <= address || start >= home.wayHome.region.end);
  assert.match(plan.commandLine, / nr_cpus=1 .* panic=1 /);
});

test('nothing is prepared for memory that is not reserved', async () => {
  using boot = buildBoot();
  using at = worldFor(boot);
  const { kexec } = healthyMachine();
  const bare = { ...guarded(), kexec: { ...kexec, crashSize: read(0n) } };
  await assert.rejects(planGuard({ ...at.world, readMachine: () => bare }, settingsFor(boot), ID, NOWHERE), {
    code: 'E_PLAN',
    message: /no memory is reserved/,
  });
  assert.deepEqual(at.remarks, [], 'no kernel was prepared');
});

test('status says armed only of what khop armed in this boot, unchanged, for this machine', async () => {
  using boot = buildBoot();
  using at = worldFor(boot);
  const { world } = at;
  const stateOf = (machine: MachineFacts) => readGuardStatus(world, machine);
  assert.equal(stateOf(guarded()).state, 'off');
  const { plan } = await arm(boot, world);
  assert.deepEqual(stateOf(guarded()).problems, []);
  assert.equal(stateOf(guarded()).state, 'armed');

  const { kexec, crash } = guarded();
  const cases: readonly [Partial<MachineFacts>, RegExp][] = [
    [{ kexec: { ...kexec, crashLoaded: read(false) } }, /no panic kernel is loaded/],
    [{ kexec: { ...kexec, crashLoaded: absent('/sys/kernel/kexec_crash_loaded') } }, /cannot be read/],
    [{ kexec: { ...kexec, crashSize: read(0n) } }, /no memory is reserved/],
    [{ bootId: read('another boot') }, /is not the guard’s/],
    [{ crash: { ...crash, cpuNotes: read([]) } }, /CPUs or memory/],
  ];
  for (const [over, problem] of cases) {
    const status = stateOf(guarded(over));
    assert.equal(status.state, 'not-armed', String(problem));
    assert.match(status.problems.join('; '), problem);
  }

  await loadPlan(world, plan, { by: 'khop load', optimisations: [] });
  assert.match(stateOf(guarded()).problems.join(), /loaded by khop load after/);
  await arm(boot, world);
  assert.equal(stateOf(guarded()).state, 'armed');
  writeFileSync(boot.image, 'another kernel');
  assert.match(stateOf(guarded()).problems.join(), /has changed since/);

  turnGuardOff(world);
  assert.equal(stateOf(guarded()).state, 'off');
  assert.deepEqual(at.calls.slice(-1), ['unload crash']);
});

test('what changes while the guard is armed does not count as what it was made of', async () => {
  using boot = buildBoot();
  using at = worldFor(boot);
  const [one, two] = [guarded(), guarded({ crash: { ...guarded().crash, cpuNotes: read([]) } })];
  let machine = one;
  const world = { ...at.world, readMachine: () => machine };
  const settings = settingsFor(boot);
  const planned = await planGuard(world, settings, ID, NOWHERE);
  world.files.write(guardSettingsPath(world.folders), encodeGuardSettings(settings));
  writeFileSync(boot.image, 'another kernel');
  machine = two;
  await armGuard(world, planned, settings);
  const { state, problems } = readGuardStatus(world, machine);
  assert.equal(state, 'not-armed');
  assert.match(problems.join('; '), /vmlinuz has changed since; CPUs or memory were added/);
});

test('arming begins anew when a CPU came meanwhile, and gives up when that does not end', async () => {
  for (const [changes, armings] of [
    [1, 2],
    [9, 3],
  ] as const) {
    using boot = buildBoot();
    using at = worldFor(boot);
    let done = 0;
    const { crash } = guarded();
    const world = {
      ...at.world,
      readReportPlace: () => absent('/var/lib/khop'),
      readMachine: () =>
        guarded({ crash: { ...crash, cpuNotes: read([{ cpu: done, address: 0x3e21_a000n, size: 400n }]) } }),
      kexec: {
        ...at.world.kexec,
        segmentsLoad: async (request: Parameters<typeof at.world.kexec.segmentsLoad>[0]) => {
          await at.world.kexec.segmentsLoad(request);
          if (done < changes) done += 1;
        },
      },
    };
    world.files.write(guardSettingsPath(world.folders), encodeGuardSettings(settingsFor(boot)));
    const outcome = keepArmed(world);
    if (changes === 9) await assert.rejects(outcome, { code: 'E_BUSY', message: /CPUs or memory/ });
    else {
      const { did } = await outcome;
      assert.deepEqual([did, readGuardStatus(world, world.readMachine()).state], ['armed', 'armed']);
    }
    assert.equal(at.calls.filter((call) => call.startsWith('load')).length, armings);
  }
});

test('what was armed because of a loop is armed as usual once the window is over, and not before', async () => {
  using boot = buildBoot();
  let nowMs = 1_700_000_000_000;
  using at = worldFor(boot, () => nowMs);
  const world = {
    ...at.world,
    readReportPlace: () => absent('/var/lib/khop'),
    readNetworkPath: () => absent('/proc/net/route'),
    readProgramFiles: () => absent('busybox'),
  };
  const crash = (minutesAgo: number) =>
    encodeHistoryEntry({
      ...{ version: 1, kind: 'crash', id: `crash-${minutesAgo}`, atMs: nowMs - minutesAgo * 60_000 },
      ...{ release: '6.1', summary: 'it died', fingerprint: 'f00', outcome: 'home-by-kexec' },
      ...{ arrivedRelease: '6.1', arrivedBootId: 'b', captureMs: 1, upMs: 2 },
    });
  world.files.append(historyPath(world.folders), crash(20));
  world.files.append(historyPath(world.folders), crash(10));
  const settings = settingsFor(boot);
  const planned = await planGuard(world, settings, ID, NOWHERE);
  const { loopReason } = await armGuard(world, planned, settings);
  world.files.write(guardSettingsPath(world.folders), encodeGuardSettings(settings));
  assert.match(loopReason ?? '', /6\.1 died 2 times within 60 min/);
  const isLookedAtAgain = () => world.files.read(armAgainPath(world.folders)) !== undefined;
  assert.ok(isLookedAtAgain());

  nowMs += 39 * 60_000;
  assert.deepEqual(await keepArmed(world), { did: 'nothing', because: 'armed' });
  nowMs += 2 * 60_000;
  const outcome = await keepArmed(world);
  assert.ok(outcome.did === 'armed');
  assert.match(outcome.because.join(), /no loop any more/);
  assert.deepEqual(
    [outcome.record.loopReason, outcome.record.ending, isLookedAtAgain()],
    [null, 'home', false],
  );
});

test('a network that was not up when the guard was armed is asked for again, a disk that is not there is not', async () => {
  using boot = buildBoot();
  using at = worldFor(boot);
  const { world } = at;
  const http = { kind: 'http', host: 'logs', port: 80, path: '/' } as const;
  for (const [to, isAgain] of [
    [http, true],
    [{ kind: 'folder' } as const, false],
  ] as const) {
    const settings = { ...settingsFor(boot), to };
    await armGuard(world, await planGuard(world, settings, ID, NOWHERE), settings);
    assert.equal(world.files.read(armAgainPath(world.folders)) !== undefined, isAgain);
  }
  world.files.write(armAgainPath(world.folders), '');
  turnGuardOff(world);
  assert.equal(world.files.read(armAgainPath(world.folders)), undefined);
});

test('a kdump that starts later may have replaced the panic kernel, one that started before has not', async () => {
  using boot = buildBoot();
  using at = worldFor(boot);
  const { world } = at;
  const folder = join(boot.root, 'run/systemd/units');
  mkdirSync(folder, { recursive: true });
  const start = (unit: string, id: string) => {
    rmSync(join(folder, `invocation:${unit}`), { force: true });
    symlinkSync(id, join(folder, `invocation:${unit}`));
  };
  const statusNow = () => readGuardStatus(world, guarded());
  start('kdump-tools.service', '00112233445566778899aabbccddeeff');
  await arm(boot, world);
  assert.equal(statusNow().state, 'armed');
  start('kdump-tools.service', 'ffeeddccbbaa99887766554433221100');
  assert.equal(statusNow().state, 'not-armed');
  assert.match(statusNow().problems.join(), /^kdump-tools\.service was started after the guard was armed/);
  await arm(boot, world);
  assert.equal(statusNow().state, 'armed');
  start('kdump.service', '0123456789abcdef0123456789abcdef');
  assert.match(statusNow().problems.join(), /^kdump\.service was started/);
});

/** A kernel that shows what was loaded last, as /proc/kallsyms and /proc/kcore do. */
function showing(boot: PreparedBoot, at: ReturnType<typeof worldFor>) {
  const show = (image: ShownImage) => writeTree(boot.root, kernelCoreTree(image));
  show({ imageAt: 0n });
  let loads = 0;
  const kexec = {
    ...at.world.kexec,
    segmentsLoad: async (request: Parameters<typeof at.world.kexec.segmentsLoad>[0]) => {
      await at.world.kexec.segmentsLoad(request);
      loads += 1;
      show({ ...request, bufferAt: 0x7f00_0000_0000n + BigInt(loads << 12) });
    },
  };
  const world = { ...at.world, kexec, readReportPlace: () => absent('/var/lib/khop') };
  const statusNow = () => readGuardStatus(world, guarded());
  return { world, show, statusNow };
}

test('a panic kernel that another program has loaded is not the guard’s, and the guard is armed again', async () => {
  using boot = buildBoot();
  using at = worldFor(boot);
  const { world, show, statusNow } = showing(boot, at);
  await arm(boot, world);
  assert.deepEqual([statusNow().state, statusNow().unproven], ['armed', null]);
  assert.deepEqual(await keepArmed(world), { did: 'nothing', because: 'armed' });

  // In the memory of the same struct, and to the same place.
  show({ segments: [{ address: CRASH_RANGE.start, memorySize: 4096, bytes: new Uint8Array(100) }] });
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

test('who loads a panic kernel right after the guard loses to it, but no kernel is taken for the guard’s unseen', async () => {
  for (const [others, armings, unproven] of [
    [1, 2, null],
    [9, 3, 'the kernel does not show the segments that khop loaded'],
  ] as const) {
    using boot = buildBoot();
    using at = worldFor(boot);
    const { world, show, statusNow } = showing(boot, at);
    let loads = 0;
    const segmentsLoad: typeof world.kexec.segmentsLoad = async (request) => {
      await world.kexec.segmentsLoad(request);
      loads += 1;
      if (loads <= others) show({ entry: 7n });
    };
    world.files.write(guardSettingsPath(world.folders), encodeGuardSettings(settingsFor(boot)));
    const { did } = await keepArmed({ ...world, kexec: { ...world.kexec, segmentsLoad } });
    const { state, ...status } = statusNow();
    assert.deepEqual([did, loads, state, status.unproven], ['armed', armings, 'armed', unproven]);
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
