/**
 * What is promised before a jump: for each way of failing, what brings the machine home and within how many seconds, or
 * that nothing does, and what would. A value, made of plans and of what this machine was measured to take.
 *
 * `seconds` counts from the failure until the known-good kernel runs its first program again, and is null where nothing
 * on this machine has measured it; 0 where the known-good kernel was never left.
 * @module
 */
import type { PanicsElsewhere } from '../guard/panic-processor.ts';
import { LEAVE_SECONDS } from '../plan/trial/leave-trial.ts';
import { HUNG_TASK_SECONDS, PANIC_SECONDS } from '../plan/trial/trial-parameters.ts';
import { HOME_PANIC_SECONDS } from '../switch/restart-on-way-home.ts';
import { WAY_HOME_SECONDS } from './go-home.ts';
import { FAILURE_CLASSES, type FailureClass } from './trial-words.ts';

/** One way of failing. */
export interface ReturnRow {
  readonly class: FailureClass;
  /** E.g. `the kernel panics before its first program`. */
  readonly what: string;
  /** What brings it home; why nothing does where it is not covered. */
  readonly by: string;
  readonly seconds: number | null;
  readonly isCovered: boolean;
  /** What would cover it, or cover it better; null when there is nothing to do. */
  readonly remedy: string | null;
}

/** Something that is there for the trial, or why it is not. */
export type Planned =
  | {
      readonly state: 'planned';
      /** One in how many times it is not there after all: by chance, and then it is said. */
      readonly missesOneIn?: number | undefined;
    }
  | { readonly state: 'none'; readonly reason: string; readonly remedy: string | null };

/** What the table is made of. */
export interface ReturnTableInput {
  /** Catches a panic of the kernel on trial. */
  readonly panicKernel: Planned;
  /** The known-good kernel, in the panic kernel's reservation. */
  readonly panicHome: Planned;
  /** Which panics it is not started after: those are on a processor from which the panic kernel restarts the machine. */
  readonly panicsElsewhere: PanicsElsewhere;
  /** The known-good kernel, in memory, for whoever goes home. */
  readonly home: Planned;
  readonly watchdog:
    | {
        readonly state: 'planned';
        /** Whether it counts from before the jump; else from the first program of the new kernel on. */
        readonly isOverJump: boolean;
        /** From before the jump to the first program of the new kernel. */
        readonly overJumpSeconds: number;
        /** From then on. */
        readonly timeoutSeconds: number;
      }
    | { readonly state: 'none'; readonly reason: string; readonly remedy: string | null };
  /** Whether the firmware leads to the known-good kernel: `planned` when it will, from just before the jump on. */
  readonly homeDefault:
    | { readonly state: 'already' | 'planned' }
    | { readonly state: 'none'; readonly reason: string; readonly remedy: string | null };
  /** From the start of the new kernel. */
  readonly bootDeadlineSeconds: number;
  readonly deadlineSeconds: number;
  readonly needsConfirm: boolean;
  /** CONFIG_HARDLOCKUP_DETECTOR of the kernel on trial, and that it can work here. */
  readonly hasHardLockupDetector: boolean;
  /** The agent and its checks are units of it. */
  readonly hasSystemd: boolean;
  /** Of this machine's past; null where there is none. */
  readonly measured: {
    /** From a jump to the known-good kernel's first program. */
    readonly bootSeconds: number | null;
    /** The same from a reset, firmware and boot loader included. */
    readonly firmwareSeconds: number | null;
  };
}

type Answer = Omit<ReturnRow, 'class' | 'what'>;

/** kernel.watchdog_thresh: when a hang with interrupts off becomes a panic. */
const DEAD_HANG_SECONDS = 10;

const WHAT: Readonly<Record<FailureClass, string>> = {
  'early-panic': 'the kernel panics before its first program',
  panic: 'the kernel panics later',
  hang: 'the kernel hangs, and interrupts still come',
  'dead-hang': 'the kernel hangs with interrupts off, or before its first program',
  'stuck-boot': 'the system does not come up, the agent never runs',
  'no-network': 'the network does not come up',
  unhealthy: 'a service does not come up, or is not as it was',
  unconfirmed: 'nobody confirms',
  'power-loss': 'the power goes',
  fallback: 'the way home itself fails',
};

