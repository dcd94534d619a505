import assert from 'node:assert/strict';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import {
  announceAskedCrash,
  askedCrashPath,
  lastTestOf,
  takeBackAskedCrash,
} from '../../src/guard/asked-crash.ts';
import { arriveFromCrash } from '../../src/guard/record-crash.ts';
import { readHistory } from '../../src/switch/read-history.ts';
import { continuingWorld } from '../support/continuing-world.ts';
import { healthyMachine, read } from '../support/machine-facts.ts';
import { ARMING } from '../support/memory-reports.ts';
import { NULL_DEREFERENCE_6_1, writeLog } from '../support/oops-log-builder.ts';
import { CRASH_ID, VMCOREINFO } from '../support/raw-crashes.ts';
import { quietWorld } from '../support/switch-world.ts';
import { buildTree, prefix } from '../support/tree-builder.ts';

const machine = healthyMachine({
  commandLine: read(`quiet khop.guard=${ARMING},1,1795912100`),
  bootId: read('home-boot'),
  release: read('6.1.0-50-amd64'),
  uptimeMs: read(4000),
});
const CHAIN = 'captured 700\nlog-read 800\nreport 900\nleave-kexec 910\n';

test('a crash is in the history once, with its kernel, its cause, its way and its times', () => {
  using tree = buildTree(
    prefix(`state/crashes/${CRASH_ID}`, {
      'dmesg.txt': writeLog(NULL_DEREFERENCE_6_1),
      'chain.txt': CHAIN,
      'vmcoreinfo.txt': VMCOREINFO,
    }),
  );
  const world = quietWorld(tree.root);
  const { entries } = arriveFromCrash(world, machine);
  assert.deepEqual(readHistory(world).entries, entries);
  const [entry] = entries;
  assert.match(entry!.summary, /^NULL pointer dereference in crasher_write/);
  assert.match(entry!.fingerprint!, /^[0-9a-f]{16}$/);
  assert.deepEqual(
    { ...entry, summary: '', fingerprint: '' },
    {
      ...{ version: 1, kind: 'crash', id: CRASH_ID, atMs: 1795912201000, release: '6.1.0-50-amd64' },
      ...{ summary: '', fingerprint: '', outcome: 'home-by-kexec' },
      ...{ arrivedRelease: '6.1.0-50-amd64', arrivedBootId: 'home-boot', captureMs: 910, upMs: 4000 },
    },
  );
  assert.match(readFileSync(join(tree.root, 'motd.d/khop'), 'utf8'), /came home from a crash/);
  assert.deepEqual(arriveFromCrash(world, machine).entries, []);
  assert.equal(readHistory(world).entries.length, 1);
});

test('a report that came back after somebody removed it is no second crash', () => {
  const files = { 'dmesg.txt': writeLog(NULL_DEREFERENCE_6_1), 'vmcoreinfo.txt': VMCOREINFO };
  using tree = buildTree(prefix(`state/crashes/${CRASH_ID}`, { ...files, 'chain.txt': CHAIN }));
  const world = quietWorld(tree.root);
  assert.equal(arriveFromCrash(world, machine).entries.length, 1);
  writeFileSync(join(tree.root, `state/crashes/${CRASH_ID}/chain.txt`), CHAIN);
  assert.deepEqual(arriveFromCrash(world, machine).entries, []);
  assert.equal(readHistory(world).entries.length, 1);
});

test('a crash that left no report is in the history all the same, once for a boot', () => {
  using tree = buildTree({});
  const world = quietWorld(tree.root);
  const [entry] = arriveFromCrash(world, machine).entries;
  assert.deepEqual([entry!.id, entry!.release, entry!.fingerprint], [ARMING, null, null]);
  assert.deepEqual(arriveFromCrash(world, machine).entries, []);
});

test('a boot that no crash led to adds nothing', () => {
  using tree = buildTree({});
  const world = quietWorld(tree.root);
  assert.deepEqual(arriveFromCrash(world, healthyMachine({ commandLine: read('quiet') })).entries, []);
  assert.ok(!existsSync(join(tree.root, 'state')) && !existsSync(join(tree.root, 'motd.d')));
});

test('a disk that can be read only is said, and the crash is told all the same', () => {
  using tree = buildTree(prefix(`state/crashes/${CRASH_ID}`, { 'chain.txt': CHAIN }));
  const world = quietWorld(tree.root);
  const append = () => {
    throw new Error('EROFS: read-only file system');
  };
  const { entries, problem } = arriveFromCrash({ ...world, files: { ...world.files, append } }, machine);
  assert.deepEqual(
    entries.map(({ id }) => id),
    [CRASH_ID],
  );
  assert.match(problem!, /chain\.txt cannot be written: EROFS/);
});

