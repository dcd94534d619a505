import assert from 'node:assert/strict';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { fn } from '../../../src/formats/static-program/functions.ts';
import { LINUX } from '../../../src/formats/static-program/library/linux.ts';
import { writeAll } from '../../../src/formats/static-program/library/output.ts';
import { giveBack, set, store } from '../../../src/formats/static-program/statements.ts';
import { sys, zeroed } from '../../../src/formats/static-program/terms.ts';
import { GUARDIAN } from '../../../src/machine/guardian-words.ts';
import { guardian } from '../../../src/plan/trial/guardian.ts';
import { keepKernelLog } from '../../../src/plan/trial/kernel-log.ts';
import { watchdogStart } from '../../../src/plan/trial/trial-watchdog.ts';
import { PROGRAM_RUNNERS, type ProgramRunner, runProgram } from '../../support/static-programs.ts';

const FAR = 2 ** 50;
const PATIENCE_MS = 15_000;

/** As the guardian counts: from the start of this machine. */
function nowMs(): number {
  return Math.round(Number(readFileSync('/proc/uptime', 'utf8').split(' ')[0]) * 1000);
}

/** Leaves a file instead of the machine. */
const leave = fn('leave', [], ['fd'], ({ fd }) => [
  set(fd, sys.openat(LINUX.AT_FDCWD, 'left', LINUX.O_WRONLY | LINUX.O_CREAT, 0o600)),
  sys.close(fd),
]);

/** A guardian with files in place of devices, in a folder of its own. */
function startGuardian(
  runner: ProgramRunner,
  deadlines: { readonly bootDeadlineMs: number; readonly deadlineMs: number; readonly wayHomeMs?: number },
  args: readonly string[] = [],
  device = '/dev/watchdog0',
) {
  const folder = mkdtempSync(join(tmpdir(), 'khop-guardian-'));
  for (const name of ['watchdog0', 'log']) writeFileSync(join(folder, name), '');
  const watchdog = watchdogStart({ modules: [], device, timeoutSeconds: 30, leaveSeconds: 180 }, '', '.');
  const start = guardian({ wayHomeMs: FAR, ...deadlines }, leave);
  const result = zeroed(8);
  const main = fn('main', ['stack'], [], ({ stack }) => [
    keepKernelLog('log'),
    watchdog.start(),
    store.u64(result, start(stack)),
    giveBack(writeAll(1, result, 8)),
  ]);
  const { status, output } = runProgram(runner, main, {
    folder,
    args,
    environment: { HOME: '/', TERM: 'linux' },
  });
  assert.equal(status, 0);
  const pid = Number(output.readBigUInt64LE(0));
  const read = (name: string) => readFileSync(join(folder, name), 'utf8');
  return {
    pid,
    read,
    hasLeft: () => existsSync(join(folder, 'left')),
    isAlive: () => isAlive(pid),
    end: () => until(() => !isAlive(pid)),
    /** It has looked again since this was called. */
    nextLook: async () => {
      const before = read('watchdog0').length;
      await until(() => read('watchdog0').length > before + 1);
    },
    [Symbol.dispose]: () => {
      if (isAlive(pid)) process.kill(pid, 'SIGKILL');
      rmSync(folder, { recursive: true });
    },
  };
}

/** A child that nobody has waited for yet does not count. */
function isAlive(pid: number): boolean {
  try {
    return !/^State:\s+[ZX]/m.test(readFileSync(`/proc/${pid}/status`, 'utf8'));
  } catch {
    return false;
  }
}

async function until(condition: () => boolean): Promise<void> {
  const deadline = performance.now() + PATIENCE_MS;
  while (!condition()) {
    assert.ok(performance.now() < deadline, `it did not come to ${condition}`);
    await delay(20);
  }
}

