/**
 * The agent of a trial in this process: khop-trial.service runs it in a kernel on trial.
 * @module
 */
import { listHooks, runHook } from '../machine/hooks.ts';
import type { Ticket } from '../switch/ticket.ts';
import { type AgentEnd, type AgentState, runAgent } from '../trial/agent.ts';
import { TRIAL_HOOKS, tellTrialHooks } from '../trial/announce.ts';
import { confirmTrial } from '../trial/confirm.ts';
import { goHome, ORDERLY_SECONDS } from '../trial/go-home.ts';
import { runChecks } from '../trial/health/checks.ts';
import { rememberAnswers } from '../trial/health/remembered-answers.ts';
import { healthSettings } from '../trial/health/settings.ts';
import { loadHomeOnTrial } from '../trial/load-home.ts';
import { encodeTrialStatus, TRIAL_STATUS_VERSION, trialStatusPath } from '../trial/trial-status.ts';
import { type NetLook, watchNet } from '../trial/watch-net.ts';
import type { TrialWorld } from '../trial/world.ts';
import type { CliContext } from './context.ts';
import { confirmCalls, goHomeCalls } from './trial-calls.ts';
import { openTrialWorld } from './trial-world.ts';

/** How long services have to be well before a confirmation, ms: many a one dies some seconds after it said that it was ready. */
export const STEADY_MS = 20_000;

/** Returns when the trial is over and this kernel stays; on the way home it does not. */
export async function runTrialAgent(context: CliContext): Promise<AgentEnd> {
  const opened = openTrialWorld(context);
  const world: TrialWorld = { ...opened, connect: rememberAnswers(opened) };
  let shown: readonly string[] = [];
  let lookAtNet: NetLook | undefined;
  return await runAgent(world, {
    steadyMs: STEADY_MS,
    runChecks: async (baseline, phase, ticket) =>
      await runChecks(world, baseline, healthSettings(world.configuration, trialOf(ticket)), phase),
    lookAtNet: async (ticket) => {
      lookAtNet ??= watchNet(world, async () => await loadHomeOnTrial(world, ticket));
      return await lookAtNet();
    },
    confirm: async () => {
      const { problems } = await world.exclusively(
        async () => await confirmTrial(world, confirmCalls(context, world)),
      );
      for (const problem of problems) context.remark(problem);
      context.remark('Confirmed: this kernel stays.');
      await tellTrialHooks(world, { list: () => listHooks(TRIAL_HOOKS), run: runHook });
    },
    goHome: async (cause, detail, ticket, orderlyMs = ORDERLY_SECONDS * 1000) => {
      context.remark(`Going home (${cause}): ${detail}`);
      await goHome(world, goHomeCalls(world.folders.root), {
        cause,
        detail,
        orderlyMs,
        ticket,
      });
    },
    show: (state) => {
      const lines = [...state.gaps, `${state.phase}: ${state.note}`];
      for (const line of lines) if (!shown.includes(line)) context.remark(line);
      shown = lines;
      writeStatus(world, state);
    },
  });
}

/** What scripts are told. */
function trialOf({ id, fromRelease, toRelease }: Ticket) {
  return { id, fromRelease, toRelease };
}

/** Nothing hangs on it: /run may be full. */
function writeStatus(world: TrialWorld, { phase, upMs, deadlineUpMs, checks, gaps, note }: AgentState): void {
  try {
    world.files.write(
      trialStatusPath(world.folders),
      encodeTrialStatus({
        version: TRIAL_STATUS_VERSION,
        ...{ phase, upMs, deadlineUpMs, note },
        checks: [...checks],
        gaps: [...gaps],
      }),
    );
  } catch (error) {
    world.remark(`The state of the trial cannot be shown: ${(error as Error).message}`);
  }
}
