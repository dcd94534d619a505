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

interface ArriveOptions {
  readonly measure?: boolean;
  readonly hooks?: boolean;
  readonly json?: boolean;
}

/** A system that needs longer is not one whose start is worth a figure. */
const MEASURE_TIMEOUT_MS = 900_000;

export function addHistoryCommands(program: Command, context: CliContext): void {
  const history = program
    .command('history')
    .summary('show past loads, switches and crashes, and how they ended')
    .description(
      'Show what was loaded and jumped to, when, how long it took, and whether it arrived: the proof is a\n' +
        'new boot_id together with khop’s token on /proc/cmdline. Crashes that this machine came home from stand\n' +
        'between them, with their cause.',
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
        'history. A crash that led here is concluded, too: a report that came home in memory is written to disk; a\n' +
        'system that goes on in a panic kernel writes its own. Run by khop-arrive.service; does nothing without a\n' +
        'ticket and a crash.',
    )
    .option('--measure', 'wait until systemd is done with starting, and record how long the way up took')
    .option('--hooks', 'start the programs in /etc/khop/hooks/crash.d, if a crash led here')
    .option('--json', 'print the result as JSON')
    .action(async (options: ArriveOptions) => {
      if (options.measure === true) await measure(context, options);
      else if (options.hooks === true) await startHooks(context, options);
      else await concludeArrival(context, options);
    });
  withExamples(arrive, [
    ['khop arrive', 'conclude the switch that led here'],
    ['khop arrive --hooks', 'tell monitoring of a crash, once the network is up'],
    ['khop arrive --measure', 'record when init, the default target and the chosen service were there'],
  ]);
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
  const { arriveFromCrash } = await import('../../guard/record-crash.ts');
  const { bringReportsIn } = await import('../../guard/bring-reports-in.ts');
  const { removeOldCrashes } = await import('../../guard/remove-old-crashes.ts');
  const machine = world.readMachine();
  const entry = concludeSwitch(world, machine);
  const elsewhere = bringReportsIn(world);
  const arrival = arriveFromCrash(world, machine);
  const { crashes, isHomeByKexec, problem, entries, continued } = arrival;
  const { removed, remarks } = removeOldCrashes(world);
  if (problem !== undefined) context.remark(`${problem}. In this boot it can be tried again: khop arrive`);
  for (const line of [...elsewhere.remarks, ...remarks]) context.remark(line);
  if (options.json) {
    const { renderJson } = await import('../render/json.ts');
    context.print(
      renderJson({
        ...{ concluded: entry ?? null, crashes, isHomeByKexec, problem: problem ?? null, removed },
        continued: continued ?? null,
      }),
    );
    return;
  }
  const { renderCrashArrival } = await import('../render/crash-arrival.ts');
  for (const line of renderCrashArrival(arrival, removed, elsewhere.sentTo)) context.print(line);
  if (entry === undefined) {
    if (entries.length === 0 && !isHomeByKexec && continued === undefined)
      context.print('No switch is in flight.');
    return;
  }
  const { renderHistory } = await import('../render/history.ts');
  context.print(renderHistory([entry], context));
}

async function startHooks(context: CliContext, options: { readonly json?: boolean }): Promise<void> {
  const { openWorld } = await import('../world.ts');
  const { CRASH_HOOKS, tellHooks } = await import('../../guard/announce-crash.ts');
  const { listHooks, runHook } = await import('../../machine/hooks.ts');
  const started = await tellHooks(openWorld(context), { list: () => listHooks(CRASH_HOOKS), run: runHook });
  if (options.json) {
    const { renderJson } = await import('../render/json.ts');
    context.print(renderJson({ started }));
    return;
  }
  context.print(
    started === 0 ? 'There is nothing to tell, or nobody to tell it.' : `${started} hooks were started.`,
  );
}

async function measure(context: CliContext, options: ArriveOptions): Promise<void> {
  const { openWorld } = await import('../world.ts');
  const { measureArrival } = await import('../../switch/measure-arrival.ts');
  const { readBootTimes } = await import('../../machine/boot-times.ts');
  const entry = await measureArrival(openWorld(context), readBootTimes, MEASURE_TIMEOUT_MS);
  if (options.json) {
    const { renderJson } = await import('../render/json.ts');
    context.print(renderJson({ measured: entry ?? null }));
    return;
  }
  const { renderArrival } = await import('../render/arrival.ts');
  context.print(
    entry === undefined ? 'No switch led to this boot, or it was measured already.' : renderArrival(entry),
  );
}
