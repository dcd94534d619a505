import assert from 'node:assert/strict';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { sleepMs } from '../../../src/formats/static-program/library/clock.ts';
import { readAll } from '../../../src/formats/static-program/library/input.ts';
import { LINUX } from '../../../src/formats/static-program/library/linux.ts';
import { writeAll } from '../../../src/formats/static-program/library/output.ts';
import { giveBack, when } from '../../../src/formats/static-program/statements.ts';
import { sys, zeroed } from '../../../src/formats/static-program/terms.ts';
import { parseTar } from '../../../src/formats/tar.ts';
import type { BroughtProgram } from '../../../src/plan/capture/brought-program.ts';
import { sshSink } from '../../../src/plan/capture/ssh-sink.ts';
import { REPORT_INFO, REPORT_LOG, REPORT_NAME, reportSaver } from '../../support/captured-reports.ts';
import { broughtProgram } from '../../support/stand-in-age.ts';
import { PROGRAM_RUNNERS, type ProgramRunner, runProgram } from '../../support/static-programs.ts';

const FAR = Number.MAX_SAFE_INTEGER;
const ROOM = 0x10_0000;

/** Saves a report through `program`, in an empty folder; what `look` sees there. */
function save<T>(
  runner: ProgramRunner,
  program: (folder: string) => BroughtProgram,
  look: (folder: string) => T,
  deadlineMs = FAR,
) {
  const folder = mkdtempSync(join(tmpdir(), 'khop-ssh-'));
  try {
    const sink = sshSink({ kind: 'ssh', program: program(folder), network: undefined, deadlineMs });
    const { status, output } = runProgram(runner, reportSaver(sink), { folder });
    return { status, steps: output.toString(), seen: look(folder) };
  } finally {
    rmSync(folder, { recursive: true });
  }
}

for (const runner of PROGRAM_RUNNERS) {
  const { architecture, skip } = runner;

  test(`${architecture}: tar on the other side makes a folder of the report, with the last steps`, {
    skip,
  }, () => {
    const target = (folder: string): BroughtProgram => {
      mkdirSync(join(folder, 'there'));
      const command = ['/bin/tar', '-xf', '-', '-C', join(folder, 'there')];
      return { folder: '/ssh', files: [], command };
    };
    const { status, steps, seen } = save(runner, target, (folder) => {
      const place = join(folder, 'there', REPORT_NAME);
      return {
        all: readdirSync(join(folder, 'there')),
        mode: statSync(place).mode & 0o777,
        files: new Map(readdirSync(place).map((name) => [name, readFileSync(join(place, name), 'utf8')])),
      };
    });
    assert.equal(status, 0);
    assert.deepEqual([seen.all, seen.mode], [[REPORT_NAME], 0o700]);
    assert.equal(seen.files.size, 3);
    assert.equal(seen.files.get('dmesg.txt'), REPORT_LOG);
    assert.equal(seen.files.get('vmcoreinfo.txt'), REPORT_INFO);
    assert.equal(seen.files.get('chain.txt'), steps);
  });

  test(`${architecture}: another machine that cannot be reached is tried again, with the whole archive`, {
    skip,
  }, () => {
    const bytes = zeroed(ROOM);
    // The first time it reads a part and fails.
    const flaky = broughtProgram(runner, () => [
      when(
        [sys.openat(LINUX.AT_FDCWD, 'tried', LINUX.O_CREAT | LINUX.O_EXCL | LINUX.O_WRONLY, 0o600), '>=', 0],
        [readAll(0, bytes, 700), giveBack(255)],
      ),
      sys.dup3(
        sys.openat(LINUX.AT_FDCWD, 'archive', LINUX.O_CREAT | LINUX.O_APPEND | LINUX.O_WRONLY, 0o600),
        9,
        0,
      ),
      giveBack(writeAll(9, bytes, readAll(0, bytes, ROOM))),
    ]);
    const { status, seen } = save(
      runner,
      () => flaky,
      (folder) => readFileSync(join(folder, 'archive')),
    );
    assert.equal(status, 0);
    const first = [...parseTar(seen)];
    assert.deepEqual(
      first.map(({ path, kind }) => [path, kind]),
      [
        [REPORT_NAME, 'folder'],
        ...['dmesg.txt', 'vmcoreinfo.txt', 'chain.txt'].map((name) => [`${REPORT_NAME}/${name}`, 'file']),
      ],
    );
    assert.equal(Buffer.from(first[1]!.bytes).toString(), REPORT_LOG);
  });

  test(`${architecture}: one that is silent or refuses until the time is over is no success`, {
    skip,
  }, () => {
    for (const statements of [[sleepMs(60_000)], [giveBack(255)]]) {
      const nowMs = Math.round(Number(process.hrtime.bigint() / 1_000_000n));
      const program = broughtProgram(runner, () => statements);
      const { status } = save(
        runner,
        () => program,
        (folder) => existsSync(folder),
        nowMs + 2000,
      );
      assert.equal(status, 110);
    }
  });
}
