/**
 * An agent that leads a kernel on trial, and what came of it.
 * @module
 */
import { encodeHistoryEntry } from '../../src/switch/history.ts';
import { historyPath, ticketPath } from '../../src/switch/state-paths.ts';
import { decodeTicket, encodeTicket, type TicketTrial } from '../../src/switch/ticket.ts';
import { type AgentCalls, type AgentEnd, type AgentState, runAgent } from '../../src/trial/agent.ts';
import type { AskingPhase, CheckResult } from '../../src/trial/health/check.ts';
import { confirmedEntry } from '../../src/trial/trial-entry.ts';
import type { TrialWorld } from '../../src/trial/world.ts';
import { type AgentOptions, type AgentWorld, agentWorld, GUARDIAN_PID } from './agent-world.ts';
import { machineOnTrial, NOW_MS, trialTicket } from './trial-world.ts';

/** Of those of the proof, which are the system's. */
export function check(asking: AskingPhase, over: Partial<CheckResult> = {}): CheckResult {
  const phase = asking === 'proof' ? 'system' : asking;
  return { id: `${phase}.one`, phase, state: 'passed', detail: 'well', isRequired: true, ...over };
}

/** How a test's agent ended. */
export interface Led {
  readonly end: AgentEnd;
  readonly shown: readonly AgentState[];
  readonly calls: readonly string[];
  readonly at: AgentWorld;
}

/** Runs the agent in such a world, hands all that came of it to `look`. */
export async function lead(
  options: AgentOptions,
  over: Partial<AgentCalls>,
  look: (led: Led) => void,
): Promise<void> {
  using at = await agentWorld(options);
  const shown: AgentState[] = [];
  const end = await runAgent(at.world, { ...callsOf(at, shown), ...over });
  look({ end, shown, calls: at.calls, at });
}

export function callsOf({ calls }: AgentWorld, shown: AgentState[] = []): AgentCalls {
  return {
    steadyMs: 0,
    runChecks: async (_baseline, phase) => [check(phase)],
    lookAtNet: async () => [],
    confirm: async ({ trial }) => void calls.push(`confirm in ${trial?.phase}`),
    goHome: async (cause, detail) => void calls.push(`home: ${cause}: ${detail}`),
    show: (state) => void shown.push(state),
  };
}

export function trialOf({ world }: AgentWorld): TicketTrial {
  return decodeTicket(world.files.read(ticketPath(world.folders))!, 'ticket').trial!;
}

export function rewrite({ files, folders }: TrialWorld, trial: Partial<TicketTrial>): void {
  const path = ticketPath(folders);
  const ticket = decodeTicket(files.read(path)!, path);
  files.write(path, encodeTicket({ ...ticket, trial: { ...ticket.trial!, ...trial } }));
}

/** As `khop confirm` leaves it. */
export function conclude({ files, folders }: TrialWorld): void {
  const end = { verdict: 'confirmed', cause: null, detail: '', phase: 'confirmed', returnMs: null } as const;
  const entry = confirmedEntry(trialTicket(), end, machineOnTrial(), NOW_MS);
  files.append(historyPath(folders), encodeHistoryEntry(entry));
  files.remove(ticketPath(folders));
}

/** Of a trial that somebody has to confirm. */
export const ASKING = { needsConfirm: true, confirmSeconds: 30 };

/** What every agent does first. */
export const CHECKED_IN = `guardian ${GUARDIAN_PID} checkedIn`;
