import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { InitramfsWish } from '../../src/prepare/prepare-initramfs.ts';
import type {
  HistoryEntry,
  LoadEndHistoryEntry,
  LoadHistoryEntry,
  SwitchHistoryEntry,
} from '../../src/switch/history.ts';
import { initramfsWish } from '../../src/switch/initramfs-wish.ts';
import { healthyMachine } from '../support/machine-facts.ts';
import { quietWorld } from '../support/switch-world.ts';

const IMAGE = '/boot/vmlinuz-6.12';

function lastSwitch(
  outcome: SwitchHistoryEntry['outcome'],
  cause: string | null,
  optimisations = ['trim'],
): SwitchHistoryEntry {
  const end = { verdict: 'returned', cause, detail: 'x', phase: 'system', returnMs: null } as const;
  return {
    ...{ version: 1, kind: 'switch', id: 'x', atMs: 0, method: 'segments', optimisations },
    ...{ shutdown: 'own', fromRelease: '6.1', toRelease: '6.12', image: IMAGE, outcome },
    trial: cause === null ? null : end,
    ...{ arrivedRelease: null, arrivedBootId: null, loadMs: 1, downMs: null, upMs: null },
  };
}

function load(optimisations: string[] | undefined, over: Partial<LoadHistoryEntry> = {}): LoadHistoryEntry {
  return {
    ...{ version: 1, kind: 'load', atMs: 0, slot: 'normal', method: 'segments', fromRelease: '6.1' },
    ...{ toRelease: '6.12', image: IMAGE, loadMs: 1, optimisations },
    ...over,
  };
}

/** Of a load without a ticket. */
function loadEnd(
  outcome: LoadEndHistoryEntry['outcome'],
  optimisations = ['trim'],
  image = IMAGE,
): LoadEndHistoryEntry {
  return {
    ...{ version: 1, kind: 'load-end', atMs: 0, image, toRelease: '6.12', optimisations, outcome },
    ...{ arrivedRelease: '6.1', arrivedBootId: 'b' },
  };
}

/** A trial of which there was no ticket any more. */
const LOST: HistoryEntry = {
  ...{ version: 1, kind: 'trial-lost', id: null, atMs: 1, reason: 'damaged', movedTo: null, digest: 'd' },
  ...{ cause: 'unknown', detail: 'x', arrivedRelease: '6.1', arrivedBootId: 'b' },
};

function wishAfter(...entries: HistoryEntry[]): InitramfsWish {
  const start = {
    image: IMAGE,
    release: '6.12',
    commandLine: 'quiet',
    isTrimAllowed: true,
    packing: 'none',
  } as const;
  const history = { entries, damaged: [] };
  return initramfsWish(quietWorld('/nowhere'), healthyMachine(), history, start);
}

function isTrimmed(...entries: HistoryEntry[]): boolean {
  return wishAfter(...entries).needs !== undefined;
}

test('after a trimmed initramfs did not arrive, or came home from its trial, the next one is complete', () => {
  assert.equal(isTrimmed(lastSwitch('arrived', null)), true);
  assert.equal(isTrimmed(lastSwitch('elsewhere', null)), false);
  assert.equal(isTrimmed(lastSwitch('returned', 'stuck-boot')), false);
});

test('a trial that somebody ended says nothing of the initramfs', () => {
  assert.equal(isTrimmed(lastSwitch('returned', 'asked')), true);
});

test('what switches with a complete one did after it does not make a trimmed one trusted again', () => {
  const failed = lastSwitch('elsewhere', null);
  assert.equal(isTrimmed(failed, lastSwitch('arrived', null, [])), false);
  assert.equal(isTrimmed(failed, lastSwitch('elsewhere', null, ['initramfs'])), false);
  assert.equal(isTrimmed(failed, lastSwitch('arrived', null)), true);
  assert.equal(isTrimmed(lastSwitch('arrived', null), lastSwitch('elsewhere', null, [])), true);
});

