import assert from 'node:assert/strict';
import { test } from 'node:test';
import { DEADLINE_SECONDS } from '../../../tools/chaos/guard/bed.ts';
import { HOME_WITHIN_SECONDS, lateness } from '../../../tools/chaos/guard/time-to-home.ts';
import { isAsExpected } from '../../../tools/chaos/row.ts';

const ROW = {
  suite: 'guard' as const,
  case: 'any',
  point: 'any',
  firmware: 'seabios',
  cause: '',
  seconds: 0,
};

test('a way home may take longer than the deadline, and not without an end', () => {
  assert.ok(HOME_WITHIN_SECONDS > DEADLINE_SECONDS);
  assert.equal(lateness(DEADLINE_SECONDS + 30), undefined);
  assert.equal(lateness(HOME_WITHIN_SECONDS), undefined);
  assert.match(lateness(HOME_WITHIN_SECONDS + 0.1)!, /^after \d+ s, of \d+ at most$/);
});

test('a machine that comes home too late is home as nobody expects it', () => {
  const outcome = `home, but ${lateness(HOME_WITHIN_SECONDS + 1)}`;
  for (const expected of ['home', 'home by kexec', 'home by kexec with report'])
    assert.equal(isAsExpected({ ...ROW, outcome, expected }), false);
});