test('a system that goes on leaves word of the crash at once, and the history gets it when the machine is home', () => {
  using at = continuingWorld();
  const { world } = at;
  const motd = join(at.root, 'motd.d/khop');
  const { continued, entries } = arriveFromCrash(world, world.readMachine());
  const id = continued?.continuing.crash;
  assert.deepEqual([entries, readHistory(world).entries], [[], []]);
  assert.match(
    readFileSync(motd, 'utf8'),
    /^khop: this machine goes on in 400 MiB, on 1 CPU, after a crash of \S+, 2026-09-21 14:13 UTC: .*sysrq.*\. See khop guard status\n$/i,
  );
  assert.equal(readFileSync(join(at.root, 'run/crashes-untold'), 'utf8'), `${id}\n`);
  world.files.append(`${world.folders.state}/crashes/${id}/chain.txt`, 'leave-kexec 9000000 Debian\n');
  const [entry] = arriveFromCrash(world, machine).entries;
  assert.deepEqual([entry!.id, entry!.outcome, entry!.captureMs], [id, 'home-by-kexec', 4200]);
  assert.match(readFileSync(motd, 'utf8'), /came home from a crash/);
});

test('a crash that was asked for is told by the arming, or by its time where the firmware led home, once', () => {
  const died = 1_795_912_201_000;
  const firmware = healthyMachine({
    ...{ commandLine: read('quiet'), bootId: read('home-boot'), uptimeMs: read(4000) },
  });
  const cases = [
    ['by the arming', machine, 'dead-boot', ARMING, died - 3_500_000, true],
    ['by the time', firmware, 'dead-boot', 'another', died + 500, true],
    ['by the arming, but hours later', machine, 'dead-boot', ARMING, died - 9_000_000, false],
    ['of another hour', firmware, 'dead-boot', ARMING, died - 3_600_000, false],
    ['of this boot, where the trigger did nothing', machine, 'home-boot', ARMING, died, false],
  ] as const;
  for (const [why, here, bootId, arming, atMs, isAskedFor] of cases) {
    using tree = buildTree(
      prefix(`state/crashes/${CRASH_ID}`, { 'chain.txt': CHAIN, 'vmcoreinfo.txt': VMCOREINFO }),
    );
    const world = { ...quietWorld(tree.root), nowMs: () => died + 30_000 };
    const before = healthyMachine({ bootId: read(bootId) });
    announceAskedCrash({ ...world, nowMs: () => atMs }, before, arming);
    const { tested } = arriveFromCrash(world, here);
    const [entry] = readHistory(world).entries;
    assert.ok(entry?.kind === 'crash');
    assert.equal(entry.isAskedFor ?? false, isAskedFor, why);
    assert.equal(entry.awayMs, isAskedFor ? died + 30_000 - atMs : undefined, why);
    assert.equal(tested?.entry.id, isAskedFor ? entry.id : undefined, why);
    if (isAskedFor) assert.deepEqual(tested?.chain.at(-1)?.step, 'home', why);
    assert.equal(existsSync(askedCrashPath(world.folders)), !isAskedFor, why);
  }
});

test('how long a test took is not told where the clock cannot be right, or the panic kernel went on', () => {
  const died = 1_795_912_201_000;
  for (const [chain, afterMs, away] of [
    [CHAIN, 30_000, 30_000],
    [CHAIN, 3000, null],
    [`${CHAIN}continue 950\n`, 30_000, null],
  ] as const) {
    using tree = buildTree(
      prefix(`state/crashes/${CRASH_ID}`, { 'chain.txt': chain, 'vmcoreinfo.txt': VMCOREINFO }),
    );
    const world = { ...quietWorld(tree.root), nowMs: () => died + afterMs };
    const before = healthyMachine({ bootId: read('dead-boot') });
    announceAskedCrash({ ...world, nowMs: () => died }, before, ARMING);
    assert.equal(arriveFromCrash(world, machine).tested?.entry.awayMs, away, `${chain} ${afterMs}`);
  }
});

test('a test that never came home is the last one until there is another', () => {
  using tree = buildTree({});
  const world = quietWorld(tree.root);
  const before = healthyMachine({ bootId: read('dead-boot') });
  assert.equal(lastTestOf(world, machine, readHistory(world)), null);
  announceAskedCrash({ ...world, nowMs: () => 5 }, before, ARMING);
  assert.deepEqual(lastTestOf(world, machine, readHistory(world)), { atMs: 5, entry: null });
  takeBackAskedCrash(world);
  assert.equal(lastTestOf(world, machine, readHistory(world)), null);
});

test('a damaged word of a test makes it a crash like any other', () => {
  using tree = buildTree({ 'state/asked-crash.json': '{' });
  const world = quietWorld(tree.root);
  const { entries, problem } = arriveFromCrash(world, machine);
  assert.deepEqual([entries.length, entries[0]?.isAskedFor, problem], [1, undefined, undefined]);
});