const ANSWERS: Readonly<Record<FailureClass, (input: ReturnTableInput) => Answer>> = {
  'early-panic': (input) => byFirmware(input, `panic=${PANIC_SECONDS} restarts the machine`, PANIC_SECONDS),
  panic: byPanicKernel,
  hang: (input) => {
    const answer = byPanicKernel(input);
    return {
      ...answer,
      by: `a detector of the kernel panics; ${answer.by}`,
      seconds: plus(answer.seconds, HUNG_TASK_SECONDS),
    };
  },
  'dead-hang': byWatchdog,
  'stuck-boot': (input) =>
    byHome(input, 'the guardian of the first act goes home at its deadline', input.bootDeadlineSeconds),
  'no-network': byAgent,
  unhealthy: byAgent,
  unconfirmed: (input) =>
    input.needsConfirm || !input.hasSystemd
      ? byWhoWaits(input)
      : { ...covered('nobody is asked: the checks decide', 0), seconds: 0 },
  'power-loss': (input) =>
    byFirmware(
      input,
      input.homeDefault.state === 'planned'
        ? 'the boot loader’s default becomes the known-good kernel before the jump'
        : 'the boot loader’s default was not touched',
      0,
    ),
  fallback: byFallback,
};

/** One row for each class, in their order. */
export function returnTable(input: ReturnTableInput): ReturnRow[] {
  return FAILURE_CLASSES.map((name) => ({ class: name, what: WHAT[name], ...ANSWERS[name](input) }));
}

/** Those that nothing brings home and that nobody has accepted. */
export function uncoveredClasses(rows: readonly ReturnRow[], accepted: readonly string[]): FailureClass[] {
  return rows.filter((row) => !row.isCovered && !accepted.includes(row.class)).map((row) => row.class);
}

function covered(by: string, seconds: number | null, remedy: string | null = null): Answer {
  return { by, seconds, isCovered: true, remedy };
}

function uncovered(by: string, remedy: string | null): Answer {
  return { by, seconds: null, isCovered: false, remedy };
}

function plus(seconds: number | null, more: number): number | null {
  return seconds === null ? null : seconds + more;
}

function byFirmware({ homeDefault, measured }: ReturnTableInput, how: string, after: number): Answer {
  if (homeDefault.state === 'none') return uncovered(homeDefault.reason, homeDefault.remedy);
  return covered(`${how}, the firmware starts the known-good kernel`, plus(measured.firmwareSeconds, after));
}

function byPanicKernel(input: ReturnTableInput): Answer {
  const { panicKernel } = input;
  const answer = byThePanicKernel(input);
  if (panicKernel.state === 'none' || panicKernel.missesOneIn === undefined) return answer;
  const chance = `1 in ${panicKernel.missesOneIn}`;
  return {
    ...answer,
    by: `${answer.by}; by chance (${chance}) the kernel on trial unpacks itself in its place: then panic=${PANIC_SECONDS} restarts the machine, without a report`,
    remedy: answer.remedy ?? 'khop switch --fast places the kernel itself',
  };
}

function byThePanicKernel(input: ReturnTableInput): Answer {
  const { panicKernel, panicHome } = input;
  if (panicKernel.state === 'none') {
    const answer = byFirmware(
      input,
      `panic=${PANIC_SECONDS} restarts the machine, without a report (${panicKernel.reason})`,
      PANIC_SECONDS,
    );
    return answer.isCovered ? { ...answer, remedy: panicKernel.remedy } : answer;
  }
  if (panicHome.state === 'planned') return byPanicHome(input);
  const answer = byFirmware(
    input,
    `the panic kernel saves a report and restarts the machine (${panicHome.reason})`,
    0,
  );
  return answer.isCovered ? { ...answer, remedy: panicHome.remedy } : answer;
}

const ELSEWHERE: Readonly<Record<Exclude<PanicsElsewhere, 'none'>, string>> = {
  all: 'a panic',
  oopses: 'an oops or an NMI',
};

