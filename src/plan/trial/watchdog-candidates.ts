/**
 * The watchdogs of a machine, and whether each counts on over a jump.
 * @module
 */
import type { MachineFacts, WatchdogFacts } from '../../machine/facts.ts';
import { valueOf } from '../../machine/reading.ts';
import { findWatchdogDriver, WATCHDOG_DRIVERS, type WatchdogDriver } from './watchdog-drivers.ts';

/** One watchdog with what is known of its driver. */
export interface Candidate {
  readonly device: string;
  readonly facts: WatchdogFacts;
  readonly row: WatchdogDriver | undefined;
}

/** Whether a watchdog counts while one kernel gives way to the next. */
export interface JumpCover {
  readonly isOverJump: boolean;
  /** Whether nowayout has to be set for that, which nothing but a reset takes back. */
  readonly mustLock: boolean;
  /** Goes on a sentence after `because` or a colon. */
  readonly because: string;
}

/** In the order of their numbers; those that have only /dev/watchdog last. */
export function watchdogCandidates(machine: MachineFacts): readonly Candidate[] {
  const ofClass = (valueOf(machine.watchdogs) ?? []).map((facts) => ({
    device: `/dev/${facts.name}`,
    facts,
    row: findWatchdogDriver(facts),
  }));
  const loaded = valueOf(machine.loadedModules);
  const legacy = WATCHDOG_DRIVERS.filter(({ isLegacy, module }) => isLegacy === true && loaded?.has(module));
  return [...ofClass, ...legacy.map(legacyCandidate)];
}

function legacyCandidate(row: WatchdogDriver): Candidate {
  const facts: WatchdogFacts = {
    ...{ name: 'watchdog', identity: row.identities[0], driver: undefined, module: row.module },
    ...{ state: undefined, timeoutSeconds: undefined, nowayout: undefined, modules: [] },
    ...{
      leastSeconds: undefined,
      mostSeconds: undefined,
      isHeldByInit: undefined,
      isKeptOnReboot: undefined,
    },
  };
  return { device: '/dev/watchdog', facts, row };
}

/** @param jumpSeconds how long nobody pets it */
export function judgeJump(candidate: Candidate, jumpSeconds: number): JumpCover {
  const cover = judgeDriver(candidate);
  if (!cover.isOverJump) return cover;
  const most = candidate.row?.mostSeconds;
  if (most == null) return not('nobody knows how long its hardware counts by itself');
  const limit = Math.min(most, candidate.facts.mostSeconds ?? most);
  return limit < jumpSeconds
    ? not(`it counts ${limit} s at most, and the jump takes ${jumpSeconds} s`)
    : cover;
}

function judgeDriver({ row, facts }: Candidate): JumpCover {
  if (row === undefined) return not('whether its driver lets it count over kexec is not known');
  switch (row.countsOn) {
    case 'never':
      return not('its driver ends it on the way to kexec');
    case 'natively':
      return counts('its driver leaves it running');
    case 'when-kept':
      return facts.isKeptOnReboot === true
        ? counts('this kernel was started with watchdog.stop_on_reboot=0')
        : not('kexec stops it, unless this kernel was started with watchdog.stop_on_reboot=0');
    case 'when-locked':
      return judgeLockable(facts);
  }
}

/** Without the lock where that is possible: then it can be stopped when the trial is over. */
function judgeLockable(facts: WatchdogFacts): JumpCover {
  if (facts.nowayout === true) return counts('nowayout is set, and its hardware heeds that');
  if (facts.isKeptOnReboot === true) return counts('this kernel was started with watchdog.stop_on_reboot=0');
  return facts.nowayout === undefined
    ? not('it would have to be locked, and this kernel has no switch for that')
    : { isOverJump: true, mustLock: true, because: 'it is locked before, until the next reset' };
}

function counts(because: string): JumpCover {
  return { isOverJump: true, mustLock: false, because };
}

function not(because: string): JumpCover {
  return { isOverJump: false, mustLock: false, because };
}
