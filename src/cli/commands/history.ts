/**
 * `khop history` and `khop arrive`.
 * @module
 */
import { join } from 'node:path';
import type { Command } from 'commander';
import type { ContinuedCrash } from '../../guard/continued-crash.ts';
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
        'history. After a crash, conclude its report; in a system that goes on in a panic kernel, write it. Run by\n' +
        'khop-arrive.service in every boot; does nothing otherwise.',
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
  const machine = world.readMachine();
  const entry = concludeSwitch(world, machine);
  const { saveContinuedCrash } = await import('../../guard/continued-crash.ts');
  const continued = saveContinuedCrash(world, machine);
  const { crashes, isHomeByKexec } =
    continued === undefined ? concludeCrashes(world, machine) : { crashes: [], isHomeByKexec: false };
  if (options.json) {
    const { renderJson } = await import('../render/json.ts');
    context.print(
      renderJson({ concluded: entry ?? null, crashes, isHomeByKexec, continued: continued ?? null }),
    );
    return;
  }
  if (continued !== undefined) await sayContinued(context, continued);
  for (const id of crashes)
    context.print(`The kernel before this one crashed; its report is here: khop crashes show ${id}`);
  if (crashes.length === 0 && isHomeByKexec)
    context.print('The kernel before this one crashed, and its report could not be saved.');
  if (entry === undefined) {
    if (crashes.length === 0 && continued === undefined) context.print('No switch is in flight.');
    return;
  }
  const { renderHistory } = await import('../render/history.ts');
  context.print(renderHistory([entry], context));
}

/** Where whoever looks after this machine will see it: the journal, terminals, and the next log-in. */
async function sayContinued(context: CliContext, continued: ContinuedCrash): Promise<void> {
  const { renderContinued } = await import('../render/guard.ts');
  const text = renderContinued(continued);
  context.print(text);
  if (!continued.isNew) return;
  const { openGuardWorld } = await import('../guard-world.ts');
  const world = openGuardWorld(context);
  world.files.write(join(world.folders.root, 'run/motd.d/khop'), `${text}\n`);
  await world.tellUsers(text);
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
