/**
 * `khop crashes`.
 * @module
 */
import type { Command } from 'commander';
import type { CrashReport } from '../../guard/crash-report.ts';
import type { CliContext } from '../context.ts';
import { withExamples } from '../examples.ts';

interface CrashOptions {
  readonly stateDir: string;
  readonly json?: boolean;
}

/** Of commands about one report. */
interface OneOptions extends CrashOptions {
  readonly identity?: string;
}

interface ExportOptions extends OneOptions {
  readonly html?: string;
}

const STATE = '/var/lib/khop';

/** Adds `khop crashes` with everything below it. */
export function addCrashesCommand(program: Command, context: CliContext): void {
  const crashes = program
    .command('crashes')
    .summary('show what crashes left: why, where, and how the machine came back')
    .description(
      'Show the crashes that a capture kernel saved: one report each, made of the kernel’s log and of what the\n' +
        'guard wrote down. Facts that are not in them are said to be unknown.',
    )
    .enablePositionalOptions();
  withExamples(crashes, [
    ['khop crashes', 'one line for each crash'],
    ['khop crashes show last', 'the newest one, as text for a chat'],
    ['khop crashes export last --html crash.html', 'the same as one page for a browser'],
  ]);
  const list = withState(crashes.command('list', { isDefault: true }))
    .summary('one line for each crash, oldest first')
    .description('Show one line for each crash, oldest first, and which of them are the same crash again.')
    .action(async (options: CrashOptions) => listAll(context, options));
  withExamples(list, [
    ['khop crashes list', 'what has this machine been through?'],
    ['khop crashes list --json', 'all reports, whole, for a program'],
  ]);
  const show = withState(crashes.command('show'))
    .summary('one report as text')
    .description(
      'Show one report: why, where, on whose behalf, what had been before and what the guard did. One that is\n' +
        'encrypted is opened by age in memory; on disk it stays as it is.',
    )
    .argument('<id>', '`last`, an id, or a beginning that only one has')
    .option('--identity <file>', 'the secret key of age that a report is encrypted for')
    .action(async (id: string, options: OneOptions) => showOne(context, id, options));
  withExamples(show, [
    ['khop crashes show last', 'the newest crash'],
    ['khop crashes show 2026-11-29 --json', 'the crash of that day, for a program'],
    ['khop crashes show last --identity key.txt', 'one that was encrypted, for who has the key'],
  ]);
  const save = withState(crashes.command('export'))
    .summary('one report as a page that holds all it needs')
    .description(
      'Write one report as a single HTML page without scripts, fonts or pictures from elsewhere, to be sent,\n' +
        'printed or kept. It holds the end of the kernel’s log: read it before you publish it.',
    )
    .argument('<id>', '`last`, an id, or a beginning that only one has')
    .option('--identity <file>', 'the secret key of age that a report is encrypted for')
    .option('--html <file>', 'where to write it; `-` is standard output (default: khop-crash-ID.html)')
    .action(async (id: string, options: ExportOptions) => exportOne(context, id, options));
  withExamples(save, [
    ['khop crashes export last', 'a page in this folder'],
    ['khop crashes export last --html -', 'the page on standard output'],
  ]);
}

function withState(command: Command): Command {
  return command
    .option('--state-dir <folder>', 'where khop keeps its state', STATE)
    .option('--json', 'print the result as JSON');
}

async function listAll(context: CliContext, options: CrashOptions): Promise<void> {
  const { listCrashes } = await import('../../guard/crash-store.ts');
  const crashes = listCrashes(options.stateDir);
  if (options.json) {
    const { renderJson } = await import('../render/json.ts');
    context.print(renderJson(crashes));
    return;
  }
  const { renderCrashList } = await import('../render/crash.ts');
  for (const remark of crashes.remarks) context.remark(`note: ${remark}`);
  context.print(renderCrashList(crashes, context));
}

async function showOne(context: CliContext, id: string, options: OneOptions): Promise<void> {
  const report = await readOne(context, id, options);
  if (options.json) {
    const { renderJson } = await import('../render/json.ts');
    context.print(renderJson(report));
    return;
  }
  const { renderCrash } = await import('../render/crash.ts');
  context.print(renderCrash(report, context));
}

async function readOne(context: CliContext, id: string, options: OneOptions): Promise<CrashReport> {
  const { identity, stateDir } = options;
  const { findCrash } = await import('../../guard/crash-store.ts');
  const { report, remarks } = findCrash(stateDir, id);
  for (const remark of remarks) context.remark(`note: ${remark}`);
  if (identity === undefined) return report;
  const { openCrash } = await import('../../guard/open-crash.ts');
  const { decryptFile } = await import('../../machine/age-program.ts');
  return await openCrash(stateDir, report, async (path) => await decryptFile(path, identity, context));
}

async function exportOne(context: CliContext, id: string, options: ExportOptions): Promise<void> {
  const report = await readOne(context, id, options);
  const { renderCrashPage } = await import('../render/crash-page.ts');
  const page = renderCrashPage(report);
  if (options.html === '-') {
    context.print(page);
    return;
  }
  const { resolve } = await import('node:path');
  const { writeDurably } = await import('../../machine/durable-file.ts');
  const file = resolve(options.html ?? `khop-crash-${report.id}.html`);
  writeDurably(file, page);
  if (options.json) {
    const { renderJson } = await import('../render/json.ts');
    context.print(renderJson({ id: report.id, file, bytes: Buffer.byteLength(page) }));
    return;
  }
  context.print(`Wrote ${file}. It holds the end of the kernel’s log: read it before you publish it.`);
}
