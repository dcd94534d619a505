/**
 * What a hardware watchdog does for a trial: which one is used, whether it counts on over the jump, and what the new
 * kernel needs so that somebody pets it there. It is what ends a kernel that hangs with its interrupts off.
 *
 * Where it does not count on, it is still of use: the guardian of the new kernel arms it as soon as it runs. Why so:
 * docs/decisions/watchdog-over-jump.md.
 * @module
 */
import { parseTimeSpan } from '../../formats/time-span.ts';
import type { MachineFacts } from '../../machine/facts.ts';
import { valueOf } from '../../machine/reading.ts';
import { findIdleWatchdog } from './idle-watchdog.ts';
import { type Candidate, type JumpCover, judgeJump, watchdogCandidates } from './watchdog-candidates.ts';
import { modulesOfWatchdog } from './watchdog-drivers.ts';

/** How long the parts of a trial take. */
export interface TrialTimes {
  /** From the start of the new kernel until its agent has to run. */
  readonly deadlineSeconds: number;
  /** From the beginning of the way down until the guardian of the new kernel runs. */
  readonly jumpSeconds: number;
}

/** A watchdog that is used. */
export interface PlannedWatchdog {
  readonly state: 'planned';
  /** `/dev/watchdog0`. */
  readonly device: string;
  /** Name of its module, or what it says of itself where the driver is not known. */
  readonly driver: string;
  /** Whether it counts while no kernel could pet it; otherwise it is not to be armed before the jump. */
  readonly isOverJump: boolean;
  /** One sentence for people. */
  readonly how: string;
  /** What the guardian sets in the new kernel, where it pets every 500 ms. */
  readonly timeoutSeconds: number;
  /** What the guardian sets when this kernel is left for the known-good one, whose driver sets it anew. */
  readonly leaveSeconds: number;
  /** What is armed before the jump. */
  readonly overJumpSeconds: number;
  /**
   * For the initramfs of the new kernel; those that are built in there are left out by who collects them. Without them
   * nobody can pet it there, so where one is missing it must not be armed.
   */
  readonly modules: readonly string[];
  /** Of the driver, when its module is inserted. */
  readonly moduleParameters: Readonly<Record<string, string>>;
  /** For the command line of the new kernel. */
  readonly kernelArguments: readonly string[];
  /** Whether it cannot be stopped once it counts: then somebody has to pet it until the next reset. */
  readonly isNowayout: boolean;
  /** Whether it has to be made so before the jump, in order to count on. */
  readonly mustLock: boolean;
  /** Whether systemd has to give it away before anybody else can open it. */
  readonly isHeldByServiceManager: boolean;
}

/** What comes of looking for a watchdog. */
export type WatchdogPlan = { readonly state: 'none'; readonly reason: string } | PlannedWatchdog;

/** Petted twice a second; a machine that is out of breath for some seconds is not to be reset. */
const PETTED_SECONDS = 30;
/** The last of the way down, the jump, and a start until drivers are loaded: the guardian itself may take 75 s to leave. */
const LEAVE_SECONDS = 180;
/** The jump was measured once, with other services to stop. */
const JUMP_MARGIN = 2;
const LEAST_JUMP_SECONDS = 60;

/**
 * The best watchdog that `machine` has, and what is to be done with it.
 * @param driver of the one that was planned before, perhaps by another kernel; where none has it, any may be the one
 */
export function planWatchdog(machine: MachineFacts, times: TrialTimes, driver?: string): WatchdogPlan {
  if (machine.watchdogs.state === 'unreadable')
    return none(`whether there is a watchdog could not be read (${machine.watchdogs.source})`);
  const hardware = watchdogCandidates(machine).filter(({ row }) => row?.isSoftware !== true);
  const known = hardware.filter((candidate) => driverOf(candidate) === driver);
  const [best] = (known.length > 0 ? known : hardware)
    .map((candidate) => ({ candidate, cover: judgeJump(candidate, times.jumpSeconds) }))
    // The sort is stable: of those that do the same, the first of the machine.
    .sort((a, b) => Number(b.cover.isOverJump) - Number(a.cover.isOverJump));
  return best === undefined ? none(withoutHardware(machine)) : planned(machine, times, best);
}

