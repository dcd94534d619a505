import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import type { Architecture } from '../../../src/formats/architecture.ts';
import { fn } from '../../../src/formats/static-program/functions.ts';
import { writeAll } from '../../../src/formats/static-program/library/output.ts';
import { giveBack, store } from '../../../src/formats/static-program/statements.ts';
import { encodeStaticProgram } from '../../../src/formats/static-program/static-program.ts';
import { sys, zeroed } from '../../../src/formats/static-program/terms.ts';
import { guardian } from '../../../src/plan/capture/guardian.ts';
import { whyNot } from '../../support/packing-tools.ts';

const EMULATORS = { 'x86-64': 'qemu-x86_64', arm64: 'qemu-aarch64' } as const;
/** As the emulator prints them, with the file that stands for the watchdog. */
const PETTED = 'ioctl(3,0x80045705';
const TIME_SET = 'ioctl(3,0xc0045706';
const WAITED = 'rt_sigtimedwait(';
const FAR_MS = 2 ** 40;
/** Several looks. */
const WATCHED_MS = 1200;
const LEFT = 7;

const leave = fn('leave', [], [], () => [sys.exit_group(LEFT)]);

/** System calls of the second process and what it writes as its oom_score_adj, by emulated user mode, which carries no ioctl of a watchdog out. */
async function callsOf(
  architecture: Architecture,
  deadlineMs: number,
  start: 'startGuardian' | 'startKeeper',
  isTold: boolean,
): Promise<{ readonly calls: readonly string[]; readonly oomScore: string }> {
  const folder = mkdtempSync(join(tmpdir(), 'khop-capture-guardian-'));
  const result = zeroed(8);
  const { [start]: begin } = guardian(deadlineMs, leave, { device: 'watchdog', oomScore: 'oom' });
  const main = fn('main', ['stack'], [], () => [
    store.u64(result, begin()),
    giveBack(writeAll(1, result, 8)),
  ]);
  const program = join(folder, 'program');
  writeFileSync(join(folder, 'watchdog'), '');
  writeFileSync(join(folder, 'oom'), '0');
  writeFileSync(program, encodeStaticProgram(main, architecture), { mode: 0o755 });
  const options = { cwd: folder, env: {}, timeout: 20_000 };
  const first = spawn(EMULATORS[architecture], ['-strace', program], options);
  let [said, traced] = [Buffer.alloc(0), ''];
  first.stdout.on('data', (piece: Buffer) => (said = Buffer.concat([said, piece])));
  first.stderr.setEncoding('utf8').on('data', (piece: string) => (traced += piece));
  const closed = once(first, 'close');
  await once(first, 'exit');
  // From here on nobody else writes into its lines.
  const begun = traced.length;
  await delay(WATCHED_MS);
  const pid = Number(said.readBigUInt64LE(0));
  if (isTold) process.kill(pid, 'SIGUSR1');
  await delay(WATCHED_MS);
  process.kill(pid, 'SIGKILL');
  await closed;
  const oomScore = readFileSync(join(folder, 'oom'), 'utf8');
  rmSync(folder, { recursive: true });
  const calls = [...traced.slice(begun).matchAll(/(?:ioctl|rt_sigtimedwait|exit_group)\([^ ]*/g)];
  return { calls: calls.map(([call]) => call), oomScore };
}

const countOf = (calls: readonly string[], call: string) =>
  calls.filter((each) => each.startsWith(call)).length;

for (const architecture of ['x86-64', 'arm64'] as const) {
  const skip = whyNot(EMULATORS[architecture]);

  test(`${architecture}: spared when memory is short, it pets a watchdog between waits and leaves its time alone`, {
    skip,
  }, async () => {
    const { calls, oomScore } = await callsOf(architecture, FAR_MS, 'startGuardian', false);
    assert.equal(oomScore, '-1000');
    assert.ok(countOf(calls, PETTED) >= 2, calls.join('\n'));
    assert.ok(countOf(calls, WAITED) >= 2, calls.join('\n'));
    assert.equal(countOf(calls, TIME_SET), 0);
  });

  test(`${architecture}: told that the machine leaves, it gives the watchdog time once, and goes on`, {
    skip,
  }, async () => {
    const { calls } = await callsOf(architecture, FAR_MS, 'startKeeper', true);
    assert.equal(countOf(calls, TIME_SET), 1, calls.join('\n'));
    const after = calls.slice(calls.findIndex((call) => call.startsWith(TIME_SET)) + 1);
    assert.ok(after[0]?.startsWith(PETTED), 'the new time begins');
    assert.ok(countOf(after, WAITED) >= 1, 'it goes on');
  });

  test(`${architecture}: at the deadline the watchdog gets time, and another process leaves`, {
    skip,
  }, async () => {
    // Before the end of what is watched, and after its beginning on a host that has much else to do.
    const soonMs = Number(process.hrtime.bigint() / 1_000_000n) + 1.4 * WATCHED_MS;
    const { calls } = await callsOf(architecture, soonMs, 'startGuardian', false);
    assert.equal(countOf(calls, TIME_SET), 1, calls.join('\n'));
    assert.equal(countOf(calls, `exit_group(${LEFT})`), 1, calls.join('\n'));
    const keeper = await callsOf(architecture, 0, 'startKeeper', false);
    assert.equal(countOf(keeper.calls, 'exit_group('), 0, 'a keeper stays');
  });
}
