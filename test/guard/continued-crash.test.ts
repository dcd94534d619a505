import assert from 'node:assert/strict';
import { mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { saveContinuedCrash } from '../../src/guard/continued-crash.ts';
import { continuedCrashPath } from '../../src/guard/continuing.ts';
import { findCrash } from '../../src/guard/crash-store.ts';
import { continuingMachine, continuingWorld, crashedBySysrq } from '../support/continuing-world.ts';
import { buildCrashedMachine, RELEASE } from '../support/crashed-machine.ts';
import { encodeElfDump } from '../support/dump-writers.ts';
import { healthyMachine, read } from '../support/machine-facts.ts';

/** CRASHTIME=1790000000. */
const ID = `2026-09-21T141320Z-${RELEASE}`;

test('the report is the one that a capture would have written', () => {
  using at = continuingWorld();
  const saved = saveContinuedCrash(at.world, at.world.readMachine());
  assert.equal(saved?.isNew, true);
  assert.equal(saved.obstacle, undefined);
  assert.equal(saved.continuing.crash, ID);
  const folder = join(at.root, 'state/crashes', ID);
  assert.deepEqual(readFileSync(join(folder, 'dmesg.txt'), 'utf8').split('\n'), [
    '<6>[    0.001500] Linux version 6.12.9-khop-test',
    '<6>[    2.000000] first line',
    '<6>[    2.000000] second line',
    '<29>[    0.001500] from user space',
    '<0>[    3.000000] Kernel panic - not syncing: sysrq triggered crash',
    '',
  ]);
  assert.match(readFileSync(join(folder, 'vmcoreinfo.txt'), 'utf8'), /^CRASHTIME=1790000000$/m);
  assert.equal(
    readFileSync(join(folder, 'chain.txt'), 'utf8'),
    'captured 4200\nlog-read 4200\nreport 4200\ncontinue 4200 in 400 MiB, on 1 CPU\n',
  );
  assert.equal(statSync(folder).mode & 0o777, 0o700);
  const { report } = findCrash(join(at.root, 'state'), 'last');
  assert.equal(report.outcome, 'continued');
  assert.match(report.panicLine ?? '', /sysrq triggered crash/);
});

test('a second run of the same boot changes nothing', () => {
  using at = continuingWorld();
  saveContinuedCrash(at.world, at.world.readMachine());
  const chain = join(at.root, 'state/crashes', ID, 'chain.txt');
  const before = readFileSync(chain, 'utf8');
  assert.equal(saveContinuedCrash(at.world, at.world.readMachine())?.isNew, false);
  assert.equal(readFileSync(chain, 'utf8'), before);
});

test('one that does not tell when it crashed is not written twice either', () => {
  using at = continuingWorld({ 'proc/vmcore': Buffer.from('no dump') });
  const first = saveContinuedCrash(at.world, at.world.readMachine());
  const later = { ...at.world, nowMs: () => 1_800_000_000_000 };
  const second = saveContinuedCrash(later, at.world.readMachine());
  assert.equal(second?.isNew, false);
  assert.equal(second.continuing.crash, first?.continuing.crash);
  assert.equal(readdirSync(join(at.root, 'state/crashes')).length, 1);
});

test('what a power cut left half written is written anew', () => {
  using at = continuingWorld();
  const partial = join(at.root, 'state/crashes', `${ID}.partial`);
  mkdirSync(partial, { recursive: true });
  writeFileSync(join(partial, 'dmesg.txt'), 'torn');
  saveContinuedCrash(at.world, at.world.readMachine());
  assert.deepEqual(readdirSync(join(at.root, 'state/crashes')), [ID]);
});

test('what a run left that died on the way is finished, and told as new', () => {
  using whole = continuingWorld();
  saveContinuedCrash(whole.world, whole.world.readMachine());
  const folder = join('state/crashes', ID);
  const marker = continuedCrashPath(whole.world.folders);
  const chain = readFileSync(join(whole.root, folder, 'chain.txt'), 'utf8');
  const half = chain.replace(/^report [\s\S]*/m, '');
  for (const left of [half, chain]) {
    using at = continuingWorld({
      'proc/vmcore': encodeElfDump(crashedBySysrq()),
      [`${folder}/chain.txt`]: left,
      [`${folder}/dmesg.txt`]: 'as it was',
    });
    const saved = saveContinuedCrash(at.world, at.world.readMachine());
    assert.deepEqual([saved?.isNew, saved?.continuing.crash], [true, ID]);
    assert.equal(readFileSync(join(at.root, folder, 'chain.txt'), 'utf8'), chain);
    assert.equal(readFileSync(join(at.root, folder, 'dmesg.txt'), 'utf8'), 'as it was');
    assert.equal(at.world.files.read(marker.replace(whole.root, at.root)), `${ID}\n`);
    assert.equal(saveContinuedCrash(at.world, at.world.readMachine())?.isNew, false);
  }
});

test('a dump that cannot be read leaves a report that says so, and when', () => {
  const dump = encodeElfDump(crashedBySysrq());
  for (const bytes of [Buffer.from('no dump'), new Uint8Array(0), dump.subarray(0, 256)]) {
    using at = continuingWorld({ 'proc/vmcore': bytes });
    const saved = saveContinuedCrash(at.world, at.world.readMachine());
    assert.ok(saved?.obstacle !== undefined);
    const { report } = findCrash(join(at.root, 'state'), 'last');
    assert.equal(report.outcome, 'continued');
    assert.ok(report.when !== null);
    assert.ok(report.gaps.some((gap) => gap.startsWith('no dmesg.txt')));
    assert.ok(report.chain.some(({ step, reason }) => step === 'report' && reason !== null));
  }
});

test('a disk that refuses the report keeps nobody from going on, and a later run writes it', () => {
  using at = continuingWorld({
    'proc/vmcore': encodeElfDump(crashedBySysrq()),
    'state/crashes': 'no folder',
  });
  const saved = saveContinuedCrash(at.world, at.world.readMachine());
  assert.equal(saved?.continuing.crash, undefined);
  assert.match(saved?.obstacle ?? '', /state\/crashes\/.* cannot be written: ENOTDIR/);
  rmSync(join(at.root, 'state/crashes'));
  assert.equal(saveContinuedCrash(at.world, at.world.readMachine())?.continuing.crash, ID);
});

test('records that are lost are said, and the others are there', () => {
  const machine = buildCrashedMachine([
    { text: 'here', nanoseconds: 1n, level: 6, facility: 0, callerId: 0 },
    { text: 'gone', nanoseconds: 2n, level: 6, facility: 0, callerId: 0, isLost: true },
  ]);
  using at = continuingWorld({ 'proc/vmcore': encodeElfDump(machine) });
  const saved = saveContinuedCrash(at.world, at.world.readMachine());
  assert.match(saved?.obstacle ?? '', /^1 record of the kernel log is lost: /);
  const folder = join(at.root, 'state/crashes', ID);
  assert.equal(readFileSync(join(folder, 'dmesg.txt'), 'utf8'), '<6>[    0.000000] here\n');
});

test('neither a parameter without a dump nor a dump without the parameter is a system that goes on', () => {
  const vmcore = { 'proc/vmcore': encodeElfDump(crashedBySysrq()) };
  using reused = continuingWorld({}, continuingMachine());
  assert.equal(saveContinuedCrash(reused.world, reused.world.readMachine()), undefined);
  using other = continuingWorld(vmcore, healthyMachine({ commandLine: read('root=/dev/vda1') }));
  assert.equal(saveContinuedCrash(other.world, other.world.readMachine()), undefined);
});
