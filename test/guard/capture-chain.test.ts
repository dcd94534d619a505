import assert from 'node:assert/strict';
import { test } from 'node:test';
import { CHAIN_STEPS, outcomeOf, parseChain } from '../../src/guard/capture-chain.ts';

test('steps are read with their time, their clock and their reason', () => {
  assert.deepEqual(parseChain('captured 812\ndump-skipped 1241 not asked for\nhome 6120\n'), {
    steps: [
      { step: 'captured', ms: 812, clock: 'capture', reason: null },
      { step: 'dump-skipped', ms: 1241, clock: 'capture', reason: 'not asked for' },
      { step: 'home', ms: 6120, clock: 'home', reason: null },
    ],
    damaged: [],
  });
});

test('a line that is no step is said, and the others count', () => {
  const { steps, damaged } = parseChain(
    'captured 812\nflew 3\nreport\nreport -4\nreport 1e3\n\x1b[2J 4\nreport 9\n',
  );
  assert.deepEqual(
    steps.map(({ step }) => step),
    ['captured', 'report'],
  );
  assert.equal(damaged.length, 5);
  assert.match(damaged[4]!, /^chain\.txt, line 6: .*: \?\[2J 4$/);
});

test('every step can be written', () => {
  const text = CHAIN_STEPS.map((step, index) => `${step} ${index}`).join('\n');
  assert.deepEqual(parseChain(text).damaged, []);
});

test('how it ended is only what was written down', () => {
  const outcome = (text: string) => outcomeOf(parseChain(text).steps);
  assert.equal(outcome('captured 1\nleave-kexec 2\nhome 3'), 'home-by-kexec');
  assert.equal(outcome('captured 1\nleave-firmware 2\nhome 3'), 'home-by-firmware');
  assert.equal(outcome('captured 1\nleave-kexec 2\nhome 3 firmware'), 'home-by-firmware', 'the jump failed');
  assert.equal(outcome('captured 1\ncontinue 2'), 'continued');
  for (const text of ['', 'captured 1', 'captured 1\nleave-kexec 2', 'captured 1\nreport 2\nhome 3'])
    assert.equal(outcome(text), 'unknown', text);
});
