import assert from 'node:assert/strict';
import { test } from 'node:test';
import { hasMemoryReport, parseMemoryReport } from '../../src/formats/memory-report.ts';
import { assertSurvivesDamage, assertSurvivesTruncation } from '../support/hostile-bytes.ts';
import { ARMING, memoryReportOf } from '../support/memory-reports.ts';

const ID = '2026-11-29T003001Z-6.1';
const REPORT = memoryReportOf(ID, { 'dmesg.txt': 'file x 9\nend 0\n\n', 'chain.txt': 'captured 1\n' });

test('files are told by their sizes, whatever is in them, and what lies behind the end is left', () => {
  const { id, files, isWhole } = parseMemoryReport(Buffer.concat([REPORT, Buffer.from('file more 1\n')]));
  assert.equal(id, ID);
  assert.deepEqual([...files.keys()], ['dmesg.txt', 'chain.txt']);
  assert.equal(Buffer.from(files.get('dmesg.txt')!).toString(), 'file x 9\nend 0\n\n');
  assert.ok(isWhole);
});

test('memory in which no report of this arming lies is none', () => {
  assert.ok(hasMemoryReport(REPORT, ARMING));
  assert.ok(!hasMemoryReport(REPORT, ARMING.replace('0', '1')));
  for (const bytes of [new Uint8Array(0), new Uint8Array(4096), REPORT.subarray(0, 20)])
    assert.ok(!hasMemoryReport(bytes, ARMING));
});

test('one bit that changed on the way is seen', () => {
  for (const at of [REPORT.indexOf('captured'), REPORT.indexOf('x 9')]) {
    const bytes = Buffer.from(REPORT);
    bytes[at]! ^= 0x20;
    assert.equal(parseMemoryReport(bytes).isWhole, false);
  }
});

test('a name that leads out of the folder is refused', () => {
  assert.throws(() => parseMemoryReport(memoryReportOf('../../etc', {})), /is no name of a crash/);
  assert.throws(() => parseMemoryReport(memoryReportOf(ID, { '../x': '' })), /is no name and size/);
});

test('a report that is cut short or damaged is an error of ours, or a report that says so', () => {
  assertSurvivesTruncation(parseMemoryReport, REPORT, REPORT.length - 1);
  assertSurvivesDamage(parseMemoryReport, REPORT, undefined, 2000);
});
