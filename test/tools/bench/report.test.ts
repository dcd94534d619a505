import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { parseOptions } from '../../../tools/bench/bench-options.ts';
import { renderChart } from '../../../tools/bench/chart.ts';
import { METHODS } from '../../../tools/bench/methods.ts';
import { renderPage } from '../../../tools/bench/page.ts';
import {
  failuresOf,
  type KernelResult,
  makeReport,
  mergeKernel,
  parseReport,
  stampCommit,
} from '../../../tools/bench/report.ts';

const ORIGIN = { khop: '0.1.0', date: '2026-01-01T00:00:00Z', qemu: 'QEMU 7.2', host: 'a <host> & more' };

const KERNEL: KernelResult = {
  release: '6.1.0-1-amd64',
  imageBytes: 8 * 2 ** 20,
  initrdBytes: 32 * 2 ** 20,
  methods: [
    { id: 'khop-file', title: 'khop, by file', samples: [2e9, 2.1e9, 2.2e9], median: 2.1e9, spread: 0.095 },
    { id: 'kexec-l', title: 'kexec <-l>', samples: [13.2e9], median: 13.2e9, spread: 0 },
    { id: 'khop-fast', title: 'khop --fast', samples: [], error: 'unknown option | or so' },
  ],
  phases: { 'kexec-l': [{ id: 'jump', title: 'copying', instructions: 5.8e9 }] },
};

const REPORT = makeReport(ORIGIN, { kernels: { '6.1': KERNEL } });

test('the medians of the first kernel stand at the top, and what failed has no number but a reason', () => {
  assert.deepEqual(REPORT.blackout, { 'khop-file': 2.1e9, 'kexec-l': 13.2e9 });
  assert.deepEqual(REPORT.errors, { 'khop-fast': 'unknown option | or so' });
  assert.deepEqual(failuresOf(REPORT), ['Linux 6.1, khop --fast: unknown option | or so']);
});

test('a report is read back as it was written, and another file is refused', () => {
  assert.deepEqual(parseReport(JSON.stringify(REPORT)), REPORT);
  assert.throws(() => parseReport('{}'), { code: 'E_FORMAT' });
});

test('what is measured again replaces what was known, and the rest is kept unless the kernel is another', () => {
  const again: KernelResult = {
    ...KERNEL,
    methods: [
      { id: 'khop-fast', title: 'khop --fast', samples: [1e9], median: 1e9, spread: 0 },
      { id: 'firmware-ovmf', title: 'reboot', samples: [9e9], median: 9e9, spread: 0 },
    ],
    phases: {},
  };
  const merged = mergeKernel(KERNEL, again, ['khop-fast', 'khop-file', 'kexec-l']);
  assert.deepEqual(
    merged.methods.map(({ id, median }) => [id, median]),
    [
      ['khop-fast', 1e9],
      ['khop-file', 2.1e9],
      ['kexec-l', 13.2e9],
      ['firmware-ovmf', 9e9],
    ],
  );
  assert.deepEqual(merged.phases, KERNEL.phases);
  assert.equal(mergeKernel(KERNEL, { ...again, release: '6.1.0-2-amd64' }, []).methods.length, 2);
});

test('the page says of each row with which commit it was measured, where that is known', () => {
  const again = stampCommit({ ...KERNEL, methods: [KERNEL.methods[0]!] }, 'abc1234567');
  const page = renderPage(makeReport(ORIGIN, { kernels: { '6.1': mergeKernel(KERNEL, again, []) } }));
  assert.match(page, /^Measured with commit abc1234567: khop, by file\.$/m);
  assert.match(page, /^The other rows are of earlier runs\.$/m);
  assert.doesNotMatch(renderPage(REPORT), /commit/);
});

test('a report that is added to says at its top what was measured last', () => {
  const kernels = { '6.1': { ...KERNEL, methods: [{ ...KERNEL.methods[0]!, median: 5 }] } };
  const added = makeReport({ ...ORIGIN, date: '2026-02-02T00:00:00Z' }, { ...REPORT, kernels });
  assert.deepEqual(added.blackout, { 'khop-file': 5 });
  assert.equal(added.date, '2026-02-02T00:00:00Z');
});

test('the chart has a bar for each number, the longest for the largest, and escapes its texts', () => {
  const chart = renderChart('6.1', KERNEL);
  const widths = [...chart.matchAll(/<rect [^>]*width="(\d+)"/g)].map((match) => Number(match[1]));
  assert.equal(widths.length, 2);
  assert.ok(widths[1]! > 6 * widths[0]! && widths[1]! < 6.5 * widths[0]!, widths.join(', '));
  assert.ok(chart.includes('kexec &lt;-l>') && !chart.includes('<-l>'));
});

test('the page has every method with its median, spread and ratio, or why there is none', () => {
  const page = renderPage(REPORT);
  assert.match(page, /^\| khop, by file \| 2\.10 G \| 9\.50 % \| 1\.0 \| 3 \|$/m);
  assert.match(page, /^\| kexec <-l> \| 13\.20 G \| - \| 6\.3 \| 1 \|$/m);
  assert.match(page, /^\| khop --fast \| failed: unknown option \\\| or so/m);
  assert.match(page, /^\| copying \| 5\.80 G \|$/m);
});

