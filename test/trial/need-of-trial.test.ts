import assert from 'node:assert/strict';
import { appendFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { renderNeedOfTrial } from '../../src/cli/render/trial.ts';
import { chooseKernel } from '../../src/switch/choose-kernel.ts';
import type { SwitchHistoryEntry } from '../../src/switch/history.ts';
import { encodeHistoryEntry } from '../../src/switch/history.ts';
import type { ProposalOptions } from '../../src/switch/proposal.ts';
import { historyPath } from '../../src/switch/state-paths.ts';
import { generationOf, recordKnownGood } from '../../src/trial/known-good.ts';
import { needOfTrial, refuseOnWayDown } from '../../src/trial/need-of-trial.ts';
import { silentSystemd, systemd } from '../support/health-world.ts';
import { initramfsImage, SOME_MODULES } from '../support/initramfs-builder.ts';
import { absent, unreadable } from '../support/machine-facts.ts';
import type { TreeFiles } from '../support/tree-builder.ts';
import {
  machineAtHome,
  NEW,
  NOW_MS,
  OLD,
  TRIAL_ID,
  type TrialWorld,
  trialWorld,
} from '../support/trial-world.ts';
import { buildKernelImage } from '../support/unpacked-kernel-builder.ts';

const INITRAMFS = initramfsImage({
  release: '6.1.0-test-amd64',
  modules: SOME_MODULES,
  files: { init: '#!/bin/sh' },
});

/** The newer kernel was confirmed, as it is now. */
function confirmed(files: TreeFiles = {}): TrialWorld {
  const at = trialWorld(machineAtHome(), null, files);
  const kernel = chooseKernel(at.world, at.world.readMachine(), 'new');
  recordKnownGood(at.world, generationOf(kernel, kernel.id, { confirmedAtMs: NOW_MS, bootId: null }));
  return at;
}

test('a kernel that was confirmed with these files and this command line is proven, another is not', () => {
  using at = confirmed();
  assert.equal(needOfTrial(at.world, NEW, {}).proven?.release, NEW);
  assert.deepEqual(needOfTrial(at.world, 'old', {}), { isTrial: true });
});

test('with something else than it was confirmed with, it has to be tried', () => {
  using at = confirmed();
  const others: readonly ProposalOptions[] = [
    { initrd: [] },
    { commandLine: '' },
    { reuseCmdline: true },
    { append: ['debug'] },
    { dtb: '/board.dtb' },
    { fast: true },
  ];
  for (const options of others)
    assert.equal(needOfTrial(at.world, NEW, options).isTrial, true, JSON.stringify(options));
  assert.equal(needOfTrial(at.world, NEW, { append: [], reuseCmdline: false }).isTrial, false);
});

/** A switch to the newer kernel that ended well: the one that confirmed it, unless something else is said. */
function arrival(root: string, over: Partial<SwitchHistoryEntry>): string {
  return encodeHistoryEntry({
    ...{ version: 1, kind: 'switch', id: TRIAL_ID, atMs: NOW_MS - 60_000, method: 'segments' },
    ...{
      optimisations: [],
      shutdown: 'systemd',
      fromRelease: OLD,
      toRelease: NEW,
      image: join(root, 'boot/new'),
    },
    ...{ outcome: 'arrived', trial: CONFIRMED, arrivedRelease: NEW, arrivedBootId: 'b', loadMs: 1 },
    ...{ downMs: 1, upMs: 1, ...over },
  });
}

const CONFIRMED = {
  verdict: 'confirmed',
  cause: null,
  detail: 'x',
  phase: 'confirmed',
  returnMs: null,
} as const;
/** Of `buildKernelImage`, for whose modules the initramfs is. */
const BUILT = '6.1.0-test-amd64';
const WARM = ['cryptomgr.notests'];
const ALL = ['direct-entry', 'initramfs', 'trim', 'parameters'];

test('what --fast makes of a confirmed kernel is tried, until the kernel has arrived with all of it', () => {
  const plain = { optimisations: [], added: ['panic=10'] };
  const fast = { optimisations: ALL, added: ['panic=10', ...WARM] };
  const later = { trial: null, atMs: NOW_MS + 60_000 };
  const cases: readonly [
    history: readonly Partial<SwitchHistoryEntry>[],
    untried: readonly string[],
    options?: ProposalOptions,
  ][] = [
    [[], ['direct-entry', 'trim', 'parameters']],
    [[plain], ['direct-entry', 'trim', 'parameters']],
    [[fast], []],
    [[plain, { ...fast, ...later }], []],
    [
      [plain, { ...fast, ...later, outcome: 'elsewhere', toRelease: BUILT }],
      ['direct-entry', 'parameters'],
    ],
    [
      [plain, { ...fast, ...later, image: '/boot/other' }],
      ['direct-entry', 'trim', 'parameters'],
    ],
    [
      [{ ...fast, trial: null, atMs: NOW_MS - 90_000 }, plain],
      ['direct-entry', 'trim', 'parameters'],
    ],
    [[{ ...fast, optimisations: ALL.filter((name) => name !== 'trim') }], ['trim']],
    [[{ ...fast, optimisations: ALL.filter((name) => name !== 'trim') }], [], { without: ['trim'] }],
    [[fast], ['parameters'], { profile: 'lean' }],
    [[{ ...fast, added: undefined }], ['parameters']],
    [[plain], [], { without: ALL }],
  ];
  for (const [history, untried, options = {}] of cases) {
    using at = confirmed({ 'boot/new': buildKernelImage(), 'boot/new.img': INITRAMFS });
    for (const entry of history) appendFileSync(historyPath(at.world.folders), arrival(at.root, entry));
    const need = needOfTrial(at.world, 'new', { fast: true, ...options });
    assert.deepEqual(
      [need.isTrial, need.untried ?? [], need.proven?.image],
      [untried.length > 0, untried, join(at.root, 'boot/new')],
      JSON.stringify([history, options]),
    );
  }
});

test('why a confirmed kernel is tried all the same is said by name', () => {
  using at = confirmed();
  const { proven, untried } = needOfTrial(at.world, NEW, { fast: true });
  assert.ok(proven !== undefined && untried !== undefined);
  assert.match(renderNeedOfTrial(proven, untried), /confirmed on .* never arrived with parameters as --fast/);
  assert.match(renderNeedOfTrial(proven), /confirmed on .*: no trial is needed/);
});

test('files or a boot entry that changed since the confirmation have to be tried', () => {
  for (const path of ['boot/new', 'boot/new.img', 'boot/loader/entries/new.conf']) {
    using at = confirmed();
    appendFileSync(join(at.root, path), path.endsWith('conf') ? 'options debug\n' : 'x');
    assert.deepEqual(needOfTrial(at.world, NEW, {}), { isTrial: true }, path);
  }
});

test('on the way down no trial begins; a system that is up, or that nobody can ask, may', async () => {
  await assert.rejects(refuseOnWayDown({ units: systemd('stopping') }), { code: 'E_STATE' });
  for (const units of [
    ...['running', 'degraded', 'starting'].map((state) => systemd(state)),
    silentSystemd(absent('/run/systemd/system')),
    silentSystemd(unreadable('systemctl is-system-running')),
  ])
    await refuseOnWayDown({ units });
});

test('what a person says counts before khop.conf, and that before what was confirmed', () => {
  using at = confirmed();
  const without = { ...at.world, configuration: { ...at.world.configuration, trial: false } };
  assert.deepEqual(needOfTrial(at.world, NEW, { trial: true }), { isTrial: true });
  assert.deepEqual(needOfTrial(at.world, 'old', { trial: false }), { isTrial: false });
  assert.deepEqual(needOfTrial(without, 'old', {}), { isTrial: false });
  assert.deepEqual(needOfTrial(without, NEW, { trial: true }), { isTrial: true });
});
