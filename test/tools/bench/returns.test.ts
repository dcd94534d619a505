import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { parseOptions } from '../../../tools/bench/bench-options.ts';
import { failuresOf, makeReport, parseReport, type ReturnRow } from '../../../tools/bench/report.ts';
import { FAULT_LINE } from '../../../tools/bench/returns/console-marks.ts';
import { FAULT_CLASSES } from '../../../tools/bench/returns/fault-classes.ts';
import { RETURN_METHODS } from '../../../tools/bench/returns/return-methods.ts';
import { returnMoments, type SeenEvent } from '../../../tools/bench/returns/return-moments.ts';
import { renderReturnPage } from '../../../tools/bench/returns/return-page.ts';
import {
  coverageOf,
  ratiosOf,
  returnSummary,
  returnTable,
} from '../../../tools/bench/returns/return-tables.ts';

/** One each second of the host; the emulator uses half of it. `reset` is one. */
function seen(...texts: readonly string[]): SeenEvent[] {
  return texts.map((text, second) => {
    const at = { wallMs: 1000 * second, cpuMs: 500 * second };
    return text === 'reset' ? { isReset: true, ...at } : { text, ...at };
  });
}

const PANIC = '[   30.1] Kernel panic - not syncing: sysrq triggered crash';
const HOME = '[   12.3] khop-bench: up 6.1.0-57-cloud-amd64';
const BEGUN = '[    5.1] khop-bench: begun 6.1.0-57-cloud-amd64';
const NEW = '[   12.3] khop-bench: up 6.12.118+deb13-cloud-amd64';

test('a return is counted from the fault to the known-good kernel, by both clocks', () => {
  const { home, resets, isEarly } = returnMoments(seen('lab login:', PANIC, 'a', 'b', HOME), /Kernel panic/);
  assert.deepEqual(home, { wallMs: 3000, cpuMs: 1500, way: 'kexec' });
  assert.deepEqual([resets, isEarly], [0, false]);
});

test('the start of the last known-good kernel before home is noted, not that of a new one', () => {
  const begunOf = (...texts: string[]) => returnMoments(seen(...texts), /Kernel panic/).begun;
  assert.deepEqual(begunOf(PANIC, 'a', BEGUN, HOME), { wallMs: 2000, cpuMs: 1000 });
  assert.deepEqual(begunOf(PANIC, BEGUN, 'reset', BEGUN, HOME), { wallMs: 3000, cpuMs: 1500 });
  assert.equal(begunOf(PANIC, BEGUN.replace('6.1.', '6.12.'), HOME), undefined);
});

test('a reset between fault and home is the way through firmware, one before the fault is not', () => {
  const wayOf = (...texts: string[]) => returnMoments(seen(...texts), /Kernel panic/).home?.way;
  assert.equal(wayOf(PANIC, 'reset', HOME), 'firmware');
  assert.equal(wayOf('reset', PANIC, HOME), 'kexec');
  assert.equal(wayOf(PANIC, HOME, 'reset'), 'kexec');
});

test('the new kernel that comes up again is not home, and its resets are counted', () => {
  const { home, resets, repeats, faultAt } = returnMoments(
    seen(PANIC, 'reset', NEW, PANIC, 'reset'),
    /Kernel panic/,
  );
  assert.deepEqual([home, resets, repeats, faultAt], [undefined, 2, 1, 0]);
});

test('a fault, a reset, a jump and a system that begins are signs that the machine is on its way, other lines are not', () => {
  const lastOf = (...texts: string[]) => returnMoments(seen(...texts), /Kernel panic/).lastSignMs;
  assert.equal(lastOf('a', PANIC, 'b', 'c'), 1000);
  assert.equal(lastOf(PANIC, 'a', 'reset', 'b'), 2000);
  assert.equal(lastOf(PANIC, 'kexec_core: Starting new kernel', 'b'), 1000);
  assert.equal(lastOf(PANIC, 'a', PANIC), 2000);
  assert.equal(lastOf(PANIC, 'reset', 'a', BEGUN, 'b'), 3000);
});

test('who comes home before the fault had none, and nothing is measured of it', () => {
  const { isEarly, faultAt, home } = returnMoments(seen('reset', HOME), FAULT_LINE);
  assert.deepEqual([isEarly, faultAt, home], [true, undefined, undefined]);
  assert.equal(returnMoments(seen(HOME, PANIC, HOME), /Kernel panic/).isEarly, true);
});

test('what the boot loader finds lies behind the reset', () => {
  const { home } = returnMoments(seen('reset', 'reset', HOME), 'reset');
  assert.deepEqual(home, { wallMs: 2000, cpuMs: 1000, way: 'firmware' });
  assert.equal(returnMoments(seen('a', PANIC), 'reset').faultAt, undefined);
});

const row = (method: string, fault: string, more: Partial<ReturnRow>): ReturnRow => ({
  ...{ class: fault, method, firmware: 'seabios', run: 1, outcome: 'home by kexec', covered: true },
  ...more,
});

const ORIGIN = { khop: '0.1.0', date: '2026-01-01T00:00:00Z', qemu: 'QEMU 7.2', host: 'a host' };

