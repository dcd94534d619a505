import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test } from 'node:test';
import { KhopError } from '../../src/error.ts';
import { armGuard, planGuard } from '../../src/guard/arm.ts';
import { continuationPath, decodeContinuation } from '../../src/guard/continuation.ts';
import { keepArmed } from '../../src/guard/guard.ts';
import {
  DEFAULT_GUARD_SETTINGS,
  encodeGuardSettings,
  guardSettingsPath,
} from '../../src/guard/guard-settings.ts';
import type { GuardWorld } from '../../src/guard/world.ts';
import type { MachineFacts } from '../../src/machine/facts.ts';
import { kernelArguments } from '../../src/plan/command-line.ts';
import { continuingMachine, continuingWorld } from '../support/continuing-world.ts';
import { CRASH_RANGE, machineWithReservation, segmentOf } from '../support/load-requests.ts';
import { healthyMachine, read } from '../support/machine-facts.ts';
import { buildBoot, type PreparedBoot } from '../support/prepared-boot.ts';

const ID = 'fedcba9876543210';
/** A capture’s place for reports is none of its. */
const NOWHERE = { state: 'nowhere', reason: '' } as const;
const RUNNING =
  'root=/dev/vda1 ro console=ttyS0 crashkernel=512M resume=/dev/vda2 khop.guard=0123456789abcdef';

/** Reserved memory of that size from CRASH_RANGE on. */
function reserving(bytes: bigint): MachineFacts {
  const range = { start: CRASH_RANGE.start, end: CRASH_RANGE.start + bytes };
  return machineWithReservation({
    commandLine: read(RUNNING),
    iomem: read([
      { name: 'System RAM', start: 0x1000n, end: 0x9_fc00n, children: [] },
      {
        name: 'System RAM',
        start: 0x10_0000n,
        end: 0x7ffd_c000n,
        children: [{ name: 'Crash kernel', ...range, children: [] }],
      },
    ]),
    kexec: { ...healthyMachine().kexec, crashSize: read(bytes), crashLoaded: read(true) },
  });
}

function settingsFor(boot: PreparedBoot) {
  return { ...DEFAULT_GUARD_SETTINGS, mode: 'continue', kernel: boot.image, home: boot.image } as const;
}

function worldFor(boot: PreparedBoot, machine: MachineFacts, over: Partial<GuardWorld> = {}) {
  const folders = {
    root: boot.root,
    state: join(boot.root, 'state'),
    run: join(boot.root, 'run'),
    cache: boot.cache,
  };
  return continuingWorld({}, machine, { folders, ...over });
}

test('the panic kernel is the system’s own, entered directly, with its command line for little memory', async () => {
  using boot = buildBoot();
  using at = worldFor(boot, reserving(448n << 20n));
  const { plan, home, continuing } = await planGuard(at.world, settingsFor(boot), ID, NOWHERE);
  assert.ok(plan.method === 'segments' && plan.slot === 'crash');
  assert.equal(plan.directEntry?.isUsed, true);
  const names = kernelArguments(plan.commandLine).map(({ name }) => name);
  assert.match(plan.commandLine, /^root=\/dev\/vda1 ro console=ttyS0 /);
  assert.ok(plan.commandLine.includes(` nr_cpus=1 `) && plan.commandLine.includes(` khop.continue=${ID} `));
  for (const name of ['crashkernel', 'resume', 'khop.guard']) assert.ok(!names.includes(name), name);
  assert.ok(names.includes('elfcorehdr'));
  assert.ok(home.state === 'planned');
  const kept = segmentOf(plan, 'home');
  assert.equal(kept.address, home.wayHome.region.start);
  for (const { type, start, end } of plan.memoryMap)
    assert.ok(type !== 'ram' || end <= kept.address || start >= home.wayHome.region.end);
  assert.ok(continuing !== undefined && continuing.memoryBytes > 192 << 20);
});

test('one preparation serves the panic kernel, the way home and the question of how much memory', async () => {
  using boot = buildBoot();
  const remarks: string[] = [];
  const remark = (text: string) => void remarks.push(text);
  using at = worldFor(boot, reserving(448n << 20n), { remark });
  await planGuard(at.world, settingsFor(boot), ID, NOWHERE);
  assert.deepEqual(remarks, ['This kernel was not prepared yet for this machine as it is now; done.']);
});

test('what may keep it from serving is said when the guard is armed', async () => {
  using boot = buildBoot();
  const machine = {
    ...reserving(448n << 20n),
    memoryAvailableBytes: read(1200n << 20n),
    crypttab: read(['root UUID=1 none luks']),
  };
  using at = worldFor(boot, machine);
  const { continuing } = await planGuard(at.world, settingsFor(boot), ID, NOWHERE);
  assert.equal(continuing?.warnings.length, 2);
  using calm = worldFor(boot, { ...machine, memoryAvailableBytes: read(2000n << 20n), crypttab: read([]) });
  assert.deepEqual((await planGuard(calm.world, settingsFor(boot), ID, NOWHERE)).continuing?.warnings, []);
});

test('arming leaves how to start the kernel that waits, and says what there will be', async () => {
  using boot = buildBoot();
  using at = worldFor(boot, reserving(448n << 20n));
  const settings = settingsFor(boot);
  const planned = await planGuard(at.world, settings, ID, NOWHERE);
  const record = await armGuard(at.world, planned, settings);
  assert.equal(record.mode, 'continue');
  assert.equal(record.reportInMemory, false);
  assert.equal(record.reportObstacle, null);
  assert.deepEqual(record.inputs.map(({ path }) => path).toSorted(), [boot.initrd, boot.image].toSorted());
  const path = continuationPath(at.world.folders);
  const continuation = decodeContinuation(at.world.files.read(path) ?? '', path);
  assert.equal(continuation.id, ID);
  assert.ok(planned.home.state === 'planned');
  assert.deepEqual(
    Buffer.from(continuation.home?.stub ?? '', 'base64'),
    Buffer.from(planned.home.wayHome.stub.bytes),
  );
});

test('what is armed to go on needs no place for reports, and is not armed again for one', async () => {
  using boot = buildBoot();
  using at = worldFor(boot, reserving(448n << 20n));
  const settings = settingsFor(boot);
  await armGuard(at.world, await planGuard(at.world, settings, ID, NOWHERE), settings);
  at.world.files.write(guardSettingsPath(at.world.folders), encodeGuardSettings(settings));
  assert.deepEqual(await keepArmed(at.world), { did: 'nothing', because: 'armed' });
});

test('a reservation for a capture is too small to go on in, and how to get more is said', async () => {
  using boot = buildBoot();
  using at = worldFor(boot, reserving(160n << 20n));
  await assert.rejects(
    planGuard(at.world, settingsFor(boot), ID, NOWHERE),
    (error: unknown) =>
      error instanceof KhopError && error.code === 'E_PLAN' && /--memory auto/.test(error.hint ?? ''),
  );
});

test('a system that goes on after a panic is not guarded again', async () => {
  using at = continuingWorld(undefined, continuingMachine());
  await assert.rejects(
    planGuard(at.world, { ...DEFAULT_GUARD_SETTINGS, mode: 'continue' }, ID, NOWHERE),
    (error: unknown) => error instanceof KhopError && error.code === 'E_REFUSED',
  );
});
