/**
 * A child that may take only so long and so much: what writes to a disk can hang there, and a process that hangs
 * cannot look at a clock.
 * @module
 */
import { fn, type ProgramFunction } from '../../formats/static-program/functions.ts';
import { monotonicMs, sleepMs } from '../../formats/static-program/library/clock.ts';
import { LINUX } from '../../formats/static-program/library/linux.ts';
import { giveBack, loop, loopWhile, set, when } from '../../formats/static-program/statements.ts';
import { load, sys, zeroed } from '../../formats/static-program/terms.ts';
import { freeBytes } from './free-space.ts';

/** What a child may use. */
export interface ChildLimits {
  /** It is killed then, ms from the start of the kernel. */
  readonly untilMs: number;
  /** It is killed when less is left in the file system of the current folder. 0: it writes to none. */
  readonly minimumFreeBytes: number;
}

/** What `watchChild` gives back for a child that it killed. */
export const ENDED_BY = { time: -110, space: -28 } as const;

const PAUSE_MS = 25;
/** One that waits for a device does not die before the device answers. */
const LAST_WAIT_MS = 2000;

const waitStatus = zeroed(8);

/** Asks once: 0 while it runs, 1 when it ended, or a negative errno. */
const hasEnded = fn('hasEnded', ['pid'], ['got'], ({ pid, got }) => [
  set(got, sys.wait4(pid, waitStatus, LINUX.WNOHANG)),
  when([got, '<', 0], [giveBack(got)]),
  giveBack([got, '==', pid]),
]);

const killChild = fn('killChild', ['pid'], ['until'], ({ pid, until }) => [
  sys.kill(pid, LINUX.SIGKILL),
  set(until, [monotonicMs(), '+', LAST_WAIT_MS]),
  loopWhile([monotonicMs(), '<', until], [when([hasEnded(pid), '!=', 0], [giveBack(0)]), sleepMs(PAUSE_MS)]),
]);

/** Of a wait status: the exit status, or 256 and the signal (wait(2)). */
const outcome = fn('outcome', [], ['status'], ({ status }) => [
  set(status, load.u32(waitStatus)),
  when([status, '&', 0x7f], [giveBack([256, '+', [status, '&', 0x7f]])]),
  giveBack([[status, '>>', 8], '&', 0xff]),
]);

/** Waits for a child: its exit status, 256 and more when a signal ended it, one of ENDED_BY, or a negative errno. */
export function childWatcher({ untilMs, minimumFreeBytes }: ChildLimits): ProgramFunction<readonly ['pid']> {
  return fn('watchChild', ['pid'], ['ended'], ({ pid, ended }) => [
    when([pid, '<', 0], [giveBack(pid)]),
    loop([
      set(ended, hasEnded(pid)),
      when([ended, '<', 0], [giveBack(ended)]),
      when(ended, [giveBack(outcome())]),
      when([monotonicMs(), '>=', untilMs], [killChild(pid), giveBack(ENDED_BY.time)]),
      when([freeBytes(), '<u', minimumFreeBytes], [killChild(pid), giveBack(ENDED_BY.space)]),
      sleepMs(PAUSE_MS),
    ]),
  ]);
}