for (const runner of PROGRAM_RUNNERS) {
  const { architecture, skip, emulator } = runner;

  test(`${architecture}: it pets the watchdog and leaves when nobody has checked in in time`, {
    skip,
  }, async () => {
    using run = startGuardian(runner, { bootDeadlineMs: nowMs() + 2500, deadlineMs: FAR });
    await run.nextLook();
    assert.equal(run.hasLeft(), false);
    await run.end();
    assert.equal(run.hasLeft(), true);
    assert.match(run.read('log'), /<1>khop: the trial is over: nobody answered until ms \d+\n$/);
    assert.match(run.read('watchdog0'), /^\0+$/);
  });

  test(`${architecture}: who has checked in has until the other deadline`, { skip }, async () => {
    const bootDeadlineMs = nowMs() + 1500;
    using run = startGuardian(runner, { bootDeadlineMs, deadlineMs: bootDeadlineMs + 2500 });
    process.kill(run.pid, GUARDIAN.signals.checkedIn);
    await until(() => nowMs() > bootDeadlineMs + 1200);
    assert.equal(run.isAlive() && !run.hasLeft(), true);
    await run.end();
    assert.equal(run.hasLeft(), true);
  });

  test(`${architecture}: a trial that is confirmed stops the watchdog`, { skip }, async () => {
    using run = startGuardian(runner, { bootDeadlineMs: FAR, deadlineMs: FAR });
    await run.nextLook();
    process.kill(run.pid, GUARDIAN.signals.confirmed);
    await run.end();
    assert.equal(run.hasLeft(), false);
    assert.match(run.read('watchdog0'), /^\0+V$/);
  });

  test(`${architecture}: what was the second watchdog and is alone here is petted by its number here`, {
    skip,
  }, async () => {
    using run = startGuardian(runner, { bootDeadlineMs: FAR, deadlineMs: FAR }, [], '/dev/watchdog1');
    await run.nextLook();
    assert.match(run.read('watchdog0'), /^\0+$/);
  });

  test(`${architecture}: no other signal reaches it`, { skip }, async () => {
    using run = startGuardian(runner, { bootDeadlineMs: FAR, deadlineMs: FAR });
    for (const signal of ['SIGTERM', 'SIGHUP', 'SIGINT', 'SIGQUIT', 'SIGPIPE', 'SIGTSTP', 'SIGALRM'] as const)
      process.kill(run.pid, signal);
    await run.nextLook();
    assert.equal(run.isAlive(), true);
  });

  // qemu-user keeps these signals for itself, and shows its own arguments.
  const native = skip === false && emulator !== undefined ? 'emulated' : skip;

  test(`${architecture}: a kernel that is left in good order has its watchdog petted to the end`, {
    skip: native,
  }, async () => {
    const deadlineMs = nowMs() + 4000;
    using run = startGuardian(runner, { bootDeadlineMs: FAR, deadlineMs });
    await run.nextLook();
    // Such signals queue. Each gets the watchdog its time and petted for it, besides the look that follows.
    const before = run.read('watchdog0').length;
    for (let count = 0; count < 20; count++) process.kill(run.pid, GUARDIAN.signals.leaving);
    await until(() => run.read('watchdog0').length >= before + 40);
    assert.ok(nowMs() < deadlineMs, 'a look a second alone would not have come to that');
    assert.equal(run.isAlive() && !run.hasLeft(), true);
    // It has not been told that somebody else sees to the way home.
    await run.end();
    assert.equal(run.hasLeft(), true);
  });

  test(`${architecture}: a way home that hangs is over in its time, whatever else is said on it`, {
    skip: native,
  }, async () => {
    using run = startGuardian(runner, { bootDeadlineMs: FAR, deadlineMs: FAR, wayHomeMs: 5000 });
    await run.nextLook();
    const begunMs = nowMs();
    process.kill(run.pid, GUARDIAN.signals.goingHome);
    await run.nextLook();
    await run.nextLook();
    const againMs = nowMs();
    // An agent that was started again; it is to find what was decided.
    process.kill(run.pid, GUARDIAN.signals.checkedIn);
    process.kill(run.pid, GUARDIAN.signals.goingHome);
    assert.equal(run.isAlive() && !run.hasLeft(), true);
    await run.end();
    assert.equal(run.hasLeft(), true);
    const [, atMs] = /<1>khop: the trial is over: the way home was not over at ms (\d+)\n$/.exec(
      run.read('log'),
    )!;
    assert.ok(
      Number(atMs) >= begunMs + 5000 && Number(atMs) < againMs + 5000,
      `${atMs}, begun at ${begunMs}`,
    );
  });

  test(`${architecture}: a way home gives no trial more time than it has`, { skip: native }, async () => {
    const deadlineMs = nowMs() + 2500;
    using run = startGuardian(runner, { bootDeadlineMs: deadlineMs, deadlineMs });
    process.kill(run.pid, GUARDIAN.signals.goingHome);
    await run.end();
    assert.equal(run.hasLeft(), true);
    assert.match(run.read('log'), new RegExp(`nobody answered until ms ${deadlineMs}\\n$`));
  });

  test(`${architecture}: it hands a watchdog over that runs on`, { skip: native }, async () => {
    using run = startGuardian(runner, { bootDeadlineMs: FAR, deadlineMs: FAR });
    process.kill(run.pid, GUARDIAN.signals.handOver);
    await run.end();
    assert.match(run.read('watchdog0'), /^\0*$/);
  });

  test(`${architecture}: it pets on without a deadline when it is told so, and can still be told to end`, {
    skip: native,
  }, async () => {
    const deadlineMs = nowMs() + 2000;
    using run = startGuardian(runner, { bootDeadlineMs: deadlineMs, deadlineMs, wayHomeMs: 0 });
    process.kill(run.pid, GUARDIAN.signals.keepPetting);
    await run.nextLook();
    process.kill(run.pid, GUARDIAN.signals.checkedIn);
    process.kill(run.pid, GUARDIAN.signals.goingHome);
    await until(() => nowMs() > deadlineMs);
    await run.nextLook();
    assert.equal(run.hasLeft(), false);
    process.kill(run.pid, GUARDIAN.signals.confirmed);
    await run.end();
    assert.match(run.read('watchdog0'), /V$/);
  });

  for (const args of [[], ['single'], ['a', 'long list', 'of arguments']])
    test(`${architecture}: its name is to be found, with ${args.length} arguments`, {
      skip: native,
    }, async () => {
      using run = startGuardian(runner, { bootDeadlineMs: FAR, deadlineMs: FAR }, args);
      await run.nextLook();
      assert.match(readFileSync(`/proc/${run.pid}/cmdline`, 'latin1'), /^@khop-guardian\0*$/);
      assert.equal(readFileSync(`/proc/${run.pid}/comm`, 'latin1'), `${GUARDIAN.comm}\n`);
      assert.match(run.read('log'), /<5>khop: name the guardian: done\n/);
    });
}
