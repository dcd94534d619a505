import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { fn } from '../../../src/formats/static-program/functions.ts';
import { giveBack } from '../../../src/formats/static-program/statements.ts';
import { encodeStaticProgram } from '../../../src/formats/static-program/static-program.ts';
import { enterWaiter } from '../../../src/plan/capture/rescue.ts';
import { PROGRAM_RUNNERS, type ProgramRunner } from '../../support/static-programs.ts';

const LEFT = 7;
/** Longer than what is typed too early, with some looks behind it. */
const WATCHED_MS = 3000;

/** How a program ended that waits for Enter, and after how long; null: it still waited. */
async function waitAtConsole(
  runner: ProgramRunner,
  typeInto: (path: string, hasEnded: () => boolean) => Promise<void>,
): Promise<{ status: number | null; ms: number }> {
  const folder = mkdtempSync(join(tmpdir(), 'khop-console-'));
  try {
    const program = join(folder, 'program');
    const wait = enterWaiter('console');
    const main = fn('main', ['stack'], [], () => [wait(), giveBack(LEFT)]);
    writeFileSync(program, encodeStaticProgram(main, runner.architecture), { mode: 0o755 });
    const [command, ...args] = runner.emulator === undefined ? [program] : [runner.emulator, program];
    const since = performance.now();
    const child = spawn(command!, args, { cwd: folder, env: {}, stdio: 'pipe' });
    const ended = once(child, 'exit') as Promise<[number | null]>;
    await typeInto(join(folder, 'console'), () => child.exitCode !== null);
    if (child.exitCode === null) child.kill('SIGKILL');
    const [status] = await ended;
    return { status, ms: performance.now() - since };
  } finally {
    rmSync(folder, { recursive: true });
  }
}

for (const runner of PROGRAM_RUNNERS) {
  const { architecture, skip } = runner;

  test(`${architecture}: Enter leaves a console without a shell, but not before its note could be read`, {
    skip,
  }, async () => {
    const { status, ms } = await waitAtConsole(runner, async (path, hasEnded) => {
      spawnSync('mkfifo', [path]);
      await using console = await open(path, 'r+');
      for (const until = performance.now() + 15_000; !hasEnded() && performance.now() < until; ) {
        await console.write('\n');
        await delay(100);
      }
    });
    assert.equal(status, LEFT);
    assert.ok(ms >= 2000, `${ms} ms`);
  });

  test(`${architecture}: where nobody presses Enter it waits, with a console and without one`, {
    skip,
  }, async () => {
    const waited = await Promise.all([
      waitAtConsole(runner, async (path) => {
        spawnSync('mkfifo', [path]);
        await using _console = await open(path, 'r+');
        await delay(WATCHED_MS);
      }),
      waitAtConsole(runner, () => delay(WATCHED_MS)),
      waitAtConsole(runner, async (path) => {
        writeFileSync(path, '');
        await delay(WATCHED_MS);
      }),
    ]);
    assert.deepEqual(
      waited.map(({ status }) => status),
      [null, null, null],
    );
  });
}
