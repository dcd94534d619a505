import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { fn } from '../../../src/formats/static-program/functions.ts';
import { monotonicMs, sleepMs } from '../../../src/formats/static-program/library/clock.ts';
import {
  appendBytes,
  appendNumber,
  appendText,
  bytesOf,
  sizeOf,
  startText,
  textMemory,
} from '../../../src/formats/static-program/library/growing-text.ts';
import { readFile } from '../../../src/formats/static-program/library/input.ts';
import { LINUX } from '../../../src/formats/static-program/library/linux.ts';
import { writeAll } from '../../../src/formats/static-program/library/output.ts';
import { fork } from '../../../src/formats/static-program/library/process.ts';
import { decimalAt, findValue } from '../../../src/formats/static-program/library/text.ts';
import {
  giveBack,
  leaveLoop,
  loop,
  loopWhile,
  set,
  when,
} from '../../../src/formats/static-program/statements.ts';
import { sys, zeroed } from '../../../src/formats/static-program/terms.ts';
import { PROGRAM_RUNNERS, runProgram } from '../../support/static-programs.ts';

const { AT_FDCWD, O_APPEND, O_CREAT, O_RDONLY, O_WRONLY, SIGKILL } = LINUX;

/*
 * What the first program of a capture kernel does, with files in place of devices: a child pets the watchdog, the
 * command line is read for a deadline, a dump is copied in pieces, a report is written beside it.
 */

const commandLine = zeroed(4096);
const piece = zeroed(1000);
const report = textMemory(256);

/** Until it is killed. */
const petWatchdog = fn('petWatchdog', [], ['fd'], ({ fd }) => [
  set(fd, sys.openat(AT_FDCWD, 'watchdog', O_WRONLY | O_APPEND)),
  loop([sys.write(fd, '.', 1), sleepMs(20)]),
]);

/** Bytes copied, or a negative errno. Ends at the deadline with what there is. */
const copyDump = fn('copyDump', ['deadline'], ['from', 'to', 'at', 'size'], (variables) => {
  const { deadline, from, to, at, size } = variables;
  return [
    set(from, sys.openat(AT_FDCWD, 'vmcore', O_RDONLY)),
    when([from, '<', 0], [giveBack(from)]),
    set(to, sys.openat(AT_FDCWD, 'dump', O_WRONLY | O_CREAT, 0o600)),
    when([to, '<', 0], [giveBack(to)]),
    loopWhile(
      [monotonicMs(), '<u', deadline],
      [
        set(size, sys.pread64(from, piece, 1000, at)),
        when([size, '<=', 0], [leaveLoop]),
        when([writeAll(to, piece, size), '!=', 0], [leaveLoop]),
        set(at, [at, '+', size]),
      ],
    ),
    sys.fsync(to),
    sys.close(to),
    giveBack(at),
  ];
});

const writeReport = fn('writeReport', ['copied', 'seconds'], ['fd'], ({ copied, seconds, fd }) => [
  startText(report, 256),
  appendText(report, 'copied '),
  appendNumber(report, copied, 10, 8, 32),
  appendBytes(report, ' bytes in at most ', 18),
  appendNumber(report, seconds, 10, 0, 0),
  appendText(report, ' s\n'),
  set(fd, sys.openat(AT_FDCWD, 'report', O_WRONLY | O_CREAT, 0o600)),
  giveBack(writeAll(fd, bytesOf(report), sizeOf(report))),
]);

const capture = fn(
  'capture',
  ['stack'],
  ['child', 'size', 'seconds', 'copied'],
  ({ child, size, seconds, copied }) => [
    set(child, fork()),
    when([child, '==', 0], [petWatchdog()]),
    set(size, readFile('cmdline', commandLine, 4096)),
    when([size, '<', 0], [giveBack(1)]),
    set(seconds, decimalAt(findValue(commandLine, size, 'khop.deadline='))),
    set(copied, copyDump([monotonicMs(), '+', [seconds, '*', 1000]])),
    when([copied, '<', 0], [giveBack(2)]),
    when(writeReport(copied, seconds), [giveBack(3)]),
    sleepMs(100),
    sys.kill(child, SIGKILL),
    when([sys.wait4(child, 0, 0, 0), '!=', child], [giveBack(4)]),
    giveBack(0),
  ],
);

for (const runner of PROGRAM_RUNNERS) {
  test(`${runner.architecture}: a first program saves a dump and feeds a watchdog meanwhile`, {
    skip: runner.skip,
  }, () => {
    const folder = mkdtempSync(join(tmpdir(), 'khop-program-'));
    try {
      const dump = Buffer.from(Array.from({ length: 123_456 }, (_, index) => (index * 7) & 0xff));
      writeFileSync(join(folder, 'vmcore'), dump);
      writeFileSync(join(folder, 'cmdline'), 'quiet khop.deadline=30 panic=5\n');
      writeFileSync(join(folder, 'watchdog'), '');
      assert.equal(runProgram(runner, capture, { folder }).status, 0);
      assert.deepEqual(readFileSync(join(folder, 'dump')), dump);
      assert.equal(readFileSync(join(folder, 'report'), 'utf8'), 'copied   123456 bytes in at most 30 s\n');
      assert.match(readFileSync(join(folder, 'watchdog'), 'utf8'), /^\.{2,}$/);
    } finally {
      rmSync(folder, { recursive: true });
    }
  });
}
