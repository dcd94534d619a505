import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { MachineFacts } from '../../src/machine/facts.ts';
import { encodeHistoryEntry, type HistoryEntry } from '../../src/switch/history.ts';
import { type LoadOrigin, loadPlan, unload } from '../../src/switch/load.ts';
import { concludeLoad } from '../../src/switch/load-end.ts';
import type { LoadedRecord } from '../../src/switch/loaded-record.ts';
import { readHistory } from '../../src/switch/read-history.ts';
import { historyPath, keptLoadPath, ticketPath } from '../../src/switch/state-paths.ts';
import { encodeTicket } from '../../src/switch/ticket.ts';
import type { StateFiles, SwitchWorld } from '../../src/switch/world.ts';
import { segmentPlan } from '../support/load-requests.ts';
import { healthyMachine, read, unreadable } from '../support/machine-facts.ts';
import { healthyKernel } from '../support/preflight-input.ts';
import { quietWorld } from '../support/switch-world.ts';
import { buildTree } from '../support/tree-builder.ts';
import { TRIAL_CRASH, trialTicket } from '../support/trial-world.ts';

const RELEASE = '6.12.9';
const TOKEN = 'khop.switch=0123456789abcdef';
const FAST = ['direct-entry', 'trim'];

/** A machine before and after a jump, and what is on its disk. */
class LoadingMachine implements Disposable {
  readonly tree = buildTree({ 'state/': '', 'run/': '' });
  readonly remarks: string[] = [];
  readonly world: SwitchWorld;
  isLoaded = false;
  machine: Partial<MachineFacts> = { bootId: read('old-boot') };

  constructor() {
    const { kexec } = healthyMachine();
    const quiet = quietWorld(this.tree.root, this.remarks, {
      readMachine: () =>
        healthyMachine({ kexec: { ...kexec, loaded: read(this.isLoaded) }, ...this.machine }),
    });
    const set = (isLoaded: boolean) => {
      this.isLoaded = isLoaded;
    };
    const segmentsLoad = async () => set(true);
    this.world = { ...quiet, kexec: { ...quiet.kexec, segmentsLoad, unload: () => set(false) } };
  }

  /** As `khop load` does it, unless told otherwise. */
  async load(over: Partial<LoadOrigin> = {}, commandLine = `root=/dev/vda1 ${TOKEN}`): Promise<LoadedRecord> {
    const plan = segmentPlan({ kernel: { ...healthyKernel(), release: RELEASE }, commandLine });
    return await loadPlan(this.world, plan, { by: 'khop load', optimisations: FAST, ...over });
  }

  /** The next boot. */
  boot(commandLine: string, over: Partial<MachineFacts> = {}): void {
    this.isLoaded = false;
    const next = { bootId: read('new-boot'), release: read(RELEASE), commandLine: read(commandLine) };
    this.machine = { ...next, ...over };
  }

  /** Of the history, those that are of this. */
  ends(): HistoryEntry[] {
    return readHistory(this.world).entries.filter(({ kind }) => kind === 'load-end');
  }

  kept(): string | undefined {
    return this.world.files.read(keptLoadPath(this.world.folders));
  }

  [Symbol.dispose](): void {
    this.tree[Symbol.dispose]();
  }
}

const ELSEWHERE = 'BOOT_IMAGE=/vmlinuz root=/dev/vda1';

