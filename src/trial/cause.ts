/**
 * Why the machine is home: found by the known-good kernel from what the kernel on trial left behind. What that kernel
 * said itself counts first, then what came without firmware, then what survives a reset.
 *
 * The rules below are asked in order and the first that applies is the cause. A watchdog's status and the records in
 * pstore count only behind a reset: a kernel that came by kexec still sees those of an older one.
 * @module
 */
import { guardReturnOf } from '../guard/guard-return.ts';
import { type Reading, valueOf } from '../machine/reading.ts';
import { commandLineValue } from '../plan/command-line.ts';
import type { CrashHistoryEntry } from '../switch/history.ts';
import { isRestarting } from '../switch/restart-on-way-home.ts';
import type { Ticket, TicketTrial } from '../switch/ticket.ts';
import type { ShutdownVerdict } from './asked-shutdown.ts';
import { SHUTDOWN_ASKED } from './going-down.ts';
import { causeOn, homeIdOn, type ToldCause } from './trial-kernel.ts';
import { RETURN_CAUSES, type ReturnCause, TRIAL_PHASES, type TrialPhase } from './trial-words.ts';

/** What the known-good kernel finds. */
export interface ReturnEvidence {
  /** Undefined when it is damaged or of a newer khop. */
  readonly ticket: Ticket | undefined;
  /** Of the kernel that runs now. */
  readonly commandLine: string;
  readonly release: string | undefined;
  /** Crashes since the jump, oldest first. */
  readonly crashes: readonly CrashHistoryEntry[];
  /** Whether the newest of them was asked for by the guardian, whose jump home hung. */
  readonly isCrashOfGuardian: boolean;
  /** Whether a hardware watchdog says that the last reset was its own. */
  readonly watchdogReset: Reading<boolean>;
  /** That kernel was asked to go down. */
  readonly askedShutdown: ShutdownVerdict | undefined;
  /** When the records of dying kernels in pstore were made: realtime, ms since 1970. Old ones may lie there for ever. */
  readonly persistentRecords: Reading<readonly number[]>;
}

/** The verdict. */
export interface FoundCause {
  readonly cause: ReturnCause;
  /** One sentence. */
  readonly detail: string;
  /** The last phase that the kernel on trial is known to have reached. */
  readonly phase: TrialPhase;
}

interface View extends ReturnEvidence {
  readonly trial: TicketTrial | undefined;
  readonly phase: TrialPhase;
}

type Verdict = Pick<FoundCause, 'cause' | 'detail'>;

/** In their order. Each says what it looks at. */
const RULES: readonly ((view: View) => Verdict | undefined)[] = [
  /** The agent or `khop back` said why, before it left. A crash on its way does not change that. */
  (view) => {
    const { crashes } = view;
    const told = view.trial?.cause ?? toldByCommandLine(view);
    if (told === undefined) return undefined;
    // The agent sees that the system goes down, and not yet why.
    const { kind, detail } = told.detail === SHUTDOWN_ASKED ? asked(view, told) : told;
    const known = RETURN_CAUSES.find((name) => name === kind);
    const crash = crashes.at(-1);
    const onTheWay = view.isCrashOfGuardian
      ? STUCK_WAY_HOME
      : crash === undefined
        ? ''
        : `; on its way home the kernel died: ${crash.summary}`;
    // A word of a newer khop: it was left by a decision, and no known word is nearer.
    return known === undefined
      ? { cause: 'unhealthy', detail: `${kind}: ${detail}${onTheWay}` }
      : { cause: known, detail: `${detail}${onTheWay}` };
  },
  /** The guardian went home, hung on its way, and had the panic kernel go on: no fault of the kernel's besides. */
  (view) => {
    if (!view.isCrashOfGuardian) return undefined;
    const { cause, detail } = silentReturn(view);
    return { cause, detail: `${detail}${STUCK_WAY_HOME}` };
  },
  /** A crash report, or the record of a crash without one. */
  ({ crashes }) => {
    const crash = crashes.at(-1);
    if (crash === undefined) return undefined;
    // A crash that left nothing has the id of the guard's arming, and no folder.
    const hasReport = !/^(?:[0-9a-f]{16}|unknown)$/.test(crash.id);
    return {
      cause: 'panic',
      detail: hasReport ? `${crash.summary} (khop crashes show ${crash.id})` : crash.summary,
    };
  },
  /** The panic kernel of this trial brought it home, and left nothing that could be read. */
  ({ commandLine, trial }) => {
    const arming = guardReturnOf(commandLine)?.arming;
    if (arming === undefined || (trial !== undefined && arming !== trial.arming)) return undefined;
    return {
      cause: 'panic',
      detail: 'the panic kernel brought the machine home, and no report came with it',
    };
  },
  /** It came home in good order, and could not write down why: its phase says it. */
  (view) => {
    const id = homeIdOn(view.commandLine);
    if (id === undefined || (view.ticket !== undefined && id !== view.ticket.id)) return undefined;
    return silentReturn(view);
  },
  /** WDIOF_CARDRESET: only behind a reset. */
  ({ watchdogReset }) =>
    valueOf(watchdogReset) === true
      ? { cause: 'watchdog', detail: `a watchdog reset the machine (${watchdogReset.source})` }
      : undefined,
  /** The kernel's last words in memory that survives a reset. */
  ({ persistentRecords, ticket }) => {
    const count = (valueOf(persistentRecords) ?? []).filter((atMs) => atMs >= sinceMs(ticket)).length;
    const records = count === 1 ? 'a record' : `${count} records`;
    return count > 0
      ? { cause: 'panic', detail: `${persistentRecords.source} holds ${records} of a kernel that died` }
      : undefined;
  },
  /** It was asked to go down, and did. How it died on the way has counted before. */
  ({ askedShutdown }) => askedShutdown,
];

