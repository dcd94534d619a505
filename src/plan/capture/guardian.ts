/**
 * The second process of a capture: it sees to it that the machine leaves in time, whatever the first one waits
 * for, and keeps a watchdog that was running from ending the capture before. The kernel kills it last when memory is short:
 * beside the first process, which it never kills, it would be the only one.
 * @module
 */
import { fn, type ProgramFunction } from '../../formats/static-program/functions.ts';
import { monotonicMs, sleepMs } from '../../formats/static-program/library/clock.ts';
import { LINUX } from '../../formats/static-program/library/linux.ts';
import { SPARED, setOomScore } from '../../formats/static-program/library/oom-score.ts';
import { fork, SIGNAL_SET_SIZE } from '../../formats/static-program/library/process.ts';
import { WDIOC_KEEPALIVE, WDIOC_SETTIMEOUT } from '../../formats/static-program/library/watchdog-requests.ts';
import { giveBack, loop, loopWhile, set, store, when } from '../../formats/static-program/statements.ts';
import { sys, wordsAt, zeroed } from '../../formats/static-program/terms.ts';
import { say } from './chain.ts';

/** From the jump until a driver of the known-good kernel sets it anew: half a minute, as most have it, is too short for that. */
const LEAVE_SECONDS = 120;
/** SIGUSR1: the first process is about to leave. */
const LEAVING = 10;
/** For one that was told to give the watchdog time. */
const TOLD_MS = 20;
/** Between two looks: well below the shortest time of a watchdog. */
const PAUSE_MS = 500;
/** How long the orderly way may take once the deadline is over, ms. */
export const LAST_WAIT_MS = 10_000;

const PLACES = { device: '/dev/watchdog', oomScore: '/proc/self/oom_score_adj' };

const leavingSignal = wordsAt(1n << BigInt(LEAVING - 1));
const pause = wordsAt(0, PAUSE_MS * 1_000_000);
const timeout = zeroed(4);

const pet = fn('pet', ['watchdog'], [], ({ watchdog }) => [
  when([watchdog, '>', 0], [sys.ioctl(watchdog, WDIOC_KEEPALIVE, 0)]),
]);

/** A driver that takes no such time keeps its own. */
const giveTimeToLeave = fn('giveTimeToLeave', ['watchdog'], [], ({ watchdog }) => [
  store.u32(timeout, LEAVE_SECONDS),
  when([watchdog, '>', 0], [sys.ioctl(watchdog, WDIOC_SETTIMEOUT, timeout)]),
  pet(watchdog),
]);

/** When the kernel does not get out of its drivers: a reset that asks none of them (Documentation, sysrq.rst). */
const force = fn('force', [], ['until', 'fd'], ({ until, fd }) => [
  set(until, [monotonicMs(), '+', LAST_WAIT_MS]),
  loopWhile([monotonicMs(), '<', until], [sleepMs(PAUSE_MS)]),
  set(fd, sys.openat(LINUX.AT_FDCWD, '/proc/sysrq-trigger', LINUX.O_WRONLY)),
  sys.write(fd, 'b', 1),
]);

/** Both start a process, and give back its id, or a negative errno: then nothing watches. */
export interface Guardian {
  readonly startGuardian: ProgramFunction<readonly []>;
  /** Without the deadline: one that only keeps the watchdog. */
  readonly startKeeper: ProgramFunction<readonly []>;
  /** Tells it that the machine leaves now. */
  readonly sayLeaving: ProgramFunction<readonly ['pid']>;
}

const sayLeaving = fn('sayLeaving', ['pid'], [], ({ pid }) => [
  when([pid, '>', 0], [sys.kill(pid, LEAVING), sleepMs(TOLD_MS)]),
]);

/**
 * @param deadlineMs from the start of the capture kernel
 * @param leave how the machine leaves then
 */
export function guardian(
  deadlineMs: number,
  leave: ProgramFunction<readonly []>,
  { device, oomScore }: typeof PLACES = PLACES,
): Guardian {
  const watch = fn('watch', ['isKeeper'], ['watchdog', 'status'], ({ isKeeper, watchdog, status }) => [
    set(status, setOomScore(oomScore, SPARED, SPARED.length)),
    when([status, '<', 0], [say('the guardian is not spared when memory is short:', status)]),
    loop([
      when(
        [watchdog, '<=', 0],
        [set(watchdog, sys.openat(LINUX.AT_FDCWD, device, LINUX.O_WRONLY | LINUX.O_CLOEXEC))],
      ),
      pet(watchdog),
      when(
        [[isKeeper, '==', 0], '&&', [monotonicMs(), '>=', deadlineMs]],
        [
          say('the deadline is over, ms:', deadlineMs),
          giveTimeToLeave(watchdog),
          when([fork(), '==', 0], [leave()]),
          giveBack(force()),
        ],
      ),
      when(
        [sys.rt_sigtimedwait(leavingSignal, 0, pause, SIGNAL_SET_SIZE), '==', LEAVING],
        [giveTimeToLeave(watchdog)],
      ),
    ]),
  ]);
  const start = (name: string, isKeeper: number) =>
    fn(name, [], ['pid'], ({ pid }) => [
      // Before there is a child, so that the signal does not end it.
      sys.rt_sigprocmask(LINUX.SIG_BLOCK, leavingSignal, 0, SIGNAL_SET_SIZE),
      set(pid, fork()),
      when([pid, '==', 0], [watch(isKeeper), sys.exit_group(1)]),
      giveBack(pid),
    ]);
  return { startGuardian: start('startGuardian', 0), startKeeper: start('startKeeper', 1), sayLeaving };
}