test('what was loaded and runs in the next boot has arrived, and what is not seen there is unknown', async () => {
  const line = 'root=/dev/vda1 quiet';
  for (const [loaded, running, outcome] of [
    [`${line} ${TOKEN}`, `${line} ${TOKEN}`, 'arrived'],
    [`${line} ${TOKEN}`, line, 'unknown'],
    [`${line} ${TOKEN}`, `${line} khop.switch=fedcba9876543210`, 'unknown'],
    [line, line, 'arrived'],
    [line, `${line} ${TOKEN}`, 'unknown'],
    [line, ELSEWHERE, 'unknown'],
    // As scripts hand over the line of a kernel that a boot loader has started.
    [ELSEWHERE, ELSEWHERE, 'unknown'],
    [line, `${line} khop.guard=0123456789abcdef,1,1`, 'unknown'],
  ] as const) {
    using at = new LoadingMachine();
    const { image, loadedAtMs } = await at.load({}, loaded);
    at.boot(running);
    const entry = concludeLoad(at.world);
    assert.deepEqual(entry, {
      ...{ version: 1, kind: 'load-end', atMs: loadedAtMs, image, toRelease: RELEASE, optimisations: FAST },
      ...{ outcome, arrivedRelease: RELEASE, arrivedBootId: 'new-boot' },
    });
    assert.deepEqual(at.ends(), [entry], 'it comes back from the disk as it was');
  }
});

test('a load is concluded once, by another boot than its own', async () => {
  using at = new LoadingMachine();
  await at.load();
  const kept = at.kept();
  assert.equal(concludeLoad(at.world), undefined);
  at.boot(ELSEWHERE, { bootId: unreadable() });
  assert.equal(concludeLoad(at.world), undefined, 'nobody knows which boot this is');
  assert.deepEqual([at.ends(), at.kept()], [[], kept]);
  at.boot(ELSEWHERE);
  assert.equal(concludeLoad(at.world)?.outcome, 'unknown');
  at.boot(ELSEWHERE, { bootId: read('third-boot') });
  assert.equal(concludeLoad(at.world), undefined);
  assert.deepEqual([at.ends().length, at.kept()], [1, undefined]);
});

test('a power cut at any write leaves a load that the next boot concludes, with one entry', async () => {
  const cut = (): never => {
    throw new Error('the power is gone');
  };
  const cuts: readonly ((files: StateFiles) => Partial<StateFiles>)[] = [
    () => ({ append: cut, remove: cut }),
    ({ append }) => ({
      append: (path, text) => {
        append(path, text.slice(0, 40));
        cut();
      },
      remove: cut,
    }),
    () => ({ remove: cut }),
  ];
  for (const [index, broken] of cuts.entries()) {
    using at = new LoadingMachine();
    await at.load();
    at.boot(`root=/dev/vda1 ${TOKEN}`);
    const { files } = at.world;
    assert.equal(concludeLoad({ ...at.world, files: { ...files, ...broken(files) } }), undefined);
    assert.match(at.remarks.join(), /^how the last load ended is not in the history: the power is gone$/);
    at.boot(ELSEWHERE, { bootId: read('third-boot') });
    // What was written while it ran counts; before that, nobody has seen it.
    assert.equal(concludeLoad(at.world)?.outcome, index === 2 ? 'arrived' : 'unknown');
    assert.deepEqual([at.ends().length, at.kept()], [1, undefined]);
  }
});

test('what was unloaded, or dropped by the kernel, is no load that could arrive', async () => {
  using at = new LoadingMachine();
  await at.load();
  unload(at.world, 'crash');
  assert.notEqual(at.kept(), undefined);
  unload(at.world, 'normal');
  assert.equal(at.kept(), undefined);
  await at.load();
  const { world } = at;
  const failing = (isDropped: boolean): SwitchWorld['kexec'] => ({
    ...world.kexec,
    segmentsLoad: async () => {
      at.isLoaded = !isDropped;
      throw new Error('ENOMEM');
    },
  });
  for (const isDropped of [false, true]) {
    const loading = loadPlan({ ...world, kexec: failing(isDropped) }, segmentPlan(), {
      ...{ by: 'khop load', optimisations: [] },
    });
    await assert.rejects(loading, /ENOMEM/);
    assert.equal(at.kept() === undefined, isDropped);
  }
  at.boot(ELSEWHERE);
  assert.equal(concludeLoad(world), undefined);
  assert.deepEqual(at.ends(), []);
});