test('a goal is reached by the figures of the report, and what was not measured of a kernel that was is said', () => {
  const fast = { id: 'khop-fast', title: 'khop --fast', samples: [0.8e9], median: 0.8e9, spread: 0 };
  const slow = { ...KERNEL.methods[1]!, median: 12e9 };
  const page = renderPage(
    makeReport(ORIGIN, { kernels: { '6.1': { ...KERNEL, methods: [fast, slow], phases: {} } } }),
  );
  assert.match(page, /^\| blackout of --fast, 6\.1 \| at most 800 M \| 800 M \| yes \|$/m);
  assert.match(page, /^\| against kexec <-l>, 6\.1 \| 16 times less \| 15\.0 \| no \|$/m);
  assert.match(page, /^\| against kexec-s, 6\.1 \| 16 times less \| not measured \| - \|$/m);
  assert.match(page, /^\| jump to start_kernel, 6\.1 \| at most 20 M \| not measured \| - \|$/m);
  assert.doesNotMatch(page, /downtime of a service|after a panic|6\.12/);
});

test('docs/benchmark.md and .svg say what docs/benchmark.json says', () => {
  const docs = join(import.meta.dirname, '..', '..', '..', 'docs');
  const report = parseReport(readFileSync(join(docs, 'benchmark.json'), 'utf8'));
  const hint = 'run: npm run bench -- --from docs/benchmark.json --docs';
  assert.equal(readFileSync(join(docs, 'benchmark.md'), 'utf8'), renderPage(report), hint);
  const [first] = Object.entries(report.kernels);
  assert.equal(readFileSync(join(docs, 'benchmark.svg'), 'utf8'), renderChart(...first!), hint);
});

test('--quick is one kernel, each method once, and nothing but blackouts', () => {
  const options = parseOptions(['--quick', '--json', 'out.json']);
  assert.ok(options !== 'help');
  assert.deepEqual(options.lines, ['6.1']);
  assert.deepEqual([...options.sections], ['blackout']);
  assert.equal(options.repetitions, 1);
  assert.deepEqual(
    options.methods.map(({ id }) => id),
    ['khop-fast', 'khop-file', 'kexec-l', 'kexec-l-i', 'kexec-s'],
  );
});

test('without options everything is measured, and what is named alone otherwise', () => {
  const all = parseOptions([]);
  assert.ok(all !== 'help');
  assert.deepEqual(all.methods, METHODS);
  assert.equal(all.repetitions, 3);
  const some = parseOptions(['--kernel', '7.2', '--method', 'kexec-s', '--only', 'load']);
  assert.ok(some !== 'help');
  assert.deepEqual(some.lines, [], 'loading is measured with one kernel');
  assert.deepEqual(
    some.methods.map(({ id }) => id),
    ['kexec-s'],
  );
  assert.equal(parseOptions(['--help']), 'help');
});

test('a name that is none of ours is refused, and the known ones are listed', () => {
  assert.throws(() => parseOptions(['--kernel', '5.10']), { code: 'E_USAGE', message: /6\.1, 6\.12, 7\.2/ });
  assert.throws(() => parseOptions(['--method', 'magic']), { code: 'E_USAGE', message: /kexec-l/ });
  assert.throws(() => parseOptions(['--repeat', '0']), { code: 'E_USAGE' });
  assert.throws(() => parseOptions(['--fast']), { code: 'E_USAGE' });
});

test('after a panic, the page has each moment by both clocks, what was not saved, and the goals', () => {
  const moment = (seconds: number) => ({ wallMs: seconds * 1000, cpuMs: seconds * 500 });
  const khop = {
    id: 'guard-khop-seabios',
    title: 'khop guard',
    reservedMib: 72,
    samples: [
      {
        ...{ capture: moment(2), report: moment(3), home: moment(9), ready: moment(30) },
        savedBytes: { 'dmesg.txt': 30 * 1024 },
      },
    ],
  };
  const kdumpTools = {
    id: 'guard-kdump-seabios',
    title: 'kdump-tools, SeaBIOS',
    reservedMib: 128,
    samples: [
      {
        ...{ capture: moment(9), report: moment(18), dump: moment(21), home: moment(36), ready: moment(60) },
        savedBytes: { dmesg: 30 * 1024, dump: 40 * 2 ** 20 },
      },
    ],
  };
  const failed = { id: 'guard-kdump-ovmf', title: 'kdump-tools, OVMF', samples: [], error: 'no home' };
  const report = makeReport(ORIGIN, { kernels: {}, recovery: [khop, kdumpTools, failed] });
  const page = renderPage(report);
  assert.match(
    page,
    /^\| khop guard \| 2\.0 s \(1\.0 s\) \| 3\.0 s \(1\.5 s\) \| not saved \| 9\.0 s \(4\.5 s\) \|.*\| 72 MiB \|/m,
  );
  assert.match(
    page,
    /^\| report on disk after a panic, against kdump-tools, SeaBIOS \|.*\| 6\.0 .*\| yes \|$/m,
  );
  assert.match(page, /^\| home after a panic, against kdump-tools, SeaBIOS \|.*\| 4\.0 .*\| yes \|$/m);
  assert.match(page, /^\| reserved, against kdump-tools, SeaBIOS \| at most 64 MiB \| 72 MiB \| no \|$/m);
  assert.match(page, /^\| kdump-tools, OVMF \| failed: no home \|/m);
  assert.deepEqual(failuresOf(report), ['panic, kdump-tools, OVMF: no home']);
  assert.deepEqual(parseReport(JSON.stringify(report)), report);
});

test('the tools that are compared after a panic are a section of their own', () => {
  const options = parseOptions(['--only', 'guard', '--method', 'guard-khop-ovmf']);
  assert.ok(options !== 'help');
  assert.deepEqual(
    options.guardMethods.map(({ id }) => id),
    ['guard-khop-ovmf'],
  );
  assert.deepEqual([options.lines, options.loadSizes, options.downtimeMethods], [[], [], []]);
});
