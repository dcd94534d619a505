import assert from 'node:assert/strict';
import { test } from 'node:test';
import { loadPlan, readLoadedRecord } from '../../src/switch/load.ts';
import { historyPath, loadedRecordPath } from '../../src/switch/state-paths.ts';
import type { SwitchWorld } from '../../src/switch/world.ts';
import { segmentPlan } from '../support/load-requests.ts';
import { healthyMachine, read } from '../support/machine-facts.ts';
import { quietWorld } from '../support/switch-world.ts';
import { buildTree } from '../support/tree-builder.ts';

const ORIGIN = { by: 'khop load', optimisations: [] };

/** A slot that holds what was loaded last; `over` is what goes wrong. */
function loadingWorld(root: string, remarks: string[], over: (quiet: SwitchWorld) => Partial<SwitchWorld>) {
  const slot = { isLoaded: false };
  const { kexec } = healthyMachine();
  const quiet = quietWorld(root, remarks, {
    readMachine: () => healthyMachine({ kexec: { ...kexec, loaded: read(slot.isLoaded) } }),
  });
  const world: SwitchWorld = {
    ...quiet,
    kexec: {
      ...quiet.kexec,
      segmentsLoad: async () => {
        slot.isLoaded = true;
      },
      unload: () => {
        slot.isLoaded = false;
      },
    },
  };
  return { slot, world: { ...world, ...over(world) } };
}

function bootId() {
  const { bootId: reading } = healthyMachine();
  assert.equal(reading.state, 'read');
  return reading.value;
}

/** Files that cannot be written once `isRefused` says so. */
function refusing({ files }: SwitchWorld, refused: (path: string) => boolean): Pick<SwitchWorld, 'files'> {
  const refuse = (path: string): void => {
    if (refused(path)) throw new Error(`EROFS: read-only file system, open '${path}'`);
  };
  return {
    files: {
      ...files,
      write: (path, text) => {
        refuse(path);
        files.write(path, text);
      },
      append: (path, text) => {
        refuse(path);
        files.append(path, text);
      },
    },
  };
}

test('a load that cannot be recorded is taken out again, so that no reboot jumps to what nobody knows of', async () => {
  using tree = buildTree({ 'state/': '', 'run/': '' });
  const { slot, world } = loadingWorld(tree.root, [], (quiet) =>
    refusing(quiet, (path) => path === loadedRecordPath(quiet.folders, 'normal')),
  );
  await assert.rejects(loadPlan(world, segmentPlan(), ORIGIN), /EROFS/);
  assert.equal(slot.isLoaded, false);
});

test('a load that the kernel does not confirm is taken out again', async () => {
  using tree = buildTree({ 'state/': '', 'run/': '' });
  const calls: string[] = [];
  const { world } = loadingWorld(tree.root, [], ({ kexec }) => ({
    readMachine: () => healthyMachine(),
    kexec: { ...kexec, unload: (which) => calls.push(`unload ${which}`) },
  }));
  await assert.rejects(loadPlan(world, segmentPlan(), ORIGIN), /does not say "1"/);
  assert.deepEqual(calls, ['unload normal']);
});

test('a history that cannot be written is said, and the load stands', async () => {
  using tree = buildTree({ 'state/': '', 'run/': '' });
  const remarks: string[] = [];
  const { slot, world } = loadingWorld(tree.root, remarks, (quiet) =>
    refusing(quiet, (path) => path === historyPath(quiet.folders)),
  );
  const record = await loadPlan(world, segmentPlan(), ORIGIN);
  assert.deepEqual(readLoadedRecord(world, 'normal', bootId()), record);
  assert.equal(slot.isLoaded, true);
  assert.match(remarks.join(), /^the load is not in the history: EROFS/);
});

test('while a load lasts no record names what was loaded before; a load that fails leaves it as it was', async () => {
  using tree = buildTree({ 'state/': '', 'run/': '' });
  const { world } = loadingWorld(tree.root, [], () => ({}));
  const first = await loadPlan(world, segmentPlan(), ORIGIN);
  const during: unknown[] = [];
  const failing: SwitchWorld = {
    ...world,
    kexec: {
      ...world.kexec,
      segmentsLoad: async () => {
        during.push(readLoadedRecord(world, 'normal', bootId()));
        throw new Error('ENOMEM');
      },
    },
  };
  await assert.rejects(loadPlan(failing, segmentPlan(), ORIGIN), /ENOMEM/);
  assert.deepEqual(during, [undefined]);
  assert.deepEqual(readLoadedRecord(world, 'normal', bootId()), first);
});

test('a load that fails and leaves nothing loaded leaves no record either', async () => {
  using tree = buildTree({ 'state/': '', 'run/': '' });
  const { slot, world } = loadingWorld(tree.root, [], () => ({}));
  await loadPlan(world, segmentPlan(), ORIGIN);
  const segmentsLoad = async () => {
    slot.isLoaded = false;
    throw new Error('the file has changed');
  };
  const failing: SwitchWorld = { ...world, kexec: { ...world.kexec, segmentsLoad } };
  await assert.rejects(loadPlan(failing, segmentPlan(), ORIGIN), /the file has changed/);
  assert.equal(readLoadedRecord(world, 'normal', bootId()), undefined);
});
