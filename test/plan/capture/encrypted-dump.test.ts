import assert from 'node:assert/strict';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { fn } from '../../../src/formats/static-program/functions.ts';
import { sleepMs } from '../../../src/formats/static-program/library/clock.ts';
import { bytesOf, sizeOf } from '../../../src/formats/static-program/library/growing-text.ts';
import { LINUX } from '../../../src/formats/static-program/library/linux.ts';
import { writeAll } from '../../../src/formats/static-program/library/output.ts';
import { giveBack, type Statement } from '../../../src/formats/static-program/statements.ts';
import { bytesAt, sys } from '../../../src/formats/static-program/terms.ts';
import { parseChain } from '../../../src/guard/capture-chain.ts';
import type { BroughtProgram } from '../../../src/plan/capture/brought-program.ts';
import { chain, startChain } from '../../../src/plan/capture/chain.ts';
import { openCrashedMemory } from '../../../src/plan/capture/crashed-memory.ts';
import type { DumpOrder } from '../../../src/plan/capture/dump-order.ts';
import { reportEncryption } from '../../../src/plan/capture/encrypt-report.ts';
import { saveDump } from '../../../src/plan/capture/save-dump.ts';
import { buildCrashedMachine } from '../../support/crashed-machine.ts';
import { encodeElfDump } from '../../support/dump-writers.ts';
import { broughtProgram, openStandIn, standInAge } from '../../support/stand-in-age.ts';
import { PROGRAM_RUNNERS, runProgram } from '../../support/static-programs.ts';

const FAR = Number.MAX_SAFE_INTEGER;
const NO_LIMITS: DumpOrder = { filter: undefined, latestStartMs: FAR, untilMs: FAR, minimumFreeBytes: 0 };
const STREAM = Buffer.from(`makedumpfile\0\0\0\0${'what a filter makes of it '.repeat(9000)}`);
const CORE = encodeElfDump(
  buildCrashedMachine([
    { text: 'Kernel panic', nanoseconds: 1_000_000n, level: 0, facility: 0, callerId: 0 },
  ]),
);

for (const runner of PROGRAM_RUNNERS) {
  const { architecture, skip } = runner;
  const filterThat = (statements: readonly Statement[]): DumpOrder => ({
    ...NO_LIMITS,
    filter: broughtProgram(runner, () => statements),
  });

  /** What a capture makes of `core` in an empty folder. */
  const capture = (order: DumpOrder, age: BroughtProgram, core: Uint8Array = CORE) => {
    const folder = mkdtempSync(join(tmpdir(), 'khop-dump-'));
    try {
      writeFileSync(join(folder, 'core'), core);
      const encryption = { program: age, recipients: 1, untilMs: FAR };
      const { encrypt } = reportEncryption(encryption, undefined);
      const save = saveDump(order, encryption);
      const main = fn('main', ['stack'], [], () => [
        startChain(),
        openCrashedMemory('core'),
        encrypt(),
        save(),
        giveBack(writeAll(1, bytesOf(chain), sizeOf(chain))),
      ]);
      const { status, output } = runProgram(runner, main, { folder });
      assert.equal(status, 0);
      const { steps } = parseChain(output.toString());
      const read = (name: string) =>
        existsSync(join(folder, name)) ? readFileSync(join(folder, name)) : undefined;
      return {
        steps: steps.map(({ step }) => step),
        reason: steps.at(-1)?.reason ?? '',
        names: readdirSync(folder).filter((name) => name !== 'core' && name !== 'chain.txt'),
        dump: openStandIn(read('vmcore.age')),
        messages: openStandIn(read('makedumpfile.txt.age'))?.toString(),
      };
    } finally {
      rmSync(folder, { recursive: true });
    }
  };

  test(`${architecture}: all memory goes through age, and nothing else is on the disk`, { skip }, () => {
    const { steps, reason, names, dump } = capture(NO_LIMITS, standInAge(runner));
    assert.deepEqual(steps, ['encrypted', 'dump-started', 'dump-done']);
    assert.match(reason, /^encrypted, whole, bytes: \d+$/);
    assert.deepEqual(names, ['vmcore.age']);
    assert.ok(dump?.equals(CORE));
  });

  test(`${architecture}: what makedumpfile writes to a pipe goes through age, and so does what it says`, {
    skip,
  }, () => {
    const filter = filterThat([
      writeAll(2, 'a remark\n', 9),
      giveBack(writeAll(1, bytesAt(STREAM), STREAM.length)),
    ]);
    const { steps, reason, names, dump, messages } = capture(filter, standInAge(runner));
    assert.deepEqual(steps, ['encrypted', 'dump-started', 'dump-done']);
    assert.match(reason, /^encrypted, filtered, bytes: \d+$/);
    assert.deepEqual(names, ['makedumpfile.txt.age', 'vmcore.age']);
    assert.ok(dump?.equals(STREAM));
    assert.equal(messages, 'a remark\n');
  });

  test(`${architecture}: when makedumpfile fails, all memory is encrypted instead`, { skip }, () => {
    for (const filter of [
      filterThat([writeAll(1, bytesAt(STREAM), STREAM.length), giveBack(1)]),
      filterThat([sys.kill(sys.getpid(), LINUX.SIGKILL)]),
      { ...NO_LIMITS, filter: { folder: '/dump', files: [], command: ['/does/not/exist'] } },
    ]) {
      const { steps, reason, dump } = capture(filter, standInAge(runner));
      assert.deepEqual(steps, ['encrypted', 'dump-started', 'dump-done']);
      assert.match(reason, /^encrypted, whole, since makedumpfile failed, bytes: \d+$/);
      assert.ok(dump?.equals(CORE));
    }
  });

  test(`${architecture}: a dump that age does not bring to its end keeps its unfinished name`, {
    skip,
  }, () => {
    const cut = capture(NO_LIMITS, standInAge(runner), CORE.subarray(0, CORE.length - 4096));
    assert.deepEqual(cut.steps, ['encrypted', 'dump-started', 'dump-incomplete']);
    assert.equal(cut.reason, 'it is not on disk as it was written, errno: 117');
    assert.deepEqual(cut.names, ['vmcore.age.incomplete']);

    const nowMs = Math.round(Number(process.hrtime.bigint() / 1_000_000n));
    const late = { ...filterThat([sleepMs(60_000)]), untilMs: nowMs + 2500 };
    const { steps, reason, dump } = capture(late, standInAge(runner));
    assert.deepEqual(steps, ['encrypted', 'dump-started', 'dump-incomplete']);
    assert.match(reason, /^no time, it was ended at ms: \d+$/);
    assert.equal(dump, undefined);
  });

  test(`${architecture}: where the report could not be encrypted, no dump is begun`, { skip }, () => {
    const { steps, names } = capture(
      NO_LIMITS,
      broughtProgram(runner, () => [giveBack(1)]),
    );
    assert.deepEqual(steps, ['encryption-failed', 'dump-skipped']);
    assert.deepEqual(names, []);
  });
}
