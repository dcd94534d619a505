import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { outcomeOf, parseChain } from '../../src/guard/capture-chain.ts';
import { concludeCrashes } from '../../src/guard/conclude-crash.ts';
import { healthyMachine, read } from '../support/machine-facts.ts';
import { ARMING, memoryReportOf } from '../support/memory-reports.ts';
import { quietWorld } from '../support/switch-world.ts';
import { buildTree, type TreeFiles } from '../support/tree-builder.ts';

const ID = '2026-11-29T003001Z-6.1.0-50-amd64';
const FILES = { 'vmcoreinfo.txt': 'OSRELEASE=6.1\n', 'dmesg.txt': 'panic\n', 'chain.txt': 'captured 700\n' };

function nodes(data: Uint8Array): TreeFiles {
  return {
    'sys/kernel/boot_params/setup_data/0/type': '0x9\n',
    'sys/kernel/boot_params/setup_data/0/data': 'seed',
    'sys/kernel/boot_params/setup_data/1/type': '0x504f484b\n',
    'sys/kernel/boot_params/setup_data/1/data': data,
  };
}

const machine = healthyMachine({
  commandLine: read(`root=/dev/vda1 khop.guard=${ARMING}`),
  uptimeMs: read(4000),
});

test('a report that came home in memory becomes a folder, with the last step', () => {
  using tree = buildTree(nodes(memoryReportOf(ID, FILES)));
  const world = quietWorld(tree.root);
  assert.deepEqual(concludeCrashes(world, machine), {
    crashes: [ID],
    isHomeByKexec: true,
    problem: undefined,
  });
  const folder = join(tree.root, 'state/crashes', ID);
  assert.equal(readFileSync(join(folder, 'dmesg.txt'), 'utf8'), 'panic\n');
  assert.equal(readFileSync(join(folder, 'chain.txt'), 'utf8'), 'captured 700\nhome 4000 kexec\n');
  assert.deepEqual(concludeCrashes(world, machine).crashes, [], 'a second time there is nothing to do');
});

test('an encrypted report comes home as it is', () => {
  const files = {
    'dmesg.txt.age': 'armor\n',
    'vmcoreinfo.txt.age': 'armor\n',
    'chain.txt': 'encrypted 700\n',
  };
  using tree = buildTree(nodes(memoryReportOf(ID, files)));
  assert.deepEqual(concludeCrashes(quietWorld(tree.root), machine).crashes, [ID]);
  const folder = join(tree.root, 'state/crashes', ID);
  assert.equal(readFileSync(join(folder, 'dmesg.txt.age'), 'utf8'), 'armor\n');
  assert.ok(existsSync(join(folder, 'vmcoreinfo.txt.age')));
});

test('which return of a series it was stands in the last step', () => {
  using tree = buildTree(nodes(memoryReportOf(ID, FILES)));
  const commandLine = read(`khop.guard=${ARMING},3,1795912100`);
  concludeCrashes(quietWorld(tree.root), healthyMachine({ commandLine, uptimeMs: read(4000) }));
  const chain = readFileSync(join(tree.root, 'state/crashes', ID, 'chain.txt'), 'utf8');
  assert.match(chain, /^home 4000 kexec, return 3 of a series$/m);
  assert.equal(outcomeOf(parseChain(chain).steps), 'home-by-kexec');
});

test('what a disk has of the crash is not written over', () => {
  using tree = buildTree({
    ...nodes(memoryReportOf(ID, FILES)),
    [`state/crashes/${ID}/chain.txt`]: 'captured 700\nreport 900\n',
    [`state/crashes/${ID}/dmesg.txt`]: 'panic, on disk\n',
  });
  assert.deepEqual(concludeCrashes(quietWorld(tree.root), machine).crashes, [ID]);
  assert.equal(readFileSync(join(tree.root, 'state/crashes', ID, 'dmesg.txt'), 'utf8'), 'panic, on disk\n');
});

test('memory that holds the report of another arming, or none, is left alone', () => {
  for (const data of [memoryReportOf(ID, FILES, 'fedcba9876543210'), new Uint8Array(4096)]) {
    using tree = buildTree(nodes(data));
    assert.deepEqual(concludeCrashes(quietWorld(tree.root), machine).crashes, []);
    assert.ok(!existsSync(join(tree.root, 'state')));
  }
});

test('a damaged report is kept, and said to be damaged', () => {
  const data = memoryReportOf(ID, FILES);
  data[data.indexOf('panic')]! ^= 1;
  using tree = buildTree(nodes(data));
  const { crashes, problem } = concludeCrashes(quietWorld(tree.root), machine);
  assert.deepEqual(crashes, [ID]);
  assert.match(problem!, /wrote into the report/);
});

test('a disk that refuses is said, and the report can be written later in the same boot', () => {
  using tree = buildTree(nodes(memoryReportOf(ID, FILES)));
  const world = quietWorld(tree.root);
  const full = {
    ...world.files,
    write: () => {
      throw new Error('ENOSPC: no space left on device');
    },
  };
  const { crashes, problem } = concludeCrashes({ ...world, files: full }, machine);
  assert.deepEqual(crashes, []);
  assert.match(problem!, /came home in memory, and .* cannot be written: ENOSPC/);
  assert.deepEqual(concludeCrashes(world, machine).crashes, [ID]);
});
