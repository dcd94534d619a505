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
  readonly json?: boolean;
}

/** A system that needs longer is not one whose start is worth a figure. */
const MEASURE_TIMEOUT_MS = 900_000;

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
    .option('--measure', 'wait until systemd is done with starting, and record how long the way up took')
    .option('--json', 'print the result as JSON')
    .action(async (options: ArriveOptions) =>
      options.measure === true ? measure(context, options) : concludeArrival(context, options),
    );
  withExamples(arrive, [
    ['khop arrive', 'conclude the switch that led here'],
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
  const { concludeCrashes } = await import('../../guard/conclude-crash.ts');
  const { bringReportsIn } = await import('../../guard/bring-reports-in.ts');
  const { removeOldCrashes } = await import('../../guard/remove-old-crashes.ts');
  const { renderBytes } = await import('../render/quantity.ts');
  const machine = world.readMachine();
  const entry = concludeSwitch(world, machine);
  const elsewhere = bringReportsIn(world);
  const { crashes, isHomeByKexec } = concludeCrashes(world, machine);
  const { removed, remarks } = removeOldCrashes(world);
  for (const line of [...elsewhere.remarks, ...remarks]) context.remark(line);
  if (options.json) {
    const { renderJson } = await import('../render/json.ts');
    context.print(renderJson({ concluded: entry ?? null, crashes, isHomeByKexec, removed }));
    return;
  }
  for (const { what, id, bytes } of removed)
    context.print(
      what === 'dump'
        ? `Removed the dump of an older crash, ${renderBytes(bytes)}: ${id}`
        : `Removed the report of an older crash: ${id}`,
    );
  for (const id of crashes)
    context.print(`The kernel before this one crashed; its report is here: khop crashes show ${id}`);
  if (crashes.length === 0 && isHomeByKexec)
    context.print(
      elsewhere.sentTo === undefined
        ? 'The kernel before this one crashed, and its report could not be saved.'
        : `The kernel before this one crashed; its report was sent to ${elsewhere.sentTo} if that was possible.`,
    );
  if (entry === undefined) {
    if (crashes.length === 0) context.print('No switch is in flight.');
    return;
  }
  const { renderHistory } = await import('../render/history.ts');
  context.print(renderHistory([entry], context));
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
