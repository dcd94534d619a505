import assert from 'node:assert/strict';
import { mkdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { cpioFile, encodeCpio } from '../../src/formats/cpio-writer.ts';
import { armGuard, planGuard } from '../../src/guard/arm.ts';
import { armAgainPath } from '../../src/guard/armed-record.ts';
import { planCapture } from '../../src/guard/capture-plan.ts';
import { keepArmed, turnGuardOff } from '../../src/guard/guard.ts';
import { encodeGuardSettings, guardSettingsPath } from '../../src/guard/guard-settings.ts';
import { readGuardStatus } from '../../src/guard/guard-status.ts';
import type { GuardWorld } from '../../src/guard/world.ts';
import type { MachineFacts } from '../../src/machine/facts.ts';
import { chooseKernel } from '../../src/switch/choose-kernel.ts';
import { encodeHistoryEntry } from '../../src/switch/history.ts';
import { loadPlan } from '../../src/switch/load.ts';
import { historyPath } from '../../src/switch/state-paths.ts';
import { imageOf } from '../support/fixture-tree.ts';
import { arm, guarded, ID, NOWHERE, settingsFor, worldFor } from '../support/guarded-boot.ts';
import { segmentOf } from '../support/load-requests.ts';
import { absent, healthyMachine, read } from '../support/machine-facts.ts';
import { buildBoot } from '../support/prepared-boot.ts';

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

test('a capture that ends in the firmware takes no report home in memory, from no processor', async () => {
  using boot = buildBoot();
  using at = worldFor(boot);
  const settings = settingsFor(boot);
  const planned = await planGuard(at.world, settings, ID, NOWHERE);
  for (const ending of ['home', 'rescue', 'firmware'] as const) {
    const record = await armGuard(at.world, { ...planned, ending }, settings);
    const isHome = ending !== 'firmware';
    assert.deepEqual([record.reportInMemory, record.isHomeFromFirstOnly], [isHome, isHome], ending);
  }
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

test('in a loop with an older kernel a person is waited for where that cannot be started, but not in a trial', async () => {
  const initrd = encodeCpio([cpioFile('init', Buffer.from('#!'), 0o755)]);
  using boot = buildBoot({ 'boot/vmlinuz-old': imageOf('6.1.0-old'), 'boot/initrd.img-old': initrd });
  using at = worldFor(boot);
  const world: GuardWorld = {
    ...at.world,
    readNetworkPath: () => absent('/proc/net/route'),
    readProgramFiles: () => absent('busybox'),
  };
  const crash = (id: string) =>
    encodeHistoryEntry({
      ...{ version: 1, kind: 'crash', id, atMs: 1_700_000_000_000 },
      ...{ release: '6.12', summary: 'it died', fingerprint: 'f00', outcome: 'home-by-firmware' },
      ...{ arrivedRelease: '6.12', arrivedBootId: 'b', captureMs: 1, upMs: 2 },
    });
  for (const id of ['a', 'b']) world.files.append(historyPath(world.folders), crash(id));
  const settings = { ...settingsFor(boot), home: join(boot.root, 'boot/vmlinuz-old') };
  const planned = await planGuard(world, settings, ID, NOWHERE);
  const record = await armGuard(world, planned, settings);
  assert.deepEqual(
    [record.ending, record.staysWithoutHome, record.rescueShell, record.isHomeFromFirstOnly],
    ['home', true, false, true],
  );
  const initramfs = planned.plan.method === 'segments' && segmentOf(planned.plan, 'initrd').bytes;
  const note = '6.12 died 2 times within 60 min in the same way: it died.';
  assert.ok(Buffer.from(initramfs || '').includes(note), 'the program has what a person reads');
  const kernel = chooseKernel(world, guarded(), boot.image);
  const capture = await planCapture(world, guarded(), settings, kernel, NOWHERE);
  const ofTrial = await planGuard(world, settings, ID, NOWHERE, { capture });
  assert.deepEqual([ofTrial.ending, ofTrial.staysWithoutHome], ['home', false]);
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
