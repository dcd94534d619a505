/**
 * `khop trial`.
 * @module
 */
import type { Command } from 'commander';
import type { AgentEnd } from '../../trial/agent.ts';
import type { CliContext } from '../context.ts';
import { withExamples } from '../examples.ts';

interface TrialOptions {
  readonly follow?: boolean;
  readonly agent?: boolean;
  readonly json?: boolean;
}

/** The last trial came home. */
const RETURNED = 4;

export function addTrialCommand(program: Command, context: CliContext): void {
  const trial = program
    .command('trial')
    .summary('show how a kernel on trial is doing, or how the last trial ended')
    .description(
      'Show the phase that a kernel on trial is in, how long it has until it goes home, and what the checks say. ' +
        'Without a trial, show how the last one ended; exit status 4 says that it came home.',
    )
    .option('--follow', 'go on with a line for each change until the trial is over')
    .option('--agent', 'lead the kernel on trial through its phases (run by khop-trial.service)')
    .option('--json', 'print the result as JSON; with --follow, one object a line')
    .action(async (options: TrialOptions) => {
      if (options.agent === true) await runAgent(context);
      else if (options.follow === true) await follow(context, options);
      else await show(context, options);
    });
  withExamples(trial, [
    ['khop trial', 'is this kernel proven, and if not, when does it go home?'],
    ['khop trial --follow', 'watch it'],
  ]);
}

async function runAgent(context: CliContext): Promise<void> {
  const { runTrialAgent } = await import('../trial-agent.ts');
  context.print(ENDS[await runTrialAgent(context)]);
}

const ENDS: Readonly<Record<AgentEnd, string>> = {
  'not-on-trial': 'This kernel is not on trial.',
  confirmed: 'The trial is over; this kernel stays.',
  'went-home': 'The trial is over; this kernel is left.',
  'going-down': 'The trial is over, since the system goes down. Next, after its start: khop trial',
};

async function show(context: CliContext, options: TrialOptions): Promise<void> {
  const { openWorld } = await import('../world.ts');
  const { describeTrial, hasReturned } = await import('../../trial/trial-status.ts');
  const world = openWorld(context);
  const view = describeTrial(world, world.readMachine());
  if (hasReturned(view)) context.exitWith(RETURNED);
  if (options.json) {
    const { renderJson } = await import('../render/json.ts');
    context.print(renderJson(view));
    return;
  }
  const { renderTrial } = await import('../render/trial.ts');
  context.print(renderTrial(view, context));
}

async function follow(context: CliContext, options: TrialOptions): Promise<void> {
  const { setTimeout: sleep } = await import('node:timers/promises');
  const { openWorld } = await import('../world.ts');
  const { followTrial, hasReturned } = await import('../../trial/trial-status.ts');
  const { renderTrialLine } = await import('../render/trial.ts');
  const world = openWorld(context);
  for await (const view of followTrial(world, async (ms) => await sleep(ms))) {
    context.print(options.json ? JSON.stringify(view) : renderTrialLine(view));
    if (hasReturned(view)) context.exitWith(RETURNED);
  }
}
