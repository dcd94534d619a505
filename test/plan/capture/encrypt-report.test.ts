import assert from 'node:assert/strict';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { parseMemoryReport } from '../../../src/formats/memory-report.ts';
import { encodeRawLabel, RAW_REPORT } from '../../../src/formats/raw-report.ts';
import { encodeSetupDataHeader } from '../../../src/formats/setup-data.ts';
import { fn } from '../../../src/formats/static-program/functions.ts';
import { sleepMs } from '../../../src/formats/static-program/library/clock.ts';
import { bytesOf, sizeOf } from '../../../src/formats/static-program/library/growing-text.ts';
import { LINUX } from '../../../src/formats/static-program/library/linux.ts';
import { writeAll } from '../../../src/formats/static-program/library/output.ts';
import { giveBack, type Statement } from '../../../src/formats/static-program/statements.ts';
import { sys } from '../../../src/formats/static-program/terms.ts';
import { parseChain } from '../../../src/guard/capture-chain.ts';
import { readRawAreaReport } from '../../../src/machine/raw-area.ts';
import { chain, startChain } from '../../../src/plan/capture/chain.ts';
import { type EncryptionOrder, reportEncryption } from '../../../src/plan/capture/encrypt-report.ts';
import { putText, startCounting, startKeeping } from '../../../src/plan/capture/log-text.ts';
import { encryptedLogRoom, memoryReport } from '../../../src/plan/capture/memory-report.ts';
import { openRawArea, rawSink } from '../../../src/plan/capture/raw-sink.ts';
import { nameReport } from '../../../src/plan/capture/report-name.ts';
import { keepVmcoreinfo } from '../../../src/plan/capture/vmcoreinfo-keys.ts';
import { REPORT_INFO, REPORT_NAME } from '../../support/captured-reports.ts';
import { broughtProgram, openStandIn, standInAge } from '../../support/stand-in-age.ts';
import { PROGRAM_RUNNERS, type ProgramRunner, runProgram } from '../../support/static-programs.ts';

const FAR = Number.MAX_SAFE_INTEGER;
const NODE_SIZE = 0x2_0000;
const ORDER = {
  room: { address: 0n, size: NODE_SIZE, header: encodeSetupDataHeader('khopReport', NODE_SIZE - 16) },
  arming: '0123456789abcdef',
};
const LINE = '<0>[   12.000000] Kernel panic - not syncing: a secret\n';
const AREA_SIZE = 1024 * 1024;

/** What goes to a partition and home in memory, of a log of so many lines. */
function capture(runner: ProgramRunner, encryption: EncryptionOrder, lines: number) {
  const folder = mkdtempSync(join(tmpdir(), 'khop-encrypt-'));
  try {
    const area = join(folder, 'area');
    writeFileSync(area, Buffer.concat([encodeRawLabel(new Uint8Array(16)), new Uint8Array(AREA_SIZE)]));
    const { encrypt, files, carriedFiles } = reportEncryption(encryption, encryptedLogRoom(ORDER));
    const sink = rawSink({ kind: 'raw', id: new Uint8Array(16), deadlineMs: 0 }, files);
    const { write, node } = memoryReport(ORDER, carriedFiles);
    const log = LINE.repeat(lines);
    const main = fn('main', ['stack'], [], () => [
      startChain(),
      keepVmcoreinfo(REPORT_INFO, REPORT_INFO.length),
      startCounting(),
      putText(log),
      startKeeping(),
      putText(log),
      nameReport(),
      encrypt(),
      write(),
      openRawArea('area'),
      sink.save(),
      writeAll(1, node, NODE_SIZE),
      giveBack(writeAll(1, bytesOf(chain), sizeOf(chain))),
    ]);
    const { status, output } = runProgram(runner, main, { folder });
    assert.equal(status, 0);
    assert.deepEqual(readdirSync(folder), ['area']);
    const carried = parseMemoryReport(output.subarray(16, NODE_SIZE));
    assert.ok(carried.isWhole);
    const report = readRawAreaReport(area);
    assert.ok(report.state === 'report');
    assert.equal(report.name, REPORT_NAME);
    return {
      log,
      steps: parseChain(output.subarray(NODE_SIZE).toString()).steps,
      saved: new Map(report.files.map(({ name, bytes }) => [name, bytes])),
      carried: carried.files,
      everything: Buffer.concat([output, readFileSync(area).subarray(RAW_REPORT.files)]).toString('latin1'),
    };
  } finally {
    rmSync(folder, { recursive: true });
  }
}

