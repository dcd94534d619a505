import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { fn } from '../../../src/formats/static-program/functions.ts';
import { giveBack, type Statement, when } from '../../../src/formats/static-program/statements.ts';
import { encodeStaticProgram } from '../../../src/formats/static-program/static-program.ts';
import { sys } from '../../../src/formats/static-program/terms.ts';
import { hostArchitecture } from '../../../src/machine/host-architecture.ts';
import { keepKernelLog } from '../../../src/plan/trial/kernel-log.ts';
import { keepSysrq, leaveTrial, notePanicKernel } from '../../../src/plan/trial/leave-trial.ts';

/**
 * What is left behind where no kernel is loaded. In a process namespace reboot(2) ends that namespace, and never
 * jumps; undefined where none can be made.
 */
function leave(before: readonly Statement[]): { keys: string; log: string } | undefined {
  const folder = mkdtempSync(join(tmpdir(), 'khop-leave-'));
  try {
    const main = fn('main', ['stack'], [], () => [
      // Anywhere else it would be this machine that leaves.
      when([sys.getpid(), '!=', 1], [giveBack(1)]),
      keepKernelLog('log'),
      keepSysrq('sysrq-trigger'),
      ...before,
      leaveTrial(),
    ]);
    for (const name of ['log', 'sysrq-trigger']) writeFileSync(join(folder, name), '');
    writeFileSync(join(folder, 'program'), encodeStaticProgram(main, hostArchitecture()), { mode: 0o755 });
    const { status } = spawnSync('unshare', ['--pid', '--fork', '--kill-child', './program'], {
      cwd: folder,
      timeout: 60_000,
    });
    if (status === 1) return undefined;
    const read = (name: string) => readFileSync(join(folder, name), 'latin1');
    return { keys: read('sysrq-trigger'), log: read('log') };
  } finally {
    rmSync(folder, { recursive: true });
  }
}

test('the way home tries the known-good kernel, the panic kernel and the firmware, in this order', (context) => {
  const left = leave([notePanicKernel()]);
  if (left === undefined) return context.skip('no process namespace can be made here');
  assert.equal(left.keys, 'uc');
  assert.deepEqual(left.log.split('\n'), [
    '<5>khop: save what was written: done',
    // There is no kernel behind this log that would say it is done.
    '<3>khop: make file systems read-only: errno 110',
    '<3>khop: jump to the known-good kernel: errno 22',
    '',
  ]);
});

test('without a panic kernel nothing panics', (context) => {
  const left = leave([]);
  if (left === undefined) return context.skip('no process namespace can be made here');
  assert.equal(left.keys, 'u');
});
