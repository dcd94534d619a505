import assert from 'node:assert/strict';
import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { chooseKernel } from '../../src/switch/choose-kernel.ts';
import type { ProposalOptions } from '../../src/switch/proposal.ts';
import { encodeTicket, type TicketTrial } from '../../src/switch/ticket.ts';
import { type ConfirmCalls, confirmTrial } from '../../src/trial/confirm.ts';
import { findFailedTrial, rememberFailedTrial } from '../../src/trial/failed-trials.ts';
import { readKnownGood } from '../../src/trial/known-good.ts';
import { describeTried } from '../../src/trial/tried-kernel.ts';
import { imageOf } from '../support/fixture-tree.ts';
import { buildTree } from '../support/tree-builder.ts';
import {
  machineOnTrial,
  NEW,
  TRIAL_ID,
  type TrialWorld,
  trialTicket,
  trialWorld,
} from '../support/trial-world.ts';

const CALLS: ConfirmCalls = {
  endGuardian: async () => [],
  writeSysctl: () => undefined,
  rearmGuard: async () => undefined,
  startMeasuring: async () => undefined,
  tellUsers: async () => undefined,
};

/** A ticket that says what was tried. @param line of the kernel on trial, without what khop adds */
function confirmingTried(
  options: Pick<ProposalOptions, 'initrd' | 'dtb'> = {},
  line = 'root=/dev/vda1 quiet',
  over: Partial<TicketTrial> = {},
): TrialWorld {
  const at = trialWorld(machineOnTrial(), null);
  const kernel = chooseKernel(at.world, at.world.readMachine(), NEW);
  const tried = describeTried(kernel, options, `${line} khop.switch=${TRIAL_ID}`);
  const ticket = trialTicket({ tried, ...over }, { image: join(at.root, 'boot/new') });
  at.world.files.write(`${at.world.folders.state}/trial.json`, encodeTicket(ticket));
  return at;
}

test('an entry that starts what was tried, whatever the names of its files, becomes the default', async () => {
  using copies = buildTree({ 'copy.img': 'new initramfs' });
  for (const options of [{}, { initrd: [`${copies.root}/copy.img`] }]) {
    using at = confirmingTried(options);
    const { defaultEntry, problems } = await confirmTrial(at.world, CALLS);
    assert.deepEqual([defaultEntry, problems], [{ state: 'set' }, []]);
    assert.equal(readKnownGood(at.world).length, 1);
  }
});

test('an entry that starts something else than was tried is neither the default nor known to be good', async () => {
  using others = buildTree({ 'good.img': 'another initramfs', 'board.dtb': 'a device tree' });
  const rebuilt = () => {
    const at = confirmingTried();
    writeFileSync(join(at.root, 'boot/new.img'), 'rebuilt by a trigger');
    return at;
  };
  const gone = () => {
    const at = confirmingTried();
    rmSync(join(at.root, 'boot/new.img'));
    return at;
  };
  const edited = () => {
    const at = confirmingTried();
    const entry = join(at.root, 'boot/loader/entries/new.conf');
    writeFileSync(entry, readFileSync(entry, 'utf8').replace('quiet', 'quiet mitigations=off'));
    return at;
  };
  const cases: readonly (readonly [() => TrialWorld, RegExp])[] = [
    [
      () => confirmingTried({ initrd: [`${others.root}/good.img`] }),
      /tried with \S+good\.img instead of \S+new\.img$/,
    ],
    [() => confirmingTried({ initrd: [] }), /tried with no initrd instead of \S+new\.img$/],
    [
      () => confirmingTried({ dtb: `${others.root}/board.dtb` }),
      /with \S+board\.dtb instead of no device tree$/,
    ],
    [() => confirmingTried({}, 'root=/dev/vda1 quiet nosmt'), /it was tried with nosmt$/],
    [
      () => confirmingTried({}, 'root=/dev/vda2'),
      /it was tried with root=\/dev\/vda2 and without root=\/dev\/vda1 quiet$/,
    ],
    [() => confirmingTried({}, 'quiet root=/dev/vda1'), /tried with its parameters in another order$/],
    [rebuilt, /boot\/new\.img has changed since$/],
    [gone, /new\.img/],
    [edited, /its command line has changed since$/],
  ];
  for (const [make, reason] of cases) {
    using at = make();
    const { defaultEntry, problems, entry } = await confirmTrial(at.world, CALLS);
    assert.ok(defaultEntry.state === 'not-set');
    assert.match(defaultEntry.reason, reason);
    assert.deepEqual(problems, [`${defaultEntry.reason}; so that is not recorded as known to be good`]);
    assert.equal(entry.trial?.detail, `confirmed; it does not start by itself: ${defaultEntry.reason}`);
    assert.deepEqual([readKnownGood(at.world)[0], entry.outcome], [undefined, 'arrived']);
    assert.match(at.disk()['boot/loader/loader.conf']!, /^default old\.conf$/m);
  }
});

test('a kernel by its path is recorded with the command line that it was tried with, if its files are those', async () => {
  for (const isRebuilt of [false, true]) {
    using at = confirmingTried({}, 'root=/dev/vda1 nosmt', { entryId: null });
    // Beside a kernel by its path lies no initrd of that name.
    const ticket = JSON.parse(at.text('trial.json')!);
    ticket.trial.tried.initrds = [];
    at.world.files.write(`${at.world.folders.state}/trial.json`, JSON.stringify(ticket));
    if (isRebuilt)
      writeFileSync(join(at.root, 'boot/new'), Buffer.concat([imageOf(NEW), Buffer.from('rebuilt')]));
    const { defaultEntry } = await confirmTrial(at.world, CALLS);
    assert.match(defaultEntry.state === 'not-set' ? defaultEntry.reason : '', /that is no boot entry/);
    assert.equal(readKnownGood(at.world).length, isRebuilt ? 0 : 1);
  }
});

test('only failures of the image that was tried are forgotten', async () => {
  using at = confirmingTried();
  const failed = { id: '1', release: NEW, title: 'New', atMs: 1, cause: 'panic', detail: 'x' };
  const { image } = JSON.parse(at.text('trial.json')!).trial.tried;
  for (const imageSha256 of ['another', image.sha256])
    rememberFailedTrial(at.world, { ...failed, id: imageSha256, imageSha256 });
  writeFileSync(join(at.root, 'boot/new.img'), 'rebuilt');
  await confirmTrial(at.world, CALLS);
  assert.equal(findFailedTrial(at.world, { release: NEW, imageSha256: image.sha256 }), undefined);
  assert.equal(findFailedTrial(at.world, { release: NEW, imageSha256: 'another' })?.id, 'another');
});
