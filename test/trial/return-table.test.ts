import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import fc from 'fast-check';
import { renderReturnTable } from '../../src/cli/render/return-table.ts';
import {
  type ReturnRow,
  type ReturnTableInput,
  returnTable,
  uncoveredClasses,
} from '../../src/trial/return-table.ts';
import { FAILURE_CLASSES, type FailureClass } from '../../src/trial/trial-words.ts';

const BEST: ReturnTableInput = {
  panicKernel: { state: 'planned' },
  panicHome: { state: 'planned' },
  panicsElsewhere: 'none',
  home: { state: 'planned' },
  watchdog: { state: 'planned', isOverJump: true, overJumpSeconds: 120, timeoutSeconds: 120 },
  homeDefault: { state: 'already' },
  bootDeadlineSeconds: 120,
  deadlineSeconds: 600,
  needsConfirm: true,
  hasHardLockupDetector: true,
  hasSystemd: true,
  measured: { bootSeconds: 10, firmwareSeconds: 90 },
};

const none = (reason: string) => ({ state: 'none', reason, remedy: `mend ${reason}` }) as const;

function rowOf(name: FailureClass, over: Partial<ReturnTableInput>): ReturnRow {
  return returnTable({ ...BEST, ...over }).find((row) => row.class === name)!;
}

test('a machine with everything is brought home from each class, and within which time is added up', () => {
  const rows = returnTable(BEST);
  assert.deepEqual(
    rows.map((row) => row.class),
    [...FAILURE_CLASSES],
  );
  assert.deepEqual(uncoveredClasses(rows, []), []);
  assert.deepEqual(Object.fromEntries(rows.map((row) => [row.class, row.seconds])), {
    ...{ 'early-panic': 100, panic: 10, hang: 250, 'dead-hang': 210, 'stuck-boot': 130, 'no-network': 610 },
    ...{ unhealthy: 610, unconfirmed: 610, 'power-loss': 90, fallback: 356 },
  });
  assert.deepEqual(
    rows.filter((row) => row.remedy !== null),
    [],
  );
});

test('what was not measured is not known, and is covered all the same', () => {
  const rows = returnTable({ ...BEST, measured: { bootSeconds: null, firmwareSeconds: null } });
  assert.ok(rows.every((row) => row.isCovered && row.seconds === null));
});

const GAPS: readonly (readonly [string, Partial<ReturnTableInput>, readonly FailureClass[]])[] = [
  [
    'another default leaves all to fate that needs the firmware',
    { homeDefault: none('6.12 is the default') },
    ['early-panic', 'dead-hang', 'power-loss', 'fallback'],
  ],
  ['no watchdog leaves the dead hang', { watchdog: none('no watchdog') }, ['dead-hang']],
  [
    'a watchdog that does not count over a jump leaves the dead hang',
    { watchdog: { state: 'planned', isOverJump: false, overJumpSeconds: 720, timeoutSeconds: 60 } },
    ['dead-hang'],
  ],
  ['without systemd nobody watches', { hasSystemd: false }, ['no-network', 'unhealthy']],
  ['no panic kernel leaves nothing, with the firmware', { panicKernel: none('no reservation') }, []],
  ['no kernel in memory leaves nothing, with the firmware', { home: none('no room') }, []],
  ['nor does none for the panic kernel', { panicHome: none('no room') }, []],
  ['nor do panics on other processors, with the firmware', { panicsElsewhere: 'all' }, []],
  [
    'with another default panics on other processors leave the class, since one may be there',
    { homeDefault: none('6.12 is the default'), panicsElsewhere: 'all' },
    ['early-panic', 'panic', 'hang', 'dead-hang', 'power-loss', 'fallback'],
  ],
  [
    'and so do oopses, which no kernel hands to the first one',
    { homeDefault: none('6.12 is the default'), panicsElsewhere: 'oopses' },
    ['early-panic', 'panic', 'hang', 'dead-hang', 'power-loss', 'fallback'],
  ],
  [
    'neither of them with another default leaves nearly all',
    { homeDefault: none('x'), panicKernel: none('a'), home: none('b') },
    FAILURE_CLASSES,
  ],
];

for (const [what, over, classes] of GAPS)
  test(what, () => {
    const rows = returnTable({ ...BEST, ...over });
    assert.deepEqual(uncoveredClasses(rows, []), classes);
    assert.deepEqual(uncoveredClasses(rows, classes), []);
    for (const row of rows.filter((each) => !each.isCovered)) assert.notEqual(row.remedy, null, row.class);
  });

test('a watchdog that counts longer over the jump than later bounds a hang by that', () => {
  const watchdog = {
    state: 'planned',
    isOverJump: true,
    overJumpSeconds: 720,
    timeoutSeconds: 30,
  } as const;
  const { by, seconds } = rowOf('dead-hang', { watchdog });
  assert.equal(seconds, 720 + 90);
  assert.match(by, /resets the machine, 30 s later, before the first program within 720 s of the jump/);
});