function opened(files: ReadonlyMap<string, Uint8Array>, name: string): string | undefined {
  return openStandIn(files.get(name))?.toString();
}

for (const runner of PROGRAM_RUNNERS) {
  const { architecture, skip } = runner;
  const orderWith = (statements: readonly Statement[]): EncryptionOrder => ({
    program: broughtProgram(runner, () => statements),
    recipients: 1,
    untilMs: FAR,
  });

  test(`${architecture}: log and VMCOREINFO are written encrypted only, and so they go home in memory`, {
    skip,
  }, () => {
    const order = { program: standInAge(runner), recipients: 1, untilMs: FAR };
    const { steps, saved, carried, everything, log } = capture(runner, order, 40);
    assert.deepEqual(
      steps.map(({ step }) => step),
      ['encrypted'],
    );
    assert.deepEqual([...saved.keys()], ['dmesg.txt.age', 'vmcoreinfo.txt.age']);
    assert.equal(opened(saved, 'dmesg.txt.age'), log);
    assert.equal(opened(saved, 'vmcoreinfo.txt.age'), REPORT_INFO);
    assert.deepEqual([...carried.keys()], ['vmcoreinfo.txt.age', 'dmesg.txt.age', 'chain.txt']);
    assert.equal(opened(carried, 'dmesg.txt.age'), log);
    assert.doesNotMatch(everything, /secret|OSRELEASE/);
  });

  test(`${architecture}: of a log that is too long for memory the last whole lines go home`, { skip }, () => {
    const order = { program: standInAge(runner), recipients: 1, untilMs: FAR };
    const { saved, carried, log } = capture(runner, order, 2500);
    assert.equal(opened(saved, 'dmesg.txt.age'), log);
    const kept = opened(carried, 'dmesg.txt.age') ?? '';
    assert.ok(kept.startsWith(LINE) && log.endsWith(kept));
    // As base64 it is a third longer.
    assert.ok(kept.length < NODE_SIZE * 0.74 && kept.length > NODE_SIZE / 2, `${kept.length}`);
  });

  test(`${architecture}: where nothing can be encrypted, nothing but the steps is written, and they say why`, {
    skip,
  }, () => {
    const nowMs = Math.round(Number(process.hrtime.bigint() / 1_000_000n));
    const failures: readonly (readonly [EncryptionOrder, RegExp])[] = [
      [orderWith([giveBack(3)]), /age ended with: 3$/],
      [orderWith([sys.kill(sys.getpid(), LINUX.SIGKILL)]), /age ended with: 265$/],
      [orderWith([writeAll(1, LINE, LINE.length), giveBack(0)]), /errno: 22$/],
      [orderWith([giveBack(0)]), /errno: 22$/],
      [{ ...orderWith([sleepMs(60_000)]), untilMs: nowMs + 1500 }, /errno: 110$/],
      [{ ...orderWith([]), program: undefined }, /age ended with: 127$/],
      [
        { ...orderWith([]), program: { folder: '/age', files: [], command: ['/does/not/exist'] } },
        /age ended with: 127$/,
      ],
    ];
    for (const [order, reason] of failures) {
      const { steps, saved, carried, everything } = capture(runner, order, 3);
      assert.deepEqual(
        steps.map(({ step }) => step),
        ['encryption-failed'],
      );
      assert.match(steps[0]?.reason ?? '', reason);
      assert.deepEqual([...saved.keys()], []);
      assert.deepEqual([...carried.keys()], ['chain.txt']);
      assert.doesNotMatch(everything, /secret|OSRELEASE/);
    }
  });
}
