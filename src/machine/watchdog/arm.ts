/**
 * Arming a watchdog before a jump: it is set, seen to count, and left alone. What cannot be taken back, locking it,
 * comes last: whatever goes wrong before stops it again.
 * @module
 */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { KhopError } from '../../error.ts';
import { type WatchdogCalls, WDIOS_DISABLECARD, WDIOS_ENABLECARD } from './calls.ts';
import { isCounting, isNowayout, OpenWatchdog, type WatchdogPlace, watchdogFile } from './open-watchdog.ts';

/** What to arm; a `PlannedWatchdog` is one. */
export interface WatchdogOrder {
  readonly device: string;
  readonly overJumpSeconds: number;
  /** Set nowayout first: only then its hardware goes on when the kernel ends. */
  readonly mustLock: boolean;
}

/** What was seen. */
export interface ArmedWatchdog {
  /** What it counts from now on. */
  readonly timeoutSeconds: number;
  readonly isLocked: boolean;
  /** That it really counts: it was seen to, or its driver says so, or nothing tells. */
  readonly evidence: 'time-left' | 'state' | 'none';
}

/** What a driver may round off. */
const TOLERANCE = 0.9;
/** Those that tell the time left do it in seconds. */
const COUNTING_POLL_MS = 250;
const COUNTING_WAIT_MS = 3000;

/**
 * Nobody pets it afterwards: it resets the machine `overJumpSeconds` later, unless somebody does.
 * @throws E_BUSY when another program has it; E_REFUSED when it does not do as told, and then it is stopped; E_SYSCALL
 */
export async function armOverJump(
  root: string,
  order: WatchdogOrder,
  calls?: WatchdogCalls,
): Promise<ArmedWatchdog> {
  const place: WatchdogPlace = { root, device: order.device, calls };
  const watchdog = new OpenWatchdog(place);
  try {
    const armed = await arm(watchdog, place, order);
    watchdog[Symbol.dispose]();
    // Counting after all hands are off it is what matters.
    if (isCounting(place) === false) throw refused(order, 'it stopped when it was let go');
    return armed;
  } catch (error) {
    watchdog.closeToStop();
    throw error;
  }
}

async function arm(
  watchdog: OpenWatchdog,
  place: WatchdogPlace,
  order: WatchdogOrder,
): Promise<ArmedWatchdog> {
  const timeoutSeconds = watchdog.setTimeoutSeconds(order.overJumpSeconds);
  if (timeoutSeconds < order.overJumpSeconds * TOLERANCE)
    throw refused(order, `it counts ${timeoutSeconds} s instead of ${order.overJumpSeconds} s`);
  const isEndless = order.mustLock || isNowayout(place) === true;
  if (!isEndless && !watchdog.knowsMagicClose)
    throw refused(order, 'it stops with the program that armed it');
  const isSeen = await seenCounting(watchdog);
  if (isSeen === false) throw refused(order, 'its time does not run');
  if (order.mustLock) lock(watchdog, place, order);
  watchdog.pet();
  const state = isCounting(place);
  if (state === false) throw refused(order, 'its driver says that it does not run');
  return {
    timeoutSeconds,
    isLocked: isNowayout(place) === true,
    evidence: isSeen === true ? 'time-left' : state === true ? 'state' : 'none',
  };
}

/** A driver locks its hardware when it starts it, and one that runs is not started again: so it is stopped before. */
function lock(watchdog: OpenWatchdog, place: WatchdogPlace, order: WatchdogOrder): void {
  if (isNowayout(place) !== true) {
    watchdog.setOption(WDIOS_DISABLECARD);
    setNowayout(place, order);
  }
  watchdog.setOption(WDIOS_ENABLECARD);
}

/** The file can be written since 5.5; older kernels answer EIO. */
function setNowayout(place: WatchdogPlace, order: WatchdogOrder): void {
  try {
    writeFileSync(join(place.root, watchdogFile(order.device, 'nowayout')), '1');
  } catch (error) {
    throw refused(order, `it cannot be locked (${(error as NodeJS.ErrnoException).code ?? error})`);
  }
  if (isNowayout(place) !== true) throw refused(order, 'it cannot be locked');
}

/** Undefined where the driver does not tell the time left. */
async function seenCounting(watchdog: OpenWatchdog): Promise<boolean | undefined> {
  const before = watchdog.timeLeftSeconds;
  if (before === undefined) return undefined;
  for (let waited = 0; waited < COUNTING_WAIT_MS; waited += COUNTING_POLL_MS) {
    await watchdog.sleep(COUNTING_POLL_MS);
    if ((watchdog.timeLeftSeconds ?? before) < before) return true;
  }
  return false;
}

function refused({ device }: WatchdogOrder, what: string): KhopError {
  return new KhopError('E_REFUSED', `${device} is no help over the jump: ${what}`, {
    hint: 'Go without it; it was stopped, where it can be.',
  });
}