test('of a switch its ticket tells, also where that is all that is left of the load', async () => {
  using at = new LoadingMachine();
  await at.load();
  await at.load({ by: 'khop switch', hasTicket: true });
  assert.equal(at.kept(), undefined, 'what was loaded before is loaded no more');
  const { loadedAtMs } = await at.load();
  at.boot(ELSEWHERE);
  const path = ticketPath(at.world.folders);
  at.world.files.write(path, encodeTicket(trialTicket({}, { fromBootId: 'old-boot' })));
  assert.equal(concludeLoad(at.world), undefined);
  assert.deepEqual([at.ends(), at.kept()], [[], undefined]);
  for (const ticket of [encodeTicket(trialTicket({}, { fromBootId: 'another-boot' })), '{ torn']) {
    at.machine = { bootId: read('old-boot') };
    await at.load();
    at.boot(ELSEWHERE);
    at.world.files.write(path, ticket);
    assert.equal(concludeLoad(at.world)?.atMs, loadedAtMs);
  }
});

test('a way home is no load of its own, nor a panic kernel', async () => {
  using at = new LoadingMachine();
  await at.load({ by: 'khop trial', isWayHome: true });
  assert.equal(at.kept(), undefined);
  const { kexec } = healthyMachine();
  at.machine = { ...at.machine, kexec: { ...kexec, crashLoaded: read(true) } };
  const plan = { ...segmentPlan(), slot: 'crash' } as const;
  await loadPlan(at.world, plan, { by: 'khop guard', optimisations: [] });
  assert.equal(at.kept(), undefined);
});

test('a crash behind the load says how that boot ended, and one before it does not', async () => {
  for (const [isBehind, arrivedBootId, isConcluded] of [
    [true, 'any', false],
    // Its report came late: it led to the boot that has loaded.
    [true, 'old-boot', true],
    [false, 'new-boot', true],
  ] as const) {
    using at = new LoadingMachine();
    const text = encodeHistoryEntry({ ...TRIAL_CRASH, arrivedBootId });
    const crash = () => at.world.files.append(historyPath(at.world.folders), text);
    if (!isBehind) crash();
    await at.load();
    if (isBehind) crash();
    at.boot(ELSEWHERE);
    assert.equal(concludeLoad(at.world) !== undefined, isConcluded);
    assert.deepEqual([at.ends().length === 1, at.kept()], [isConcluded, undefined]);
  }
});

test('a system that goes on in the memory of a panic kernel concludes nothing', async () => {
  using at = new LoadingMachine();
  await at.load();
  at.boot('root=/dev/vda1 khop.continue=0123456789abcdef');
  const vmcore = `${at.world.folders.root}/proc/vmcore`;
  at.world.files.write(vmcore, 'memory');
  assert.equal(concludeLoad(at.world), undefined);
  at.world.files.remove(vmcore);
  at.boot(ELSEWHERE, { bootId: read('home-boot') });
  assert.equal(concludeLoad(at.world)?.outcome, 'unknown');
});

test('a load stands where the disk takes no word of it, and a damaged record is left as it is', async () => {
  using at = new LoadingMachine();
  const { files } = at.world;
  const write: StateFiles['write'] = (path, text) => {
    if (path === keptLoadPath(at.world.folders)) throw new Error('EROFS: read-only file system');
    files.write(path, text);
  };
  const plan = segmentPlan();
  const origin = { by: 'kexec', optimisations: [] };
  await loadPlan({ ...at.world, files: { ...files, write } }, plan, origin);
  assert.deepEqual([at.isLoaded, at.kept()], [true, undefined]);
  assert.match(at.remarks.join(), /^the next boot will not know of the load: EROFS/);
  files.write(keptLoadPath(at.world.folders), '{ torn');
  at.boot(ELSEWHERE);
  assert.equal(concludeLoad(at.world), undefined);
  assert.match(at.remarks.join(), /loaded\.json is not JSON/);
  assert.equal(at.kept(), '{ torn');
});
