/**
 * `khop history` and `khop arrive`.
 * @module
 */
import type { Command } from 'commander';
import type { LoadEndHistoryEntry } from '../../switch/history.ts';
import type { TrialConclusion } from '../../trial/conclude-trial.ts';
import type { WatchdogAtHome } from '../../trial/watchdog-at-home.ts';
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
      'Show what was loaded and jumped to, when, how long it took, and whether it arrived: the proof is a ' +
        'new boot_id together with khop’s token on /proc/cmdline. A trial stands there with its verdict and, when ' +
        'it came home, its cause, and the ways home that were tried where the first one did not do. Crashes that this machine came home from stand ' +
        'between them, with their cause. A load for systemctl kexec or kexec -e has arrived when the next boot runs ' +
        'what was loaded; where that is another kernel, nobody knows whether the loaded one was ever jumped to.',
    )
    .option('--limit <n>', 'show the newest n', positiveInteger, 20)
    .option('--json', 'print the result as JSON')
    .action(async (options: HistoryOptions) => showHistory(context, options));
  withExamples(history, [
    ['khop history', 'how did the last switches end?'],
    ['khop history --limit 1', 'why did the last trial come home?'],
  ]);

  const arrival = program
    .command('arrive')
    .summary('conclude a switch after boot (run by khop-arrive.service)')
    .description(
      'Compare the ticket of a switch in flight with the kernel that runs now, and add how it ended to the ' +
        'history; a trial that came home is concluded with its cause, and in the kernel on trial nothing is. What an ' +
        'earlier boot has loaded and no switch jumped to is concluded in the same way. A ' +
        'crash that led here is concluded, too: a report that came home in memory is written to disk; a ' +
        'system that goes on in a panic kernel writes its own. A watchdog that a trial has left counting is ' +
        'stopped, or given to systemd, and kernel.panic is what it was before the way home. Run by ' +
        'khop-arrive.service; does nothing without a ticket, a load and a crash.',
    )
    .option('--measure', 'wait until systemd is done with starting, and record how long the way up took')
    .option(
      '--hooks',
      'start the programs in /etc/khop/hooks/crash.d and trial.d, if a crash or a trial led here',
    )
    .option('--json', 'print the result as JSON')
    .action(async (options: ArriveOptions) => {
      if (options.measure === true) await measure(context, options);
      else if (options.hooks === true) await startHooks(context, options);
      else await arrive(context, options);
    });
  withExamples(arrival, [
    ['khop arrive', 'conclude the switch that led here'],
    ['khop arrive --hooks', 'tell monitoring of a crash or a trial, once the network is up'],
    ['khop arrive --measure', 'record when init, the default target and the chosen service were there'],
  ]);
}

async function showHistory(context: CliContext, options: HistoryOptions): Promise<void> {
  const { openWorld } = await import('../world.ts');
  const { readHistory } = await import('../../switch/read-history.ts');
  const history = readHistory(openWorld(context));
  const { newestEntries } = await import('../../switch/history.ts');
  const entries = newestEntries(history.entries, options.limit);
  if (options.json) {
    const { renderJson } = await import('../render/json.ts');
    context.print(renderJson({ entries, damaged: history.damaged }));
    return;
  }
  for (const damage of history.damaged) context.remark(`damaged: ${damage}`);
  const { renderHistory } = await import('../render/history.ts');
  context.print(renderHistory(entries, context));
}

