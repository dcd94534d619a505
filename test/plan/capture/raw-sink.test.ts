import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import fc from 'fast-check';
import { encodeRawLabel, RAW_REPORT, readRawLabel, readRawReport } from '../../../src/formats/raw-report.ts';
import {
  eraseRawAreaReport,
  labelRawArea,
  readRawArea,
  readRawAreaReport,
} from '../../../src/machine/raw-area.ts';
import { openRawArea, rawSink } from '../../../src/plan/capture/raw-sink.ts';
import { REPORT_INFO, REPORT_LOG, REPORT_NAME, reportSaver } from '../../support/captured-reports.ts';
import { inputs } from '../../support/inputs.ts';
import { PROGRAM_RUNNERS, runProgram } from '../../support/static-programs.ts';

const ID = Uint8Array.from({ length: RAW_REPORT.idSize }, (_, index) => index + 1);
const SIZE = 2 * 1024 * 1024;
const sink = rawSink({ kind: 'raw', id: ID, deadlineMs: 0 });

/** A file in place of a partition. */
function areaOf(bytes: Uint8Array) {
  const folder = mkdtempSync(join(tmpdir(), 'khop-area-'));
  const path = join(folder, 'area');
  writeFileSync(path, bytes);
  return { folder, path, [Symbol.dispose]: () => rmSync(folder, { recursive: true }) };
}

for (const runner of PROGRAM_RUNNERS)
  test(`${runner.architecture}: a report in a raw area comes out as it went in, with the last steps`, {
    skip: runner.skip,
  }, () => {
    using area = areaOf(new Uint8Array(SIZE));
    labelRawArea(area.path, ID);
    assert.deepEqual(readRawArea(area.path), { state: 'ours', id: ID });
    assert.deepEqual(readRawAreaReport(area.path), { state: 'empty' });
    // Twice: the second report takes the place of the first.
    for (let round = 0; round < 2; round++) {
      const { status, output } = runProgram(runner, reportSaver(sink, openRawArea('area')), {
        folder: area.folder,
      });
      assert.equal(status, 0);
      const report = readRawAreaReport(area.path);
      assert.ok(report.state === 'report');
      assert.equal(report.name, REPORT_NAME);
      assert.equal(report.steps, output.toString());
      assert.match(report.steps, /^captured \d+\nreport \d+\nleave-kexec \d+\n$/);
      assert.deepEqual(
        report.files.map(({ name, bytes }) => [name, Buffer.from(bytes).toString()]),
        [
          ['dmesg.txt', REPORT_LOG],
          ['vmcoreinfo.txt', REPORT_INFO],
        ],
      );
    }
    eraseRawAreaReport(area.path);
    assert.deepEqual(readRawAreaReport(area.path), { state: 'empty' });
    assert.equal(readRawArea(area.path).state, 'ours');
    assert.ok(Buffer.from(encodeRawLabel(ID)).equals(readFileSync(area.path).subarray(0, RAW_REPORT.record)));
    assert.ok(
      readFileSync(area.path)
        .subarray(RAW_REPORT.record)
        .every((byte) => byte === 0),
    );
  });

test('damage anywhere in an area is said or changes only a name or the steps', (context) => {
  const runner = PROGRAM_RUNNERS.find(({ emulator }) => emulator === undefined);
  if (runner === undefined) return context.skip('programs of this machine cannot be run');
  using area = areaOf(Buffer.concat([encodeRawLabel(ID), new Uint8Array(SIZE)]));
  runProgram(runner, reportSaver(sink, openRawArea('area')), { folder: area.folder });
  const bytes = Uint8Array.from(readFileSync(area.path)).subarray(0, RAW_REPORT.files + 12_000);
  const whole = readRawReport(bytes);
  fc.assert(
    fc.property(fc.nat(bytes.length - 1), fc.integer({ min: 1, max: 255 }), (at, change) => {
      const damaged = Uint8Array.from(bytes);
      damaged[at]! ^= change;
      const report = readRawReport(damaged);
      if (report.state === 'report' && whole.state === 'report') assert.deepEqual(report.files, whole.files);
      const cut = readRawReport(bytes.subarray(0, at));
      if (cut.state === 'report' && whole.state === 'report') assert.deepEqual(cut.files, whole.files);
    }),
    inputs(2000),
  );
});

test('nothing is written over what is not empty, and an area that is too small is refused', () => {
  const foreign = new Uint8Array(SIZE);
  foreign[SIZE / 4] = 1;
  using area = areaOf(foreign);
  assert.deepEqual(readRawArea(area.path), { state: 'foreign' });
  assert.throws(() => labelRawArea(area.path, ID), { code: 'E_REFUSED' });
  assert.deepEqual(Uint8Array.from(readFileSync(area.path)), foreign);
  using small = areaOf(new Uint8Array(4096));
  assert.throws(() => readRawArea(small.path), { code: 'E_REFUSED' });
  assert.throws(() => readRawArea(join(small.folder, 'none')), { code: 'E_UNREADABLE' });
});

test('a label is read back, and nothing else is taken for one', () => {
  assert.deepEqual(readRawLabel(encodeRawLabel(ID)), ID);
  const newer = encodeRawLabel(ID);
  newer[RAW_REPORT.labelMagic.length] = 2;
  assert.equal(readRawLabel(newer), undefined);
  assert.equal(readRawLabel(new Uint8Array(RAW_REPORT.labelSize)), undefined);
  assert.equal(readRawLabel(encodeRawLabel(ID).subarray(0, 20)), undefined);
});