/** Nobody knows which processor it will be: what is promised is the slower way, and nothing where that leads elsewhere. */
function byPanicHome({ panicsElsewhere, homeDefault, measured }: ReturnTableInput): Answer {
  const { bootSeconds, firmwareSeconds } = measured;
  const fromFirst = 'the panic kernel saves a report and starts the known-good kernel';
  if (panicsElsewhere === 'none') return covered(fromFirst, bootSeconds);
  const both = `${fromFirst}; after ${ELSEWHERE[panicsElsewhere]} on another CPU than the first it restarts the machine`;
  if (homeDefault.state === 'none')
    return uncovered(`${both}, and ${homeDefault.reason}`, homeDefault.remedy);
  const isKnown = bootSeconds !== null && firmwareSeconds !== null;
  const seconds = isKnown ? Math.max(bootSeconds, firmwareSeconds) : null;
  return covered(`${both}, the firmware starts the known-good kernel`, seconds);
}

/** Only hardware sees a kernel that nothing runs in any more. */
function byWatchdog(input: ReturnTableInput): Answer {
  const { watchdog, hasHardLockupDetector } = input;
  if (watchdog.state === 'none') {
    if (!hasHardLockupDetector) return uncovered(watchdog.reason, watchdog.remedy);
    const { by, seconds } = byPanicKernel(input);
    return {
      ...uncovered(
        `before the first program nothing (${watchdog.reason}); later the lockup detector panics: ${by}`,
        watchdog.remedy,
      ),
      seconds: plus(seconds, DEAD_HANG_SECONDS),
    };
  }
  if (!watchdog.isOverJump)
    return {
      ...byFirmware(
        input,
        'from the first program on the watchdog resets the machine',
        watchdog.timeoutSeconds,
      ),
      isCovered: false,
      remedy: 'the watchdog of this machine does not count over a jump; be able to reset the machine by hand',
    };
  const { overJumpSeconds, timeoutSeconds } = watchdog;
  const how =
    overJumpSeconds > timeoutSeconds
      ? `the watchdog resets the machine, ${timeoutSeconds} s later, before the first program within ${overJumpSeconds} s of the jump`
      : 'the watchdog resets the machine';
  return byFirmware(input, how, Math.max(overJumpSeconds, timeoutSeconds));
}

function byHome(input: ReturnTableInput, how: string, after: number): Answer {
  const { home, measured } = input;
  if (home.state === 'planned')
    return covered(`${how}, without the firmware`, plus(measured.bootSeconds, after));
  const answer = byFirmware(input, `${how} (${home.reason})`, after);
  return answer.isCovered ? { ...answer, remedy: home.remedy } : answer;
}

/** Either end of the way home may be what fails: the kernel that is left, or the one that comes. */
function byFallback(input: ReturnTableInput): Answer {
  const answer = byFirmware(
    input,
    `panic=${HOME_PANIC_SECONDS} restarts the machine when home panics or finds no root`,
    HOME_PANIC_SECONDS,
  );
  if (!answer.isCovered) return answer;
  // A kernel that hangs in its own jump keeps the lock that its panic kernel would be started under.
  const endSeconds =
    WAY_HOME_SECONDS +
    (input.panicKernel.state === 'planned' ? LEAVE_SECONDS.panic + PANIC_SECONDS : LEAVE_SECONDS.reset);
  const seconds = plus(input.measured.firmwareSeconds, endSeconds);
  return {
    ...answer,
    by: `${answer.by}; when the drivers of the kernel that is left hang, the guardian has it restart the machine within ${endSeconds} s`,
    seconds: answer.seconds === null || seconds === null ? null : Math.max(answer.seconds, seconds),
  };
}

/** The guardian has no checks, but it knows when nobody has confirmed. */
function byWhoWaits(input: ReturnTableInput): Answer {
  return input.hasSystemd
    ? byAgent(input)
    : byHome(input, 'the guardian of the first act goes home at its deadline', input.bootDeadlineSeconds);
}

function byAgent(input: ReturnTableInput): Answer {
  if (input.hasSystemd) return byHome(input, 'the agent goes home at its deadline', input.deadlineSeconds);
  return uncovered('the agent is a unit of systemd, which does not run here', 'watch it yourself: khop back');
}
