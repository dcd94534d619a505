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

/** What is expected of cuts at moments whose names end so, in the order of their times. */
function expectedAfter(moment: string): string[] {
  const found = trialCases().filter(
    ({ name, point, bed }) =>
      name === 'power cut' && bed.firmware === 'seabios' && point.endsWith(` ms after ${moment}`),
  );
  assert.notEqual(found.length, 0, moment);
  return found.map(({ expected }) => expected);
}

test('a trial that is cut off before its decision comes home once it is on the disk, and behind it is confirmed', () => {
  const home = 'home by firmware, firmware';
  assert.deepEqual(new Set(expectedAfter('somebody said yes')), new Set([`never left or ${home}`]));
  for (const moment of ['the way down began', 'the agent began', 'the network'])
    assert.deepEqual(new Set(expectedAfter(moment)), new Set([home]), moment);
  for (const moment of ['the jump', 'the services']) {
    const [first, ...others] = expectedAfter(moment);
    assert.equal(first, home);
    assert.equal(others.at(-1), `${home} or confirmed`);
  }
  const decided = expectedAfter('the decision');
  assert.equal(decided[0], `${home} or confirmed`);
  assert.equal(decided.at(-1), 'confirmed');
  assert.deepEqual(new Set(expectedAfter('the confirmation')), new Set(['confirmed']));
});

test('the cause that the agent has written outlives a cut on its way home', () => {
  const causes = expectedAfter('the way home began');
  assert.equal(causes[0], 'home by firmware, firmware or home by firmware, unhealthy');
  assert.equal(causes.at(-1), 'home by firmware, unhealthy');
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