async function arrive(context: CliContext, options: { readonly json?: boolean }): Promise<void> {
  const { openGuardWorld } = await import('../guard-world.ts');
  const { concludeArrivalAlone } = await import('../../trial/conclude-arrival.ts');
  const { setTimeout: sleep } = await import('node:timers/promises');
  const { announcer, resetEvidence } = await import('../trial-calls.ts');
  const world = openGuardWorld(context);
  const { bringReportsIn } = await import('../../guard/bring-reports-in.ts');
  const { removeOldCrashes } = await import('../../guard/remove-old-crashes.ts');
  const machine = world.readMachine();
  const { stepBack } = await import('../../machine/step-back.ts');
  const { mayHaveWatchdog } = await import('../../trial/watchdog-at-home.ts');
  // Before all that may take its time or fail: a watchdog that nobody pets counts on.
  const watchdog = mayHaveWatchdog(world, machine) ? await seeToWatchdog(context) : undefined;
  // Nobody waits for what follows, and on a small machine it takes as long as half of the start.
  stepBack(world.folders.root);
  const elsewhere = bringReportsIn(world);
  const reset = await resetEvidence(context, world, machine);
  const wait = async (ms: number) => await sleep(ms, undefined, { signal: context.signal });
  const { arrival, trial, entry, loadEnd } = await concludeArrivalAlone(
    world,
    wait,
    machine,
    reset,
    announcer(context),
  );
  const { crashes, isHomeByKexec, problem, entries, continued } = arrival;
  const { restorePanicSetting } = await import('../../switch/restart-on-way-home.ts');
  const { readSysctl, writeSysctl } = await import('../../machine/sysctl.ts');
  const { root } = world.folders;
  const setting = restorePanicSetting(machine, {
    read: (name) => readSysctl(root, name),
    write: (name, value) => writeSysctl(root, name, value),
  });
  const { removed, remarks } = removeOldCrashes(world, crashes);
  if (problem !== undefined) context.remark(`${problem}. In this boot it can be tried again: khop arrive`);
  for (const line of [...elsewhere.remarks, ...setting, ...remarks]) context.remark(line);
  if (options.json) {
    const { renderJson } = await import('../render/json.ts');
    context.print(
      renderJson({
        ...{ concluded: entry ?? null, crashes, isHomeByKexec, problem: problem ?? null, removed },
        loadEnd: loadEnd ?? null,
        continued: continued ?? null,
        trial,
        watchdog: watchdog ?? null,
      }),
    );
    return;
  }
  const { renderCrashArrival } = await import('../render/crash-arrival.ts');
  for (const line of renderCrashArrival(arrival, removed, elsewhere.sentTo)) context.print(line);
  if (loadEnd !== undefined) await reportLoadEnd(context, loadEnd);
  if (trial.state !== 'none') return await reportTrial(context, trial);
  if (entry === undefined) {
    if (entries.length === 0 && !isHomeByKexec && continued === undefined && loadEnd === undefined)
      context.print('No switch is in flight.');
    return;
  }
  const { renderHistory } = await import('../render/history.ts');
  context.print(renderHistory([entry], context));
}

async function reportLoadEnd(context: CliContext, entry: LoadEndHistoryEntry): Promise<void> {
  const { renderLoadEnd } = await import('../render/history.ts');
  const { image, toRelease } = entry;
  context.print(`What was loaded before, ${toRelease ?? image}: ${renderLoadEnd(entry, context)}.`);
}

/** The journal gets what is wrong with it. */
async function seeToWatchdog(context: CliContext): Promise<WatchdogAtHome> {
  const { describeHomeWatchdog, seeToHomeWatchdog } = await import('../home-watchdog.ts');
  const watchdog = await seeToHomeWatchdog(context);
  const line = describeHomeWatchdog(watchdog);
  if (line !== undefined) context.remark(line);
  return watchdog;
}

/** The journal gets this. */
async function reportTrial(context: CliContext, trial: TrialConclusion): Promise<void> {
  if (trial.state === 'none') return;
  if (trial.state === 'leaving') {
    context.print('The way to a kernel on trial has begun in this boot: nothing is to be concluded here.');
    return;
  }
  if (trial.state === 'on-trial') {
    if (trial.reason !== undefined) context.remark(trial.reason);
    context.print('This kernel is on trial: nothing is concluded. Next: khop trial');
    return;
  }
  const { describeTrialEnd } = await import('../../trial/announce.ts');
  for (const problem of trial.problems) context.remark(problem);
  context.print(`This machine ${describeTrialEnd(trial.entry)}.`);
}

async function startHooks(context: CliContext, options: { readonly json?: boolean }): Promise<void> {
  const { openWorld } = await import('../world.ts');
  const { CRASH_HOOKS, tellHooks } = await import('../../guard/announce-crash.ts');
  const { listHooks, runHook } = await import('../../machine/hooks.ts');
  const { TRIAL_HOOKS, tellTrialHooks } = await import('../../trial/announce.ts');
  const world = openWorld(context);
  const ofCrashes = await tellHooks(world, { list: () => listHooks(CRASH_HOOKS), run: runHook });
  const ofTrials = await tellTrialHooks(world, { list: () => listHooks(TRIAL_HOOKS), run: runHook });
  const started = ofCrashes + ofTrials;
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
