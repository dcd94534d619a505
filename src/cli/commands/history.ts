/**
 * `khop history` and `khop arrive`.
 * @module
 */
import type { Command } from 'commander';
import type { CliContext } from '../context.ts';
import { withExamples } from '../examples.ts';
import { positiveInteger } from '../kernel-options.ts';

interface HistoryOptions {
  readonly limit: number;
  readonly json?: boolean;
}

export function addHistoryCommands(program: Command, context: CliContext): void {
  const history = program
    .command('history')
    .summary('show past loads and switches, and whether they arrived')
    .description(
      'Show what was loaded and jumped to, when, how long it took, and whether it arrived: the proof is a\n' +
        'new boot_id together with khop’s token on /proc/cmdline.',
    )
    .option('--limit <n>', 'show the newest n', positiveInteger, 20)
    .option('--json', 'print the result as JSON')
    .action(async (options: HistoryOptions) => showHistory(context, options));
  withExamples(history, [['khop history', 'how did the last switches end?']]);

  const arrive = program
    .command('arrive')
    .summary('conclude a switch after boot (run by khop-arrive.service)')
    .description(
      'Compare the ticket of a switch in flight with the kernel that runs now, and add how it ended to the\n' +
        'history. Run by khop-arrive.service in every boot; does nothing without a ticket.',
    )
    .option('--json', 'print the result as JSON')
    .action(async (options: { readonly json?: boolean }) => concludeArrival(context, options));
  withExamples(arrive, [['khop arrive', 'conclude the switch that led here']]);
}

async function showHistory(context: CliContext, options: HistoryOptions): Promise<void> {
  const { openWorld } = await import('../world.ts');
  const { readHistory } = await import('../../switch/read-history.ts');
  const history = readHistory(openWorld(context));
  const entries = history.entries.slice(-options.limit);
  if (options.json) {
    const { renderJson } = await import('../render/json.ts');
    context.print(renderJson({ entries, damaged: history.damaged }));
    return;
  }
  for (const damage of history.damaged) context.remark(`damaged: ${damage}`);
  const { renderHistory } = await import('../render/history.ts');
  context.print(renderHistory(entries, context));
}

async function concludeArrival(context: CliContext, options: { readonly json?: boolean }): Promise<void> {
  const { openWorld } = await import('../world.ts');
  const { concludeSwitch } = await import('../../switch/arrive.ts');
  const world = openWorld(context);
  const entry = concludeSwitch(world, world.readMachine());
  if (options.json) {
    const { renderJson } = await import('../render/json.ts');
    context.print(renderJson({ concluded: entry ?? null }));
    return;
  }
  if (entry === undefined) {
    context.print('No switch is in flight.');
    return;
  }
  const { renderHistory } = await import('../render/history.ts');
  context.print(renderHistory([entry], context));
}
