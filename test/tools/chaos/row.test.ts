import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseOptions } from '../../../tools/chaos/options.ts';
import { anyOf, type ChaosRow, isAsExpected, renderRows } from '../../../tools/chaos/row.ts';
import { trialCases } from '../../../tools/chaos/trial/cases.ts';
import { trialRow } from '../../../tools/chaos/trial/trial-row.ts';

const ROW: ChaosRow = {
  suite: 'guard',
  case: 'sysrq-c',
  point: 'running kernel',
  firmware: 'seabios',
  outcome: 'home by kexec with report',
  expected: 'home by kexec',
  cause: 'Kernel panic',
  seconds: 12.34,
};

test('an outcome is as expected when it says at least what was expected, in whole words', () => {
  assert.equal(isAsExpected(ROW), true);
  assert.equal(isAsExpected({ ...ROW, expected: ROW.outcome }), true);
  assert.equal(isAsExpected({ ...ROW, expected: 'home by kexec without report' }), false);
  assert.equal(isAsExpected({ ...ROW, outcome: 'home, but 1 of 2 CPUs', expected: 'home' }), false);
});

test('where several outcomes are right, any of them is, and nothing between them', () => {
  const expected = anyOf(['never left', 'home by firmware, firmware']);
  const isRight = (outcome: string) => isAsExpected({ ...ROW, outcome, expected });
  assert.equal(isRight('never left'), true);
  assert.equal(isRight('home by firmware, firmware'), true);
  for (const other of [
    'home by firmware',
    'home by firmware, firmware, but it ended 2 times',
    'confirmed',
    '',
  ])
    assert.equal(isRight(other), false, other);
});

test('the table says of each row whether it is as expected, and counts them', () => {
  const lines = renderRows([ROW, { ...ROW, outcome: 'hangs' }], 61.4).split('\n');
  assert.match(lines[1]!, /^ok .* home by kexec with report +12\.3 +Kernel panic$/);
  assert.match(lines[2]!, /^FAIL .*hangs \(expected: home by kexec\)/);
  assert.equal(lines.at(-1), '2 cases in 61 s: 1 as expected, 1 not');
});

test('the row of a trial has the fields of all rows, and says whether the machine had a watchdog', () => {
  const rows = trialCases()
    .filter(
      ({ name, point, bed }) =>
        /^panic(, watchdog)?$/.test(name) && `${point} ${bed.firmware}` === 'services ovmf',
    )
    .map((each) => trialRow(each, { outcome: 'home by kexec, panic', cause: 'sysrq', seconds: 12.34 }));
  const common = { suite: 'trial', point: 'services', firmware: 'ovmf', outcome: 'home by kexec, panic' };
  const rest = { ...common, expected: 'home by kexec, panic', cause: 'sysrq', seconds: 12.3 };
  assert.deepEqual(rows, [
    { ...rest, case: 'panic', watchdog: false },
    { ...rest, case: 'panic, watchdog', watchdog: true },
  ]);
  assert.deepEqual(
    Object.keys(rows[0]!)
      .filter((field) => field !== 'watchdog')
      .sort(),
    Object.keys(ROW).sort(),
  );
});

test('without a suite all of them run, a case belongs to the suites that have cases, and other words are refused', () => {
  assert.deepEqual(parseOptions([]), {
    suites: ['fast', 'guard', 'trial', 'good'],
    json: undefined,
    cases: [],
    firmware: undefined,
    isList: false,
    jobs: 1,
    switches: 50,
  });
  assert.deepEqual(parseOptions(['--case', 'power']), {
    suites: ['guard', 'trial'],
    json: undefined,
    cases: ['power'],
    firmware: undefined,
    isList: false,
    jobs: 1,
    switches: 50,
  });
  assert.deepEqual(parseOptions(['guard', '--json', 'x.json']), {
    suites: ['guard'],
    json: 'x.json',
    cases: [],
    firmware: undefined,
    isList: false,
    jobs: 1,
    switches: 50,
  });
  for (const jobs of ['0', '-1', 'two', '1.5', ''])
    assert.throws(() => parseOptions([`--jobs=${jobs}`]), { code: 'E_USAGE', message: /no number/ });
  for (const switches of ['0', '-5', 'many', '10000'])
    assert.throws(() => parseOptions(['good', `--switches=${switches}`]), { code: 'E_USAGE' });
  const two = parseOptions(['trial', '--jobs', '2']);
  assert.equal(two === 'help' ? 0 : two.jobs, 2);
  assert.equal(parseOptions(['--help']), 'help');
  assert.throws(() => parseOptions(['gaurd']), { code: 'E_USAGE', message: /no suite gaurd/ });
  assert.throws(() => parseOptions(['--cases']), { code: 'E_USAGE' });
});