test('a trial whose ticket was lost counts by what was loaded for it', () => {
  assert.equal(isTrimmed(load(['trim']), LOST), false);
  assert.equal(
    isTrimmed(load(['trim']), load([], { fromRelease: '6.12', image: '/boot/home' }), LOST),
    false,
  );
  assert.equal(isTrimmed(load([]), LOST), true);
  assert.equal(isTrimmed(load(undefined), LOST), true);
  assert.equal(isTrimmed(load(['trim'], { slot: 'crash' }), LOST), true);
  assert.equal(isTrimmed(load(['trim'], { image: '/boot/other' }), LOST), true);
  assert.equal(isTrimmed(load(['trim']), load([], { image: '/boot/other' }), LOST), true);
  assert.equal(isTrimmed(load(['trim']), lastSwitch('arrived', null), LOST), true);
  assert.equal(isTrimmed(load(['trim']), LOST, lastSwitch('arrived', null)), true);
});

test('what was loaded and is in the history no further says nothing', () => {
  assert.equal(isTrimmed(load(['trim'])), true);
  assert.equal(isTrimmed(lastSwitch('elsewhere', null), load(['trim'])), false);
});

test('another kernel, also one that was installed by the same name, is trimmed', () => {
  const failed = lastSwitch('elsewhere', null);
  assert.equal(isTrimmed({ ...failed, image: '/boot/vmlinuz-6.11' }), true);
  assert.equal(isTrimmed({ ...failed, toRelease: '6.11' }), true);
});

test('after a load with a trimmed one was not seen to arrive, the next is complete until the kernel has arrived', () => {
  const doubtful = wishAfter(load(['trim']), loadEnd('unknown'));
  assert.deepEqual(
    [doubtful.needs, doubtful.untrimmedBecause],
    [undefined, 'the last load of this kernel with a trimmed one was not seen to arrive'],
  );
  assert.equal(isTrimmed(loadEnd('arrived')), true);
  const doubt = loadEnd('unknown');
  for (const end of [
    lastSwitch('arrived', null, []),
    lastSwitch('arrived', null),
    loadEnd('arrived', []),
    loadEnd('arrived'),
  ])
    assert.equal(isTrimmed(doubt, end), true);
  for (const other of [
    lastSwitch('abandoned', null),
    lastSwitch('elsewhere', null, []),
    lastSwitch('returned', 'stuck-boot', []),
    { ...lastSwitch('arrived', null), image: '/boot/other' },
    loadEnd('unknown', []),
    loadEnd('arrived', [], '/boot/other'),
  ])
    assert.equal(isTrimmed(doubt, other), false);
  assert.equal(isTrimmed(doubt, loadEnd('arrived', []), doubt), false);
});

test('a load that says nothing of a trimmed one raises no doubt', () => {
  assert.equal(isTrimmed(loadEnd('unknown', [])), true);
  assert.equal(isTrimmed(loadEnd('unknown', ['trim'], '/boot/other')), true);
});

test('a failure outlasts a doubt, and is over only when a trimmed one has arrived', () => {
  for (const entries of [
    [lastSwitch('elsewhere', null), loadEnd('unknown')],
    [loadEnd('unknown'), lastSwitch('elsewhere', null)],
  ]) {
    const { untrimmedBecause } = wishAfter(...entries);
    assert.match(untrimmedBecause, /did not arrive$/);
    assert.equal(isTrimmed(...entries, loadEnd('arrived', [])), false);
    assert.equal(isTrimmed(...entries, loadEnd('arrived')), true);
  }
});

test('a load whose end is known is not what a trial was whose ticket was lost', () => {
  assert.equal(isTrimmed(load(['trim']), loadEnd('arrived'), LOST), true);
  assert.match(
    wishAfter(load(['trim']), loadEnd('unknown'), load(['trim']), LOST).untrimmedBecause,
    /did not arrive$/,
  );
});

test('a second load that was not seen to arrive with a trimmed one has failed, unless one between them arrived', () => {
  const doubt = loadEnd('unknown');
  assert.equal(isTrimmed(doubt, loadEnd('arrived', []), doubt, loadEnd('arrived', [])), false);
  assert.equal(
    isTrimmed(doubt, loadEnd('arrived', []), loadEnd('arrived'), doubt, loadEnd('arrived', [])),
    true,
  );
});
