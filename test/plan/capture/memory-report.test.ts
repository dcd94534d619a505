import assert from 'node:assert/strict';
import { test } from 'node:test';
import { hasMemoryReport, parseMemoryReport } from '../../../src/formats/memory-report.ts';
import { encodeSetupDataHeader } from '../../../src/formats/setup-data.ts';
import { fn } from '../../../src/formats/static-program/functions.ts';
import { copyBytes } from '../../../src/formats/static-program/library/memory.ts';
import { writeAll } from '../../../src/formats/static-program/library/output.ts';
import { giveBack, store } from '../../../src/formats/static-program/statements.ts';
import { bytesAt } from '../../../src/formats/static-program/terms.ts';
import { startChain } from '../../../src/plan/capture/chain.ts';
import { logSize, logText } from '../../../src/plan/capture/log-text.ts';
import { memoryReport } from '../../../src/plan/capture/memory-report.ts';
import { nameReport } from '../../../src/plan/capture/report-name.ts';
import { keepVmcoreinfo } from '../../../src/plan/capture/vmcoreinfo-keys.ts';
import { PROGRAM_RUNNERS, type ProgramRunner, runProgram } from '../../support/static-programs.ts';

const ARMING = '0123456789abcdef';
const VMCOREINFO = 'OSRELEASE=6.1.0-50-amd64\nCRASHTIME=1795912201\n';
const SIZE = 0x8000;

/** The node that the program makes of a log, header included. */
function nodeOf(runner: ProgramRunner, log: string): Buffer {
  const header = encodeSetupDataHeader('khopReport', SIZE - 16);
  const { write, node } = memoryReport({ room: { address: 0n, size: SIZE, header }, arming: ARMING });
  const main = fn('main', ['stack'], [], () => [
    startChain(),
    copyBytes(logText, bytesAt(Buffer.from(log)), log.length),
    store.u64(logSize, log.length),
    keepVmcoreinfo(VMCOREINFO, VMCOREINFO.length),
    nameReport(),
    write(),
    write(),
    giveBack(writeAll(1, node, SIZE)),
  ]);
  const { status, output } = runProgram(runner, main);
  assert.equal(status, 0);
  assert.equal(output.length, SIZE);
  assert.deepEqual(output.subarray(0, 16), Buffer.from(header));
  return output.subarray(16);
}

for (const runner of PROGRAM_RUNNERS) {
  test(`${runner.architecture}: what the program writes is read back`, { skip: runner.skip }, () => {
    const log = '<0>[    1.000000] Kernel panic - not syncing: test\n<4>[    1.000001] ---\n';
    const data = nodeOf(runner, log);
    assert.ok(hasMemoryReport(data, ARMING));
    assert.ok(!hasMemoryReport(data, 'fedcba9876543210'), 'a report of an earlier arming is no report');
    const report = parseMemoryReport(data);
    assert.equal(report.id, '2026-11-29T003001Z-6.1.0-50-amd64');
    assert.deepEqual(
      [...report.files].map(([name, bytes]) => [name, Buffer.from(bytes).toString()]),
      [
        ['vmcoreinfo.txt', VMCOREINFO],
        ['dmesg.txt', log],
        ['chain.txt', ''],
      ],
    );
    assert.ok(report.isWhole);
  });

  test(`${runner.architecture}: of a log that is too long the last whole lines go home`, {
    skip: runner.skip,
  }, () => {
    const lines = Array.from({ length: 1000 }, (_none, index) => `line ${index} ${'x'.repeat(index % 50)}\n`);
    const { files, isWhole } = parseMemoryReport(nodeOf(runner, lines.join('')));
    const kept = Buffer.from(files.get('dmesg.txt')!).toString();
    assert.ok(isWhole && kept.length <= SIZE - 0x6000 && kept.length > SIZE - 0x6000 - 100);
    assert.match(kept, /^line \d+ x*\n/);
    assert.ok(lines.join('').endsWith(kept));
  });
}