function none(reason: string): WatchdogPlan {
  return { state: 'none', reason };
}

function withoutHardware(machine: MachineFacts): string {
  const idle = findIdleWatchdog(machine);
  if (idle !== undefined)
    return `nothing has loaded the driver of the watchdog at ${idle.address}: \`modprobe ${idle.module}\` does`;
  const hasSoftware = watchdogCandidates(machine).length > 0;
  return hasSoftware
    ? 'softdog is a timer of the kernel, which does not outlive it and hangs with it'
    : 'there is no hardware watchdog';
}

function planned(
  machine: MachineFacts,
  times: TrialTimes,
  { candidate, cover }: { readonly candidate: Candidate; readonly cover: JumpCover },
): PlannedWatchdog {
  const { row, facts, device } = candidate;
  const most = Math.min(
    row?.mostSeconds ?? Number.POSITIVE_INFINITY,
    facts.mostSeconds ?? Number.POSITIVE_INFINITY,
  );
  const within = (seconds: number) => Math.min(Math.max(seconds, facts.leastSeconds ?? 1), most);
  const timeoutSeconds = within(PETTED_SECONDS);
  const moduleParameters = parametersOf(candidate, timeoutSeconds);
  const isHeldByServiceManager = facts.isHeldByInit ?? watchesAtRuntime(machine);
  return {
    state: 'planned',
    device,
    driver: driverOf(candidate),
    isOverJump: cover.isOverJump,
    how: sentenceOf(candidate, cover, isHeldByServiceManager),
    timeoutSeconds,
    leaveSeconds: within(LEAVE_SECONDS),
    overJumpSeconds: within(Math.max(LEAST_JUMP_SECONDS, times.jumpSeconds * JUMP_MARGIN)),
    modules: modulesOfWatchdog(candidate.facts),
    moduleParameters,
    kernelArguments: [
      ...Object.entries(moduleParameters).map(([name, value]) => `${row?.module}.${name}=${value}`),
      // Without it the kernel pets what it finds running for ever, also when no program ever starts.
      ...(cover.isOverJump && row?.atProbe === 'petted-by-kernel'
        ? [`watchdog.open_timeout=${times.deadlineSeconds}`]
        : []),
      // 250+: process 1 would pet it whatever happens to the trial, in an emergency shell too.
      ...(isHeldByServiceManager || watchesAtRuntime(machine) ? ['systemd.watchdog_sec=off'] : []),
    ],
    isNowayout: facts.nowayout === true || cover.mustLock,
    mustLock: cover.mustLock,
    isHeldByServiceManager,
  };
}

function driverOf({ row, facts }: Candidate): string {
  return row?.module ?? facts.module ?? facts.identity ?? facts.name;
}

function parametersOf({ row }: Candidate, seconds: number): Record<string, string> {
  if (row === undefined) return {};
  return {
    ...(row.secondsParameter === null ? {} : { [row.secondsParameter]: String(seconds) }),
    ...row.otherParameters,
  };
}

function watchesAtRuntime(machine: MachineFacts): boolean {
  return runtimeWatchdogSeconds(machine, 1) > 0;
}

/**
 * What systemd is told to pet a watchdog with, 0 for nothing. Unreadable settings count as told, and so does `default`.
 * @param usual where the setting names no time
 */
export function runtimeWatchdogSeconds(machine: MachineFacts, usual: number): number {
  if (valueOf(machine.serviceManager) !== 'systemd') return 0;
  if (machine.systemdSettings.state === 'unreadable') return usual;
  const setting = valueOf(machine.systemdSettings)?.get('RuntimeWatchdogSec') ?? 'off';
  return parseTimeSpan(setting) ?? usual;
}

function sentenceOf({ row, facts }: Candidate, cover: JumpCover, isHeld: boolean): string {
  const name = row?.module ?? facts.identity ?? facts.name;
  const holder = isHeld ? '; systemd gives it away before' : '';
  return cover.isOverJump
    ? `${name} counts over the jump, because ${cover.because}${holder}.`
    : `${name} is armed as soon as the new kernel runs, and not over the jump: ${cover.because}.`;
}
