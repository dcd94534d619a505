/**
 * The guardian of a trial: a child of the first act that outlives the initramfs. It sees to it that the machine
 * goes home when the system does not come up, or nobody confirms it, in time; and it keeps the hardware watchdog, which
 * ends what the guardian itself cannot.
 *
 * It needs nothing of the system it watches over: no file is opened after its start, its memory is locked, no
 * signal but those of the agent reaches it, and the kernel kills it last when memory is short. It has no
 * real-time priority: a kernel with CONFIG_RT_GROUP_SCHED does not let systemd use the cpu controller while such a
 * process is outside of the root group (Documentation/admin-guide/cgroup-v2.rst, "CPU").
 * @module
 */
import { fn, type ProgramFunction } from '../../formats/static-program/functions.ts';
import { bootMs } from '../../formats/static-program/library/clock.ts';
import { LINUX } from '../../formats/static-program/library/linux.ts';
import { fork, SIGNAL_SET_SIZE } from '../../formats/static-program/library/process.ts';
import { giveBack, loop, set, when } from '../../formats/static-program/statements.ts';
import { sys, wordsAt, zeroed } from '../../formats/static-program/terms.ts';
import { GUARDIAN } from '../../machine/guardian-words.ts';
import type { FirstActOrder } from './first-act-order.ts';
import { nameGuardian } from './guardian-name.ts';
import { said, warn } from './kernel-log.ts';
import { giveTimeToLeave, petWatchdog, stopWatchdog } from './trial-watchdog.ts';

const MCL_CURRENT = 1;
/** Between two looks: watchdogs count seconds, two at least. */
const PAUSE = { seconds: 1, nanoseconds: 0 };

const { signals } = GUARDIAN;
const everySignal = wordsAt(-1);
const agentSignals = wordsAt(
  Object.values(signals).reduce((mask, number) => mask | (1n << BigInt(number - 1)), 0n),
);
const pause = wordsAt(PAUSE.seconds, PAUSE.nanoseconds);
const formerMask = zeroed(SIGNAL_SET_SIZE);

/**
 * The function that makes the child, from the initial stack: its id, or a negative errno.
 * @param leave what it does when a deadline is over
 */
export function guardian(
  {
    bootDeadlineMs,
    deadlineMs,
    wayHomeMs,
  }: Pick<FirstActOrder, 'bootDeadlineMs' | 'deadlineMs' | 'wayHomeMs'>,
  leave: ProgramFunction<readonly []>,
): ProgramFunction<readonly ['stack']> {
  /**
   * A way home that has begun hangs without anybody who would see it: the agent is ended on it. A later word that the agent
   * runs does not put this off, nor does a second one that it goes home.
   */
  const hurry = fn('hurry', ['last'], ['homeBy'], ({ last, homeBy }) => [
    giveTimeToLeave(),
    set(homeBy, [bootMs(), '+', wayHomeMs]),
    when([homeBy, '<', last], [giveBack(homeBy)]),
    giveBack(last),
  ]);

  /** Until it has nothing to do any more; gives back its exit status. A deadline of 0 is none. */
  const watch = fn('watch', [], ['deadline', 'last', 'signal'], ({ deadline, last, signal }) => [
    set(last, deadlineMs),
    set(deadline, Math.min(bootDeadlineMs, deadlineMs)),
    loop([
      when(
        [[deadline, '!=', 0], '&&', [bootMs(), '>=', deadline]],
        [
          when(
            [last, '==', deadlineMs],
            [warn(`${GUARDIAN.verdict}: nobody answered until ms`, deadline)],
            [warn(`${GUARDIAN.verdict}: the way home was not over at ms`, deadline)],
          ),
          // From here on nobody pets the watchdog: a way home that hangs ends in a reset.
          giveTimeToLeave(),
          leave(),
          giveBack(1),
        ],
      ),
      petWatchdog(),
      set(signal, sys.rt_sigtimedwait(agentSignals, 0, pause, SIGNAL_SET_SIZE)),
      when([[signal, '==', signals.checkedIn], '&&', [deadline, '!=', 0]], [set(deadline, last)]),
      when([signal, '==', signals.confirmed], [stopWatchdog(), giveBack(0)]),
      when([signal, '==', signals.handOver], [giveBack(0)]),
      when([signal, '==', signals.leaving], [giveTimeToLeave()]),
      when(
        [signal, '==', signals.goingHome],
        [set(last, hurry(last)), when([last, '<', deadline], [set(deadline, last)])],
      ),
      when([signal, '==', signals.keepPetting], [set(deadline, 0)]),
    ]),
  ]);

  /** The console stays free for the system, and no terminal is this process’s. */
  const become = fn('becomeGuardian', ['stack'], [], ({ stack }) => [
    sys.setsid(),
    ...[0, 1, 2].map((descriptor) => sys.close(descriptor)),
    said('name the guardian', nameGuardian(stack)),
    said('lock the guardian’s memory', sys.mlockall(MCL_CURRENT)),
  ]);

  return fn('startGuardian', ['stack'], ['pid'], ({ stack, pid }) => [
    // Before there is a child, so that no signal finds it unprepared; what the next init inherits is as it was.
    sys.rt_sigprocmask(LINUX.SIG_SETMASK, everySignal, formerMask, SIGNAL_SET_SIZE),
    set(pid, fork()),
    when([pid, '==', 0], [become(stack), sys.exit_group(watch())]),
    sys.rt_sigprocmask(LINUX.SIG_SETMASK, formerMask, 0, SIGNAL_SET_SIZE),
    giveBack(pid),
  ]);
}