const ROWS: readonly ReturnRow[] = [
  row('return-khop-seabios', 'dead-init', {
    seconds: 20,
    cpuSeconds: 15,
    begunSeconds: 5,
    begunCpuSeconds: 4,
  }),
  row('return-khop-seabios', 'no-root', { seconds: 90, outcome: 'home by firmware' }),
  row('return-grub-once', 'dead-init', { seconds: 70, cpuSeconds: 60, outcome: 'home by firmware' }),
  row('return-grub-once', 'no-root', { seconds: 80, outcome: 'home by firmware' }),
  row('return-grub-once', 'service-down', {
    ...{ covered: false, outcome: 'not home within 240 s, no reset' },
    lastLines: ['lab login: ', '\u001b[0m[  9.1] a `last` line'],
  }),
  row('return-grub-fallback', 'load', { covered: undefined, outcome: 'not measured: x', error: 'x' }),
];

const method = (id: string) => RETURN_METHODS.find((one) => one.id === id)!;

test('only the way through firmware is compared, and only with a return by kexec of the same class', () => {
  assert.deepEqual(ratiosOf(ROWS, method('return-grub-once')), [
    { title: 'init of the initramfs dies', wall: 3.5, cpu: 4 },
  ]);
  assert.deepEqual(ratiosOf(ROWS, method('return-grub-once'), 'begun'), []);
  assert.deepEqual(ratiosOf(ROWS, method('return-systemd-boot')), []);
  assert.deepEqual(ratiosOf(ROWS, method('return-khop-seabios')), []);
});

test('what was not measured is neither covered nor missed, and every run counts', () => {
  assert.equal(coverageOf([]), undefined);
  assert.equal(coverageOf(ROWS.filter(({ error }) => error !== undefined)), undefined);
  assert.equal(coverageOf(ROWS.filter((one) => one.class === 'dead-init')), true);
  assert.equal(coverageOf(ROWS.filter((one) => one.method === 'return-grub-once')), false);
});

test('the table says of every class what was seen, and of the rest that it was not measured', () => {
  const [header, ...body] = returnTable(ROWS);
  assert.deepEqual(header?.slice(1), [
    'khop trial (SeaBIOS machine)',
    'GRUB, grub-reboot (SeaBIOS)',
    'GRUB, set fallback (SeaBIOS)',
  ]);
  assert.equal(body.length, FAULT_CLASSES.length);
  const cellsOf = (title: string) => body.find(([first]) => first === title)?.slice(1);
  assert.deepEqual(cellsOf('init of the initramfs dies'), [
    ...[
      'home by kexec: 5.0 s (4.0 s), 20.0 s (15.0 s)',
      'home by firmware: not noted, 70.0 s (60.0 s)',
      'not measured',
    ],
  ]);
  assert.deepEqual(cellsOf('a service fails'), [
    ...['not measured', 'not covered (not home within 240 s, no reset)', 'not measured'],
  ]);
});

test('the summary counts classes that were measured, with the methods that were', () => {
  assert.deepEqual(
    returnSummary(ROWS)
      .slice(1)
      .map((cells) => cells.slice(0, 3)),
    [
      ['khop trial (SeaBIOS machine)', '2', '2'],
      ['GRUB, grub-reboot (SeaBIOS)', '2', '3'],
    ],
  );
});

test('rows are a part of the report, and what failed is named with its reason', () => {
  const report = makeReport(ORIGIN, { kernels: {}, returns: ROWS });
  assert.deepEqual(parseReport(JSON.stringify(report)).returns, JSON.parse(JSON.stringify(ROWS)));
  assert.deepEqual(failuresOf(report), ['load, return-grub-fallback: x']);
  assert.match(renderReturnPage(report), /init of the initramfs dies \| home by kexec: 5\.0 s/);
});

test('the page says what a machine said last that did not come home, and which goals are reached', () => {
  const page = renderReturnPage(makeReport(ORIGIN, { kernels: {}, returns: ROWS }));
  assert.match(
    page,
    /- a service fails, GRUB, grub-reboot \(SeaBIOS\): not home .*; `\[ {2}9\.1\] a 'last' line`/,
  );
  assert.match(
    page,
    /\| faults that lead home, GRUB, grub-reboot \(SeaBIOS\) \| at most half \| 2 of 3 measured \| no \|/,
  );
  assert.match(page, /\| 3 times sooner \| 3\.5 \(by CPU time 4\.0\) \| yes \|/);
});

test('the page says how busy the host was, when that is known', () => {
  const whereOf = (...loads: (number | undefined)[]) => {
    const returns = loads.map((loadAverage) => ({ ...ROWS[0]!, loadAverage }));
    return renderReturnPage(makeReport(ORIGIN, { kernels: {}, returns }));
  };
  assert.match(whereOf(0.42, 12.2, undefined), /load average when a run began was 0\.4 to 12\.2:/);
  assert.doesNotMatch(whereOf(undefined), /load average/);
});

test('docs/returns.md says what docs/returns.json says', () => {
  const docs = join(import.meta.dirname, '..', '..', '..', 'docs');
  const report = parseReport(readFileSync(join(docs, 'returns.json'), 'utf8'));
  assert.equal(readFileSync(join(docs, 'returns.md'), 'utf8'), renderReturnPage(report));
});

test('a part of the table can be asked for, by class and method', () => {
  const options = parseOptions(['--only', 'returns', '--class', 'no-root', '--method', 'return-grub-once']);
  assert.ok(options !== 'help');
  assert.deepEqual(
    options.returnMethods.map(({ id }) => id),
    ['return-grub-once'],
  );
  assert.deepEqual(
    options.classes.map(({ id }) => id),
    ['no-root'],
  );
  assert.deepEqual([options.lines, options.guardMethods], [[], []]);
  assert.throws(() => parseOptions(['--class', 'earthquake']), { code: 'E_USAGE' });
});
