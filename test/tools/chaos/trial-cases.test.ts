import assert from 'node:assert/strict';
import { test } from 'node:test';
import { trialCases } from '../../../tools/chaos/trial/cases.ts';
import { inTurns } from '../../../tools/chaos/trial/in-turns.ts';

test('each firmware has every case once, and power is cut at fifty moments and more', () => {
  const cases = trialCases();
  for (const firmware of ['seabios', 'ovmf']) {
    const titles = cases
      .filter(({ bed }) => bed.firmware === firmware)
      .map(({ name, point }) => `${name}, ${point}`);
    assert.equal(titles.length, cases.length / 2);
    assert.deepEqual([...new Set(titles)], titles);
    assert.ok(titles.filter((title) => title.startsWith('power cut, ')).length >= 50);
  }
});

test('a panic on another processor than the first comes home through the firmware, and its report is asked for', () => {
  const cases = trialCases().filter(({ name }) => name === 'panic on CPU 1');
  assert.deepEqual(
    cases.map(({ bed, expected, cause }) => [bed.firmware, expected, cause]),
    ['seabios', 'ovmf'].map((firmware) => [firmware, 'home by firmware', 'panic']),
  );
  for (const { detail } of cases) {
    assert.match('sysrq triggered crash (khop crashes show 2027-01-15T075000Z-6.12)', detail ?? /never/);
    assert.doesNotMatch('/sys/fs/pstore holds a record of a kernel that died', detail ?? /./);
  }
});

test('only a machine with a watchdog can be expected to be brought home by it', () => {
  for (const { name, bed, cause } of trialCases())
    if (cause === 'watchdog' || name.endsWith(', watchdog')) assert.equal(bed.hasWatchdog, true, name);
});

test('what is done in turns begins when the one before has ended, also by an error; other keys do not wait', async () => {
  const events: string[] = [];
  const gate = Promise.withResolvers<void>();
  const first = inTurns('a', async () => {
    events.push('first');
    await gate.promise;
    throw new Error('failed');
  });
  const second = inTurns('a', async () => events.push('second'));
  await inTurns('b', async () => events.push('other'));
  assert.deepEqual(events, ['first', 'other']);
  gate.resolve();
  await assert.rejects(first, /failed/);
  await second;
  assert.deepEqual(events, ['first', 'other', 'second']);
});
