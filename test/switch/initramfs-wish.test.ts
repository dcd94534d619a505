import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { HistoryEntry, LoadHistoryEntry, SwitchHistoryEntry } from '../../src/switch/history.ts';
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

/** A trial of which there was no ticket any more. */
const LOST: HistoryEntry = {
  ...{ version: 1, kind: 'trial-lost', id: null, atMs: 1, reason: 'damaged', movedTo: null, digest: 'd' },
  ...{ cause: 'unknown', detail: 'x', arrivedRelease: '6.1', arrivedBootId: 'b' },
};

function isTrimmed(...entries: HistoryEntry[]): boolean {
  const start = {
    image: IMAGE,
    release: '6.12',
    commandLine: 'quiet',
    isTrimAllowed: true,
    packing: 'none',
  } as const;
  const history = { entries, damaged: [] };
  return initramfsWish(quietWorld('/nowhere'), healthyMachine(), history, start).needs !== undefined;
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
