import assert from 'node:assert/strict';
import { mkdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { armedRecordPath } from '../../src/guard/armed-record.ts';
import { turnGuardOff } from '../../src/guard/guard.ts';
import { readGuardStatus } from '../../src/guard/guard-status.ts';
import type { GuardWorld } from '../../src/guard/world.ts';
import { loadPlan } from '../../src/switch/load.ts';
import { loadedRecordPath } from '../../src/switch/state-paths.ts';
import { arm, guarded, worldFor } from '../support/guarded-boot.ts';
import { kernelCoreTree, type ShownImage } from '../support/kernel-core-tree.ts';
import { CRASH_RANGE } from '../support/load-requests.ts';
import { read } from '../support/machine-facts.ts';
import { buildBoot, type PreparedBoot } from '../support/prepared-boot.ts';
import { writeTree } from '../support/tree-builder.ts';

type Boot = PreparedBoot & { readonly world: GuardWorld };

/** Turns an armed guard off after `meanwhile`: whether its kernel was unloaded, or why it was left. */
async function turnOffAfter(meanwhile: (boot: Boot) => unknown, isShown = true): Promise<string> {
  using boot = buildBoot();
  using at = worldFor(boot);
  const kexec: GuardWorld['kexec'] = {
    ...at.world.kexec,
    segmentsLoad: async (request) => {
      await at.world.kexec.segmentsLoad(request);
      if (isShown) show(boot, request);
    },
  };
  if (isShown) show(boot, { imageAt: 0n });
  const world = { ...at.world, kexec };
  await arm(boot, world);
  await meanwhile({ ...boot, world });
  const left = turnGuardOff(world);
  assert.equal(readGuardStatus(world, guarded()).state, 'off');
  const isUnloaded = at.calls.includes('unload crash');
  assert.equal(isUnloaded, left === undefined);
  return left ?? 'unloaded';
}

function show(boot: PreparedBoot, image: ShownImage): void {
  writeTree(boot.root, kernelCoreTree(image));
}

function showOther(boot: PreparedBoot): void {
  show(boot, {
    segments: [{ address: CRASH_RANGE.start, memorySize: 4096, bytes: new Uint8Array(100) }],
  });
}

function startKdump({ root }: PreparedBoot): void {
  mkdirSync(join(root, 'run/systemd/units'), { recursive: true });
  symlinkSync('00112233445566778899aabbccddeeff', join(root, 'run/systemd/units/invocation:kdump.service'));
}

/** What `khop load --panic` leaves. */
async function loadByHand({ world, ...boot }: Boot): Promise<void> {
  const { plan } = await arm(boot, world);
  await loadPlan(world, plan, { by: 'khop load', optimisations: [] });
}

test('the guard unloads its own panic kernel, and leaves one that the kernel or the records show to be another', async () => {
  assert.equal(await turnOffAfter(() => {}), 'unloaded');
  assert.match(await turnOffAfter(showOther), /^another panic kernel was loaded after the guard was armed$/);
  assert.match(await turnOffAfter(loadByHand, false), /^the panic kernel was loaded by khop load after/);
  assert.match(await turnOffAfter(startKdump, false), /^kdump\.service was started after/);
});

test('what the kernel shows to be the guard’s is unloaded, whatever was started meanwhile', async () => {
  assert.equal(await turnOffAfter(startKdump), 'unloaded');
});

test('where the kernel shows nobody what is loaded, what the records say is the guard’s is unloaded', async () => {
  assert.equal(await turnOffAfter(() => {}, false), 'unloaded');
  assert.equal(await turnOffAfter(({ root }) => rmSync(join(root, 'proc/kcore'))), 'unloaded');
});

test('where nothing or nothing that can be read says whose it is, it is left, and none that is loaded is no matter', async () => {
  const damage = (path: (folders: GuardWorld['folders']) => string) => (boot: Boot) =>
    writeFileSync(path(boot.world.folders), '{');
  assert.match(await turnOffAfter(damage(armedRecordPath), false), /guard\.json/);
  assert.match(
    await turnOffAfter(
      damage((folders) => loadedRecordPath(folders, 'crash')),
      false,
    ),
    /loaded-crash/,
  );
  const forget = ({ world }: Boot) => {
    world.files.remove(armedRecordPath(world.folders));
    world.files.remove(loadedRecordPath(world.folders, 'crash'));
  };
  assert.equal(await turnOffAfter(forget), 'the panic kernel that is loaded is not the guard’s');
  using boot = buildBoot();
  using at = worldFor(boot);
  const { kexec } = guarded();
  const bare = guarded({ kexec: { ...kexec, crashLoaded: read(false) } });
  assert.equal(turnGuardOff({ ...at.world, readMachine: () => bare }), undefined);
});

test('an arming that was interrupted right after the load has loaded the guard’s panic kernel', async () => {
  const interrupt = ({ world }: Boot) => world.files.remove(armedRecordPath(world.folders));
  assert.equal(await turnOffAfter(interrupt, false), 'unloaded');
});

test('a panic kernel that another command of khop has loaded is not the guard’s, also where the clock went back', async () => {
  using boot = buildBoot();
  let nowMs = 1_700_000_000_000;
  using at = worldFor(boot, () => nowMs);
  const { plan } = await arm(boot, at.world);
  assert.equal(readGuardStatus(at.world, guarded()).state, 'armed');
  nowMs -= 3_600_000;
  await loadPlan(at.world, plan, { by: 'khop load', optimisations: [] });
  const { state, problems } = readGuardStatus(at.world, guarded());
  assert.deepEqual(
    [state, problems],
    ['not-armed', ['the panic kernel was loaded by khop load after the guard was armed']],
  );
});
