/**
 * Leaving a kernel on trial that did not come up in time, by the guardian: no disk, no program and no other process
 * is needed.
 *
 * What was written is saved as far as that goes in bounded time: sync, then every file system read-only by the
 * kernel's own emergency remount. The jump to the known-good kernel comes next. It asks every driver to stop, and on a
 * kernel that is not well one may never answer; so it is made by a child, and when that does not end in a jump, the
 * kernel panics, which asks nobody. Where the jump could not begin, the panic kernel takes over; one that hangs keeps
 * kexec's lock, and the machine is restarted. Without a panic kernel the firmware is left.
 * @module
 */
import { fn, type ProgramFunction } from '../../formats/static-program/functions.ts';
import { bootMs, sleepMs } from '../../formats/static-program/library/clock.ts';
import { LINUX } from '../../formats/static-program/library/linux.ts';
import { fork } from '../../formats/static-program/library/process.ts';
import { giveBack, loopWhile, set, store, when } from '../../formats/static-program/statements.ts';
import { load, sys, zeroed } from '../../formats/static-program/terms.ts';
import { awaitKernelLog, said, skipKernelLog } from './kernel-log.ts';

/** linux/reboot.h. */
const REBOOT_MAGIC1 = 0xfee1dead;
const REBOOT_MAGIC2 = 672274793;
const REBOOT_RESTART = 0x01234567;
const REBOOT_KEXEC = 0x45584543;

const SYNC_MS = 10_000;
const REMOUNT_MS = 5000;
/** Disks may take half a minute to write out their caches. */
const JUMP_MS = 60_000;
/** The key does not come back from a panic. */
const PANIC_MS = 1000;
const PAUSE_MS = 50;
/** From the guardian's deadline until a kernel whose drivers do not stop panics; without a panic kernel, until it is reset. */
export const LEAVE_SECONDS = {
  panic: (SYNC_MS + REMOUNT_MS + JUMP_MS + PANIC_MS) / 1000,
  reset: (SYNC_MS + REMOUNT_MS + JUMP_MS + JUMP_MS) / 1000,
} as const;

/** Of /proc/sysrq-trigger, which works whatever kernel.sysrq says; 0 is none. */
const sysrq = zeroed(8);
/** Whether the panic kernel is loaded. Without one a panic would at best be the way through the firmware. */
const isPanicArmed = zeroed(8);

/** 0, or a negative errno. */
export const keepSysrq = fn('keepSysrq', ['path'], ['fd'], ({ path, fd }) => [
  set(fd, sys.openat(LINUX.AT_FDCWD, path, LINUX.O_WRONLY | LINUX.O_CLOEXEC)),
  when([fd, '<', 0], [giveBack(fd)]),
  store.u64(sysrq, fd),
]);

export const notePanicKernel = fn('notePanicKernel', [], [], () => [store.u64(isPanicArmed, 1)]);

const press = fn('press', ['key'], [], ({ key }) => [sys.write(load.u64(sysrq), key, 1)]);

/** Does `work` in a child: 0 when it ended, -ETIMEDOUT when it did not in time, or a negative errno without a child. */
function bounded(work: ProgramFunction<readonly []>, limitMs: number): ProgramFunction<readonly []> {
  return fn(`${work.definition.name}InTime`, [], ['pid', 'until'], ({ pid, until }) => [
    set(pid, fork()),
    when([pid, '==', 0], [work(), sys.exit_group(0)]),
    when([pid, '<', 0], [giveBack(pid)]),
    set(until, [bootMs(), '+', limitMs]),
    loopWhile(
      [bootMs(), '<', until],
      [when([sys.wait4(pid, 0, LINUX.WNOHANG), '==', pid], [giveBack(0)]), sleepMs(PAUSE_MS)],
    ),
    giveBack(-LINUX.ETIMEDOUT),
  ]);
}

const saveDisks = fn('saveDisks', [], [], () => [sys.sync()]);

const jumpHome = fn('jumpHome', [], ['status'], ({ status }) => [
  set(status, sys.reboot(REBOOT_MAGIC1, REBOOT_MAGIC2, REBOOT_KEXEC, 0)),
  said('jump to the known-good kernel', status),
]);

const restart = fn('restart', [], ['status'], ({ status }) => [
  set(status, sys.reboot(REBOOT_MAGIC1, REBOOT_MAGIC2, REBOOT_RESTART, 0)),
  said('restart through the firmware', status),
]);

/** Makes file systems read-only: a work of the kernel’s, whose end is a line of its log. */
const makeReadOnly = fn('makeReadOnly', [], [], () => [
  skipKernelLog(),
  press('u'),
  giveBack(awaitKernelLog('Remount complete', REMOUNT_MS)),
]);

/** Goes home, by the first way that works. */
export const leaveTrial = fn('leaveTrial', [], ['status'], ({ status }) => {
  const jumpInTime = bounded(jumpHome, JUMP_MS);
  const syncInTime = bounded(saveDisks, SYNC_MS);
  const restartInTime = bounded(restart, JUMP_MS);
  return [
    said('save what was written', syncInTime()),
    said('make file systems read-only', makeReadOnly()),
    set(status, jumpInTime()),
    // No memory for a child.
    when([[status, '<', 0], '&&', [status, '!=', -LINUX.ETIMEDOUT]], [jumpHome()]),
    when(load.u64(isPanicArmed), [press('c'), sleepMs(PANIC_MS)]),
    restartInTime(),
    press('b'),
  ];
});
