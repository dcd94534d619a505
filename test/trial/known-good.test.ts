import assert from 'node:assert/strict';
import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { readKernels } from '../../src/switch/choose-kernel.ts';
import {
  findFailedTrial,
  forgetFailedTrial,
  mayBeFaultOfKernel,
  rememberFailedTrial,
} from '../../src/trial/failed-trials.ts';
import {
  generationOf,
  type KnownGoodGeneration,
  readKnownGood,
  recordKnownGood,
  verifyGeneration,
} from '../../src/trial/known-good.ts';
import { RETURN_CAUSES } from '../../src/trial/trial-words.ts';
import { machineAtHome, NEW, OLD, trialWorld } from '../support/trial-world.ts';

function generation(
  release: string,
  confirmedAtMs: number,
  bootId: string | null = 'b',
): KnownGoodGeneration {
  return {
    ...{
      release,
      title: release,
      entryId: null,
      image: `/boot/${release}`,
      initrds: [],
      commandLine: 'quiet',
    },
    ...{ files: [{ path: `/boot/${release}`, sha256: release }], confirmedAtMs, bootId },
  };
}

test('two generations are kept, the newest first, and the same kernel is one of them', () => {
  using at = trialWorld(machineAtHome());
  const releases = () => readKnownGood(at.world).map(({ release }) => release);
  for (const [index, name] of ['a', 'b', 'b', 'c'].entries())
    recordKnownGood(at.world, generation(name, index));
  assert.deepEqual(releases(), ['c', 'b']);
  recordKnownGood(at.world, generation('b', 9));
  assert.deepEqual(releases(), ['b', 'c']);
  recordKnownGood(at.world, generation('b', 9, null));
  recordKnownGood(at.world, { ...generation('b', 9), version: '#1 SMP' });
  recordKnownGood(at.world, generation('b', 9, null));
  const [{ bootId, version } = generation('none', 0)] = readKnownGood(at.world);
  assert.deepEqual([bootId, version], ['b', '#1 SMP'], 'what is known is not forgotten');
});

test('files that are gone or have changed since are named', () => {
  using at = trialWorld(machineAtHome());
  const kernel = readKernels(at.world, at.world.readMachine()).kernels.find(({ release }) => release === OLD);
  assert.ok(kernel !== undefined);
  const running = generationOf(kernel, kernel.id, { confirmedAtMs: 1, bootId: null });
  assert.deepEqual(verifyGeneration(running), []);
  rmSync(join(at.root, 'boot/old'));
  writeFileSync(join(at.root, 'boot/old.img'), 'another');
  assert.deepEqual(verifyGeneration(running), [
    { path: join(at.root, 'boot/old'), state: 'missing' },
    { path: join(at.root, 'boot/old.img'), state: 'changed' },
  ]);
});

test('a damaged file is refused by readers, and moved aside by what has something new to say', () => {
  using at = trialWorld(machineAtHome(), null, {
    'state/known-good.json': '{"version": 9}',
    'state/failed-trials.json': 'junk',
  });
  assert.throws(() => readKnownGood(at.world), { code: 'E_STATE', message: /version 9/ });
  assert.throws(() => findFailedTrial(at.world, { release: NEW, imageSha256: null }), { code: 'E_STATE' });
  recordKnownGood(at.world, generation('a', 1));
  rememberFailedTrial(at.world, failed('1', NEW, 'aa'));
  assert.equal(readKnownGood(at.world).length, 1);
  assert.equal(at.text('known-good.json.damaged-2027-01-15T080000Z'), '{"version": 9}');
  assert.equal(at.text('failed-trials.json.damaged-2027-01-15T080000Z'), 'junk');
  assert.equal(at.remarks.length, 2);
});

function failed(id: string, release: string, imageSha256: string | null) {
  return { id, release, imageSha256, title: release, atMs: 1, cause: 'panic', detail: `died ${id}` };
}

test('a kernel that failed is known by release and image; what is not known matches', () => {
  using at = trialWorld(machineAtHome());
  const { world } = at;
  const find = (release: string, imageSha256: string | null) =>
    findFailedTrial(world, { release, imageSha256 })?.id;
  assert.equal(find(NEW, 'aa'), undefined);
  rememberFailedTrial(world, failed('1', NEW, 'aa'));
  rememberFailedTrial(world, failed('1', NEW, 'aa'));
  rememberFailedTrial(world, failed('2', OLD, null));
  assert.deepEqual(
    [find(NEW, 'aa'), find(NEW, 'bb'), find(NEW, null), find(OLD, 'bb')],
    ['1', undefined, '1', '2'],
  );
  assert.equal(forgetFailedTrial(world, { release: NEW, imageSha256: 'bb' }), false);
  assert.equal(forgetFailedTrial(world, { release: NEW, imageSha256: 'aa' }), true);
  assert.deepEqual([find(NEW, 'aa'), find(OLD, 'bb')], [undefined, '2']);
});

test('what a person ended says nothing of the kernel, nor does a jump that never was', () => {
  const mayBe = RETURN_CAUSES.filter((cause) => mayBeFaultOfKernel(cause, 'leaving'));
  assert.deepEqual(mayBe, ['panic', 'watchdog', 'stuck-boot', 'deadline', 'unhealthy', 'ticket', 'firmware']);
  assert.ok(RETURN_CAUSES.every((cause) => !mayBeFaultOfKernel(cause, 'loaded')));
});

test('a kernel that came home through the firmware for no known reason may be tried again once, and then not', () => {
  using at = trialWorld(machineAtHome());
  const kernel = { release: NEW, imageSha256: 'aa' };
  const cut = (id: string) => ({ ...failed(id, NEW, 'aa'), cause: 'firmware' });
  rememberFailedTrial(at.world, cut('1'));
  assert.equal(findFailedTrial(at.world, kernel), undefined);
  rememberFailedTrial(at.world, cut('2'));
  assert.equal(findFailedTrial(at.world, kernel)?.id, '2');
  assert.equal(forgetFailedTrial(at.world, kernel), true, 'a confirmation makes good for both');
  rememberFailedTrial(at.world, cut('3'));
  rememberFailedTrial(at.world, failed('4', NEW, 'aa'));
  assert.equal(findFailedTrial(at.world, kernel)?.id, '4', 'a panic is no bad luck');
});

test('what an older khop called a failure is judged anew, and a word of a newer one counts', () => {
  using at = trialWorld(machineAtHome());
  const find = (release: string) => findFailedTrial(at.world, { release, imageSha256: null })?.cause;
  rememberFailedTrial(at.world, { ...failed('1', NEW, null), cause: 'unconfirmed' });
  rememberFailedTrial(at.world, { ...failed('2', OLD, null), cause: 'melted' });
  assert.deepEqual([find(NEW), find(OLD)], [undefined, 'melted']);
});