function asked({ askedShutdown }: View, told: ToldCause): ToldCause {
  return askedShutdown === undefined ? told : { kind: askedShutdown.cause, detail: askedShutdown.detail };
}

/** What the disk could not take. */
function toldByCommandLine({ commandLine, ticket }: View): ToldCause | undefined {
  const id = homeIdOn(commandLine);
  const told = causeOn(commandLine);
  if (told === undefined || id === undefined || (ticket !== undefined && id !== ticket.id)) return undefined;
  return { ...told, detail: `${told.detail} (which could not be written to the disk there)` };
}

/** Before it no record can be of this trial. Clocks of two kernels may differ by some seconds. */
function sinceMs(ticket: Ticket | undefined): number {
  return ticket === undefined ? Number.POSITIVE_INFINITY : (ticket.leftAtMs ?? ticket.requestedAtMs) - 60_000;
}

const STUCK_WAY_HOME =
  '; its way home did not get out of the drivers, and the guardian had the panic kernel take over';

/** Nobody wrote down why. */
function silentReturn({ ticket, phase, askedShutdown }: View): Verdict {
  if (ticket === undefined)
    return { cause: 'ticket', detail: 'the ticket was gone or could not be read, there and here' };
  return askedShutdown ?? SILENT_RETURNS[phase];
}

/** By the last phase on disk, when the machine came home in good order and nobody wrote down why. */
const SILENT_RETURNS: Readonly<Record<TrialPhase, Verdict>> = {
  jumping: {
    cause: 'stuck-boot',
    detail: 'the agent did not run in time; the guardian took the machine home',
  },
  system: silent('the system was not up in time'),
  network: silent('the network was not there in time'),
  services: silent('services were not there in time'),
  proof: { cause: 'unconfirmed', detail: 'nobody confirmed in time, as far as the disk says' },
  confirmed: silent('it was confirmed and left all the same'),
  returning: silent('it left, and did not say why'),
};

function silent(what: string): Verdict {
  return { cause: 'deadline', detail: `${what}, as far as the disk says` };
}

/** Never throws. Where nothing says why, the cause is `firmware`, and the detail says what was looked at. */
export function findCause(evidence: ReturnEvidence): FoundCause {
  const trial = evidence.ticket?.trial ?? undefined;
  const phase = lastPhase(trial);
  const view: View = { ...evidence, trial, phase };
  for (const rule of RULES) {
    const verdict = rule(view);
    if (verdict !== undefined) return { ...verdict, phase };
  }
  return { cause: 'firmware', detail: describeFirmware(view), phase };
}

/** `returning` is no place to have reached: what was before it counts. */
function lastPhase(trial: TicketTrial | undefined): TrialPhase {
  if (trial === undefined) return 'jumping';
  const reached = [...trial.phases.map(({ phase }) => phase), trial.phase];
  const last = reached.findLast((phase) => phase !== 'returning' && isPhase(phase));
  return last !== undefined && isPhase(last) ? last : 'jumping';
}

function isPhase(text: string): text is TrialPhase {
  return TRIAL_PHASES.some((phase) => phase === text);
}

/** Neither leaves a trace, and a power cut looks the same. But that kernel was told to: see plan/trial/trial-parameters.ts. */
function earlyRestarts({ commandLine }: Ticket): string {
  const isTold =
    isRestarting(commandLineValue(commandLine, 'panic')) &&
    commandLineValue(commandLine, 'rd.emergency') === 'reboot';
  return isTold ? ', which restarts by itself when it panics before its first program or finds no root' : '';
}

function describeFirmware({ ticket, trial, phase, release, watchdogReset }: View): string {
  const when =
    ticket === undefined || trial === undefined
      ? 'nothing says when'
      : ticket.step === 'loaded'
        ? 'before the way down had begun, so that kernel never ran'
        : phase === 'jumping'
          ? `before the agent ran: on the way down, or early in that kernel${earlyRestarts(ticket)}`
          : `in phase ${phase}`;
  const watchdog =
    watchdogReset.state === 'unreadable'
      ? `whether by a watchdog could not be read: ${watchdogReset.reason}`
      : watchdogReset.state === 'absent'
        ? 'no watchdog could say whether it was one'
        : 'it was no watchdog';
  const elsewhere =
    trial !== undefined &&
    trial.home.release !== null &&
    release !== undefined &&
    release !== trial.home.release
      ? `; what the boot loader started is ${release}, not the known-good ${trial.home.release}`
      : '';
  return `through the firmware, by a power cut, a reset or a reboot, ${when}; ${watchdog}${elsewhere}`;
}