test('reasons and remedies are those of the parts that are missing', () => {
  const panic = rowOf('panic', { panicKernel: none('no reservation') });
  assert.match(panic.by, /without a report \(no reservation\)/);
  assert.deepEqual([panic.remedy, panic.seconds], ['mend no reservation', 100]);
  const alone = rowOf('panic', { panicHome: none('it is arm64') });
  assert.match(alone.by, /saves a report and restarts the machine \(it is arm64\), the firmware starts/);
  assert.deepEqual(rowOf('panic', { home: none('no room') }), rowOf('panic', {}));
  assert.deepEqual(rowOf('stuck-boot', { home: none('no room') }).seconds, 210);
  assert.match(rowOf('dead-hang', { watchdog: none('no watchdog') }).by, /later the lockup detector panics/);
  assert.equal(
    rowOf('dead-hang', { watchdog: none('no watchdog'), hasHardLockupDetector: false }).by,
    'no watchdog',
  );
  assert.equal(rowOf('unconfirmed', { needsConfirm: false, hasSystemd: false }).isCovered, true);
});

test('where the processor of a panic decides the way home, both are named, and the slower one is promised', () => {
  const { by, seconds } = rowOf('panic', { panicsElsewhere: 'all' });
  assert.equal(
    by,
    'the panic kernel saves a report and starts the known-good kernel; after a panic on another CPU than the first it restarts the machine, the firmware starts the known-good kernel',
  );
  assert.equal(seconds, 90);
  const hang = rowOf('hang', { panicsElsewhere: 'all' });
  assert.deepEqual([hang.by, hang.seconds], [`a detector of the kernel panics; ${by}`, 330]);
  for (const [bootSeconds, firmwareSeconds, slower] of [
    [5, null, null],
    [null, 90, null],
    [100, 90, 100],
  ] as const) {
    const measured = { bootSeconds, firmwareSeconds };
    assert.equal(rowOf('panic', { panicsElsewhere: 'all', measured }).seconds, slower);
  }
  assert.match(rowOf('panic', { panicsElsewhere: 'oopses' }).by, /; after an oops or an NMI on another CPU /);
});

test('where the firmware leads elsewhere, a panic that may be on any processor says so and names its remedy', () => {
  const row = rowOf('panic', {
    panicsElsewhere: 'all',
    homeDefault: none('the firmware starts another kernel'),
  });
  assert.match(
    row.by,
    /and starts the known-good kernel; after .* it restarts the machine, and the firmware starts another kernel$/,
  );
  assert.deepEqual([row.seconds, row.remedy], [null, 'mend the firmware starts another kernel']);
});

test('a way home that hangs in the drivers is over when the guardian has waited, and tried what it can', () => {
  const { by, seconds } = rowOf('fallback', {});
  assert.match(by, /finds no root, .*the guardian has it restart the machine within 266 s$/);
  assert.equal(seconds, 266 + 90);
  const alone = rowOf('fallback', { panicKernel: none('no reservation') });
  assert.match(alone.by, /the guardian has it restart the machine within 315 s$/);
  assert.equal(alone.seconds, 315 + 90);
  const slow = { measured: { bootSeconds: 10, firmwareSeconds: 600 } };
  assert.equal(rowOf('fallback', slow).seconds, 266 + 600, 'what takes longest counts');
});

const plain = { style: (_style: string, text: string) => text };

test('whatever is missing, the text fits 80 columns, has every class and says what is not covered', () => {
  const planned = fc.constantFrom(BEST.home, none('the reservation is too small for it, by 12 MiB'));
  const seconds = fc.option(fc.integer({ min: 0, max: 100_000 }), { nil: null });
  const input = fc.record({
    ...{
      panicKernel: planned,
      panicHome: planned,
      panicsElsewhere: fc.constantFrom('none', 'oopses', 'all'),
      home: planned,
      homeDefault: fc.constantFrom({ state: 'already' } as const, { state: 'planned' } as const, none('x')),
      needsConfirm: fc.boolean(),
    },
    watchdog: fc.constantFrom(BEST.watchdog, none('/dev/watchdog0 is held by another program')),
    ...{ bootDeadlineSeconds: fc.nat(9999), deadlineSeconds: fc.nat(9999), hasSystemd: fc.boolean() },
    ...{
      hasHardLockupDetector: fc.boolean(),
      measured: fc.record({ bootSeconds: seconds, firmwareSeconds: seconds }),
    },
  });
  fc.assert(
    fc.property(input, (value) => {
      const rows = returnTable(value);
      const text = renderReturnTable(rows, plain);
      for (const line of text.split('\n')) assert.ok(line.length <= 80, `${line.length}: ${line}`);
      for (const name of FAILURE_CLASSES) assert.match(text, new RegExp(`^${name} `, 'm'));
      assert.equal(text.split('NOT COVERED').length - 1, uncoveredClasses(rows, []).length);
    }),
  );
});

test('a row says what happens, how long it takes, and what brings the machine home', () => {
  const text = renderReturnTable(returnTable(BEST).slice(0, 1), plain);
  assert.equal(
    text,
    [
      'early-panic  the kernel panics before its first program                  100.0 s',
      '    panic=10 restarts the machine, the firmware starts the known-good kernel',
    ].join('\n'),
  );
});

test('the example of the overview is what such a machine prints', () => {
  const text = renderReturnTable(
    returnTable({
      ...BEST,
      panicsElsewhere: 'all',
      watchdog: { state: 'none', reason: 'there is no hardware watchdog', remedy: null },
      ...{ bootDeadlineSeconds: 240, deadlineSeconds: 600, needsConfirm: false },
      hasHardLockupDetector: false,
      measured: { bootSeconds: 5, firmwareSeconds: null },
    }),
    plain,
  );
  for (const name of ['README.md', 'README.zh.md']) {
    const overview = readFileSync(join(import.meta.dirname, '../..', name), 'utf8');
    assert.ok(overview.includes(`\n${text}\n`), `${name} has another table than this:\n${text}`);
  }
});
