import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { MachineFacts } from '../../src/machine/facts.ts';
import { valueOf } from '../../src/machine/reading.ts';
import { concludeSwitch } from '../../src/switch/arrive.ts';
import { usedOptimisations } from '../../src/switch/fast.ts';
import type { SwitchHistoryEntry } from '../../src/switch/history.ts';
import { loadPlan, readLoadedRecord } from '../../src/switch/load.ts';
import type { LoadedRecord } from '../../src/switch/loaded-record.ts';
import { agreedPlan, type ProposalOptions, planOf, propose } from '../../src/switch/proposal.ts';
import { proposeLoad } from '../../src/switch/propose-load.ts';
import { readHistory } from '../../src/switch/read-history.ts';
import { arrivedPath, keptLoadPath } from '../../src/switch/state-paths.ts';
import { jumpToLoaded, requireOne } from '../../src/switch/switch-loaded.ts';
import type { SwitchWorld } from '../../src/switch/world.ts';
import { healthyMachine, read } from '../support/machine-facts.ts';
import { buildBoot, type PreparedBoot } from '../support/prepared-boot.ts';
import { quietWorld } from '../support/switch-world.ts';

const LEFT_AT_MS = 1_700_000_000_000;
const UP_MS = 5000;

test('a jump is to a kernel or to what is loaded, and a dry run never jumps', () => {
  for (const [selector, isLoaded, isDryRun] of [
    [undefined, false, false],
    ['6.12', true, false],
    [undefined, true, true],
  ] as const)
    assert.throws(() => requireOne(selector, isLoaded, isDryRun), { code: 'E_USAGE' });
  requireOne('6.12', false, true);
  requireOne(undefined, true);
});

/** A machine whose slot takes what is given to it. */
function worldOf(boot: PreparedBoot, over: Partial<SwitchWorld> = {}): SwitchWorld {
  const quiet = quietWorld(boot.root);
  const { kexec } = healthyMachine();
  return {
    ...quiet,
    readMachine: () => healthyMachine({ kexec: { ...kexec, loaded: read(true) } }),
    kexec: { ...quiet.kexec, fileLoad: async () => {}, segmentsLoad: async () => {} },
    shutdown: {
      ...quiet.shutdown,
      syncAhead: async () => undefined,
      sayLeaving: () => undefined,
      now: async () => undefined,
    },
    ...over,
  };
}

/** As `khop load` does it, or as `kexec -l` does. */
async function load(
  world: SwitchWorld,
  boot: PreparedBoot,
  by: 'khop load' | 'kexec',
  options: ProposalOptions = {},
) {
  const all = { commandLine: 'root=/dev/vda1 quiet', initrd: [boot.initrd], ...options };
  const proposal = (by === 'kexec' ? propose : proposeLoad)(world, boot.image, all);
  return await loadPlan(world, agreedPlan(proposal), {
    by,
    optimisations: usedOptimisations(proposal.optimisations),
  });
}

/** The next boot, 2 s after the way down began, and what it says of the switch that led to it. */
function arrive(world: SwitchWorld, machine: Partial<MachineFacts>): SwitchHistoryEntry | undefined {
  const next = { ...world, nowMs: () => LEFT_AT_MS + 2000 + UP_MS };
  return concludeSwitch(
    next,
    healthyMachine({ bootId: read('next-boot'), uptimeMs: read(UP_MS), ...machine }),
  );
}

/** Jumps to what is loaded. */
async function leave(world: SwitchWorld): Promise<LoadedRecord> {
  return await jumpToLoaded(world, 'now', async () => undefined);
}

for (const options of [{}, { fast: true }] as const)
  test(`a kernel that was loaded first and jumped to later has arrived (${JSON.stringify(options)})`, async () => {
    using boot = buildBoot();
    const world = worldOf(boot);
    await load(world, boot, 'khop load', options);
    assert.notEqual(world.files.read(keptLoadPath(world.folders)), undefined);
    const { commandLine, release, optimisations } = await leave(world);
    assert.equal(world.files.read(keptLoadPath(world.folders)), undefined, 'its ticket tells how it ends');
    const entry = arrive(world, { commandLine: read(commandLine), release: read(release ?? '') });
    assert.deepEqual(
      [entry?.outcome, entry?.downMs, entry?.upMs, entry?.optimisations],
      ['arrived', 2000, UP_MS, optimisations],
    );
    assert.equal(world.files.read(arrivedPath(world.folders)), `${entry?.id}\n`, 'nothing is measured');
  });

test('a kernel that was loaded first and did not come up has not arrived', async () => {
  using boot = buildBoot();
  const world = worldOf(boot);
  const { release } = await load(world, boot, 'khop load');
  await leave(world);
  const entry = arrive(world, {
    commandLine: read('root=/dev/vda1 quiet'),
    release: read(release ?? ''),
  });
  assert.deepEqual([entry?.outcome, entry?.upMs], ['elsewhere', null]);
});

test('a panic kernel is no end of a switch, so it gets no id of one', () => {
  using boot = buildBoot();
  const { plan } = proposeLoad(worldOf(boot), boot.image, { panic: true, method: 'file' });
  assert.doesNotMatch(plan?.commandLine ?? '', /khop\.switch/);
  assert.match(planOf(proposeLoad(worldOf(boot), boot.image, {})).commandLine, /khop\.switch=[0-9a-f]{16}$/);
});

test('what kexec loaded has arrived unless something contradicts it', async () => {
  const loaded = 'root=/dev/vda1 quiet';
  for (const [commandLine, isSameRelease, outcome] of [
    [loaded, true, 'arrived'],
    [`built=in ${loaded}`, true, 'arrived'],
    [loaded, false, 'elsewhere'],
    [`BOOT_IMAGE=/vmlinuz ${loaded}`, true, 'elsewhere'],
    [`${loaded} elfcorehdr=0x1000`, true, 'elsewhere'],
    [`${loaded} khop.switch=0123456789abcdef`, true, 'elsewhere'],
    ['root=/dev/vda1', true, 'elsewhere'],
  ] as const) {
    using boot = buildBoot();
    const world = worldOf(boot);
    const { release } = await load(world, boot, 'kexec');
    await leave(world);
    const entry = arrive(world, {
      commandLine: read(commandLine),
      release: read(isSameRelease ? (release ?? '') : '5.10.0'),
    });
    assert.equal(entry?.outcome, outcome, commandLine);
  }
});

test('a kernel that stayed loaded when its switch was given up can arrive with the next one', async () => {
  using boot = buildBoot();
  const clock = { ms: LEFT_AT_MS - 60_000 };
  const quiet = worldOf(boot, { nowMs: () => clock.ms });
  await load(quiet, boot, 'khop load');
  const refuse = (): never => {
    throw new Error('busy');
  };
  const failing: SwitchWorld = {
    ...quiet,
    shutdown: { ...quiet.shutdown, now: async () => refuse() },
    kexec: { ...quiet.kexec, unload: refuse },
  };
  await assert.rejects(leave(failing), /busy/);
  clock.ms = LEFT_AT_MS;
  const { commandLine } = await leave(quiet);
  arrive(quiet, { commandLine: read(commandLine) });
  const outcomes = readHistory(quiet).entries.flatMap((entry) =>
    entry.kind === 'switch' ? [entry.outcome] : [],
  );
  assert.deepEqual(outcomes, ['abandoned', 'arrived']);
  assert.notEqual(readLoadedRecord(quiet, 'normal', valueOf(healthyMachine().bootId)), undefined);
});
