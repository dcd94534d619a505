import assert from 'node:assert/strict';
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { KhopError } from '../../src/error.ts';
import { encodeLoadedRecord, type LoadedRecord } from '../../src/switch/loaded-record.ts';
import { loadedRecordPath } from '../../src/switch/state-paths.ts';
import { firstLookPath, watchNet } from '../../src/trial/watch-net.ts';
import type { TrialWorld } from '../../src/trial/world.ts';
import { trialCalls } from '../support/agent-world.ts';
import { systemd, UNITS, unit } from '../support/health-world.ts';
import { kernelCoreTree, type ShownImage } from '../support/kernel-core-tree.ts';
import { read } from '../support/machine-facts.ts';
import { writeTree } from '../support/tree-builder.ts';
import { machineOnTrial, trialWorld } from '../support/trial-world.ts';

const RECORD: LoadedRecord = {
  ...{ version: 1, bootId: 'trial-boot', slot: 'normal', method: 'file', title: 'x', release: null },
  ...{ image: '/boot/x', commandLine: '', loadedAtMs: 1, loadMs: 1, optimisations: [], by: 'kexec' },
};

/** A net of which parts can be taken away, and what became of it. */
function net(over: Partial<TrialWorld> = {}) {
  const at = trialWorld(machineOnTrial());
  const slots = { home: true, panic: true };
  const world: TrialWorld = {
    ...trialCalls(at.world, at.calls),
    readWaiting: () => ({ home: read(slots.home), panic: read(slots.panic) }),
    ...over,
  };
  const record = (each: LoadedRecord) =>
    at.world.files.write(loadedRecordPath(world.folders, each.slot), encodeLoadedRecord(each));
  return { at, slots, world, record, [Symbol.dispose]: () => at[Symbol.dispose]() };
}

test('with both kernels waiting nothing is missing, and nothing is loaded', async () => {
  using it = net();
  assert.deepEqual(await watchNet(it.world, () => assert.fail('loaded'))(), []);
});

test('the known-good kernel is loaded from disk when it has gone, once for each loss', async () => {
  using it = net();
  let loads = 0;
  const look = watchNet(it.world, async () => {
    loads += 1;
    it.slots.home = true;
  });
  for (const count of [1, 2]) {
    it.slots.home = false;
    assert.deepEqual(await look(), []);
    assert.deepEqual(await look(), []);
    assert.equal(loads, count);
  }
  assert.match(it.at.remarks[0]!, /known-good kernel is not loaded: it was loaded from disk/);
});

test('where it cannot be loaded, that is said as long as it is so, and the disk is not asked again and again', async () => {
  using it = net();
  it.slots.home = false;
  let tries = 0;
  const look = watchNet(it.world, async () => {
    tries += 1;
    throw new KhopError('E_NOT_FOUND', '/boot/old is gone', { hint: '' });
  });
  for (let round = 0; round < 3; round++)
    assert.match((await look()).join(), /home leads through the firmware \(\/boot\/old is gone\)/);
  assert.equal(tries, 1);
  await it.world.sleep(60_000);
  await look();
  assert.equal(tries, 2, 'it may be mounted by now');
});

test('another khop that is at work is no reason to give up', async () => {
  using it = net();
  it.slots.home = false;
  let tries = 0;
  const look = watchNet(it.world, async () => {
    tries += 1;
    throw new KhopError('E_BUSY', 'another khop', { hint: '' });
  });
  for (let round = 0; round < 3; round++) assert.match((await look()).join(), /another khop is at work/);
  assert.equal(tries, 3);
});

test('a kernel that an older khop has loaded over the known-good one counts as its loss', async () => {
  using it = net();
  it.record(RECORD);
  const look = watchNet(it.world, async () => it.record({ ...RECORD, by: 'khop trial' }));
  assert.deepEqual(await look(), []);
  assert.match(it.at.remarks[0]!, /`kexec` has replaced the known-good kernel/);
});

test('a panic kernel that is gone, or perhaps another one, is said', async () => {
  using gone = net();
  gone.slots.panic = false;
  assert.match((await watchNet(gone.world, async () => undefined)()).join(), /No panic kernel is loaded/);
  using kdump = net({
    units: systemd('running', [...UNITS, unit('kdump-tools.service', 'active', 'exited')]),
  });
  assert.match(
    (await watchNet(kdump.world, async () => undefined)()).join(),
    /`kdump-tools\.service` may have replaced/,
  );
  using old = net();
  old.record({ ...RECORD, slot: 'crash', by: 'khop load' });
  assert.match((await watchNet(old.world, async () => undefined)()).join(), /`khop load` may have replaced/);
});

test('a panic kernel that another program has loaded meanwhile is told from the first one, if the kernel shows it', async () => {
  using it = net();
  const show = (image: ShownImage) => writeTree(it.at.root, kernelCoreTree(image));
  show({ entry: 1n });
  const look = watchNet(it.world, async () => undefined);
  assert.deepEqual(await look(), []);
  show({ entry: 2n });
  assert.match((await look()).join(), /^Another panic kernel was loaded during the trial/);
  show({ entry: 1n });
  assert.deepEqual(await look(), []);
  // Nothing is seen to have been loaded where nothing can be seen any more.
  writeTree(it.at.root, { 'sys/kernel/security/lockdown': 'none integrity [confidentiality]' });
  assert.deepEqual(await look(), []);
  writeTree(it.at.root, { 'sys/kernel/security/lockdown': '[none] integrity confidentiality' });
  rmSync(join(it.at.root, 'proc/kcore'));
  assert.deepEqual(await look(), []);
  show({ entry: 3n });
  assert.match((await look()).join(), /^Another panic kernel/);
});

test('an agent that was started again goes on from the first look, but not from one of another boot', async () => {
  using it = net();
  const show = (image: ShownImage) => writeTree(it.at.root, kernelCoreTree(image));
  const lookAnew = async () => (await watchNet(it.world, async () => undefined)()).join();
  show({ entry: 1n });
  assert.equal(await lookAnew(), '');
  show({ entry: 2n });
  assert.match(await lookAnew(), /^Another panic kernel/);
  assert.match(await lookAnew(), /^Another panic kernel/);

  const path = firstLookPath(it.world.folders);
  const kept = it.world.files.read(path) ?? '';
  for (const text of [kept.replace('trial-boot', 'old-boot'), kept.slice(0, -1), '']) {
    assert.notEqual(text, kept);
    it.world.files.write(path, text);
    assert.equal(await lookAnew(), '', text);
  }
  // Nothing hangs on it.
  const files = { ...it.world.files, write: () => assert.fail('/run is full') };
  it.world.files.remove(path);
  assert.deepEqual(await watchNet({ ...it.world, files }, async () => undefined)(), []);
});
