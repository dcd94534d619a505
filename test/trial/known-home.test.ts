import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { type Reading, valueOf } from '../../src/machine/reading.ts';
import { chooseKernel } from '../../src/switch/choose-kernel.ts';
import { generationOf, type Proof, recordKnownGood } from '../../src/trial/known-good.ts';
import { whyNotKnownHome } from '../../src/trial/known-home.ts';
import { returnTableInput } from '../../src/trial/promise.ts';
import { returnTable, uncoveredClasses } from '../../src/trial/return-table.ts';
import { stageTrial } from '../../src/trial/stage-trial.ts';
import { imageOf } from '../support/fixture-tree.ts';
import { absent, read } from '../support/machine-facts.ts';
import { archiveOf, stage, stagingWorld, watched } from '../support/staged-trial.ts';
import { machineAtHome, NEW, OLD, TRIAL_ID, trialWorld } from '../support/trial-world.ts';

interface Case {
  /** As it was confirmed before the image was replaced, under the same release; undefined: it never was. */
  readonly proof?: Proof;
  readonly isReplaced?: boolean;
  /** What runs. */
  readonly version?: Reading<string>;
  readonly home?: string;
  /** Text of known-good.json. */
  readonly text?: string;
}

function whyNot({ proof, isReplaced = true, version = read('#1 SMP'), home = OLD, text }: Case) {
  using at = trialWorld(machineAtHome(), null);
  const machine = { ...machineAtHome(), version };
  const kernel = chooseKernel(at.world, machine, home);
  if (proof !== undefined) recordKnownGood(at.world, generationOf(kernel, kernel.id, proof));
  if (text !== undefined) at.world.files.write(`${at.world.folders.state}/known-good.json`, text);
  if (isReplaced) writeFileSync(kernel.image, Buffer.concat([imageOf(home), Buffer.from('rebuilt')]));
  return whyNotKnownHome(at.world, machine, kernel, undefined)?.replace(join(at.root, '/'), '/');
}

const BEFORE: Proof = { confirmedAtMs: 1, bootId: 'an earlier boot' };
const CHANGED = '/boot/old has changed since it was confirmed';

test('the running kernel is known when its file says that it is the running one, or nothing is known of it', () => {
  assert.equal(whyNot({}), undefined);
  assert.equal(whyNot({ version: absent() }), undefined);
  assert.match(whyNot({ version: read('#2 SMP') }) ?? '', /^\/boot\/old is not the kernel that runs: /);
});

test('one that was confirmed and has been updated and started since is known all the same', () => {
  assert.equal(whyNot({ proof: { ...BEFORE, version: '#0 SMP' } }), undefined);
  assert.equal(whyNot({ proof: BEFORE }), undefined, 'confirmed by an older khop');
});

test('a build that says the same version, as reproducible ones do, is another when its digest is', () => {
  for (const proof of [
    { ...BEFORE, version: '#1 SMP' },
    { ...BEFORE, bootId: 'home-boot' },
  ]) {
    assert.equal(whyNot({ proof }), CHANGED);
    assert.equal(whyNot({ proof, isReplaced: false }), undefined);
  }
});

test('where no version tells, or another kernel is named, what was confirmed counts', () => {
  assert.equal(valueOf(machineAtHome().release), OLD);
  for (const over of [{ version: absent() }, { home: NEW }]) {
    assert.match(
      whyNot({ ...over, proof: { ...BEFORE, version: '#0 SMP' } }) ?? '',
      /has changed since it was confirmed$/,
    );
    assert.equal(whyNot({ ...over, proof: BEFORE, isReplaced: false }), undefined);
  }
  assert.equal(whyNot({ version: absent(), text: 'junk' }), undefined);
});

const REMEDY = 'restart the machine into it first, or name another kernel with --home';

test('a file that an update has put in the place of the running kernel is no way home, by whatever way', async () => {
  const machine = { ...watched(), version: read('#1 SMP Debian 6.1.100-4') };
  await stage({ machine }, (staged, world) => {
    const input = returnTableInput(world, staged);
    const reason =
      /boot\/old is not the kernel that runs: the file says #1 SMP, the running one #1 SMP Debian 6\.1\.100-4$/;
    for (const part of [input.home, input.panicHome, input.homeDefault])
      assert.match(part.state === 'none' ? part.reason : part.state, reason);
    assert.equal(input.homeDefault.state === 'none' && input.homeDefault.remedy, REMEDY);
    const gaps = uncoveredClasses(returnTable(input), []);
    for (const name of ['panic', 'stuck-boot', 'unhealthy', 'power-loss', 'fallback'] as const)
      assert.ok(gaps.includes(name), name);
    assert.doesNotMatch(archiveOf(staged), /khop\/home\//);
  });
  await stage({ machine, request: { home: NEW } }, ({ home }) => assert.equal(home.state, 'planned'));
});

test('an image that is not what was confirmed under its version is none either', async () => {
  using staging = stagingWorld();
  const { world } = staging;
  const old = chooseKernel(world, world.readMachine(), OLD);
  const proof = { confirmedAtMs: 1, bootId: null, version: '#1 SMP' };
  const known = { ...generationOf(old, old.id, proof), files: [{ path: old.image, sha256: 'another' }] };
  recordKnownGood(world, known);
  const deadlines = { bootSeconds: 240, totalSeconds: 600, confirmSeconds: undefined };
  const request = { selector: NEW, options: {}, id: TRIAL_ID, home: undefined, deadlines };
  const { home, guard, homeDefault } = await stageTrial(world, request);
  const reason = `${old.image} has changed since it was confirmed`;
  assert.deepEqual(home, { state: 'missing', reason, code: undefined });
  assert.deepEqual(guard.state === 'planned' && guard.value.home, { state: 'firmware', reason });
  assert.deepEqual(homeDefault, { state: 'missing', reason, remedy: REMEDY });
});
