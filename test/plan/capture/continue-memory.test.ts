import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  type ContinueMemoryRequest,
  continueMemoryNeed,
  LEAST_USER_BYTES,
} from '../../../src/plan/capture/continue-memory.ts';

const MIB = 1024 * 1024;

function need(over: Partial<ContinueMemoryRequest> = {}) {
  return continueMemoryNeed({
    release: '6.1.0-56-amd64',
    kernelBytes: 58 * MIB,
    placedBytes: 58 * MIB,
    packedBytes: 20 * MIB,
    unpackedBytes: 20 * MIB,
    keptBytes: 0,
    usedBytes: 0,
    cpus: 1,
    ...over,
  });
}

test('a system that uses next to nothing gets the least that a user space needs', () => {
  assert.equal(need().userBytes, LEAST_USER_BYTES);
  assert.equal(need({ usedBytes: 100 * MIB }).bytes, need().bytes);
  assert.ok(need().run.some(({ what }) => what.startsWith('user space at the least')));
});

test('beyond that the need grows with what is in use, and a quarter', () => {
  const [small, large] = [need({ usedBytes: 400 * MIB }), need({ usedBytes: 800 * MIB })];
  assert.equal(small.userBytes, 500 * MIB);
  const more = (large.bytes - small.bytes) / MIB;
  assert.ok(more >= 500 && more <= 509, `${more} MiB with the page structs`);
});

test('an initramfs is paid for by the memory that programs get after it', () => {
  assert.equal(need({ packedBytes: 60 * MIB, unpackedBytes: 60 * MIB }).bytes, need().bytes);
  assert.ok(need({ packedBytes: 150 * MIB, unpackedBytes: 150 * MIB }).bytes > need().bytes);
});

test('the terms add up, and what is kept counts in full', () => {
  const { run, bytes, moment } = need({ keptBytes: 64 * MIB });
  assert.equal(moment, 'run');
  const sum = run.reduce((all, term) => all + term.bytes, 0);
  assert.ok(bytes >= sum && bytes - sum < MIB);
  assert.ok(bytes - need().bytes >= 64 * MIB);
});
