import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { test } from 'node:test';
import { parseResourceUse } from '../../../tools/bench/resource-use.ts';

const report = (elapsed: string): string =>
  [
    '\tUser time (seconds): 1.25',
    '\tSystem time (seconds): 0.05',
    `\tElapsed (wall clock) time (h:mm:ss or m:ss): ${elapsed}`,
    '\tMaximum resident set size (kbytes): 444272',
    '\tPage size (bytes): 4096',
  ].join('\n');

test('times are in ms, and the peak is KiB again after busybox took it for pages', () => {
  assert.deepEqual(parseResourceUse(report('1m 2.50s')), {
    cpuMs: 1300,
    elapsedMs: 62_500,
    peakKib: 111_068,
  });
  assert.equal(parseResourceUse(report('1h 02m 03s')).elapsedMs, 3_723_000);
});

test('a report without figures is an error that shows it', () => {
  assert.throws(() => parseResourceUse('sh: busybox: not found'), { code: 'E_FORMAT', message: /not found/ });
});

test('what busybox itself writes is understood', () => {
  const { stderr } = spawnSync('busybox', ['time', '-v', 'sleep', '0.2'], {
    encoding: 'utf8',
    timeout: 10_000,
  });
  const use = parseResourceUse(stderr);
  assert.ok(use.elapsedMs >= 200 && use.elapsedMs < 10_000, `${use.elapsedMs} ms`);
  assert.ok(use.peakKib > 100 && use.peakKib < 100_000, `${use.peakKib} KiB`);
});
