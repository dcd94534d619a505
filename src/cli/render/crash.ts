/**
 * Crash reports as text that can be pasted into a chat.
 * @module
 */
import type { CrashReport } from '../../guard/crash-report.ts';
import type { CrashList } from '../../guard/crash-store.ts';
import { nameKind, renderPlace } from '../../guard/crash-summary.ts';
import type { CliContext } from '../context.ts';
import { describeMachine, describeWhen, nameOutcome, renderChain, renderSeconds } from './crash-words.ts';
import { renderMilliseconds } from './quantity.ts';
import { renderTable } from './table.ts';

type Event = NonNullable<CrashReport['event']>;

const LOG_LINES = 25;
const TRACE_FRAMES = 40;
const REGISTERS_A_LINE = 4;

/** One row a crash, oldest first, and what to do next. */
export function renderCrashList({ folder, reports }: CrashList, context: Pick<CliContext, 'style'>): string {
  if (reports.length === 0)
    return (
      `No crashes in ${folder}.\n` +
      'A capture kernel that runs after a panic leaves one folder a crash there, with the kernel’s log in it. Next: khop guard on'
    );
  const counts = new Map<string, number>();
  const rows = reports.map((report) => {
    const print = report.fingerprint?.id;
    const count = print === undefined ? 1 : (counts.get(print) ?? 0) + 1;
    if (print !== undefined) counts.set(print, count);
    const again = count > 1 ? context.style('yellow', ` (the same for the ${ordinal(count)} time)`) : '';
    return [
      report.id,
      report.kernel.release ?? '?',
      nameOutcome(report.outcome),
      `${report.summary}${again}`,
    ];
  });
  return `${renderTable([['ID', 'KERNEL', 'END', 'WHAT'], ...rows])}\n\nNext: khop crashes show last`;
}

function ordinal(count: number): string {
  return count === 2 ? '2nd' : count === 3 ? '3rd' : `${count}th`;
}

/** The whole report. */
export function renderCrash(report: CrashReport, context: Pick<CliContext, 'style'>): string {
  const heading = (text: string): string => context.style('bold', text);
  const sections: string[][] = [
    [heading(`Crash ${report.id}`), context.style('red', report.summary)],
    facts(report),
  ];
  for (const event of [report.event, report.panic]) {
    if (event === null) continue;
    const title = event === report.panic ? 'The panic’s own trace' : 'Call trace';
    for (const { stack, cpu, frames } of event.traces)
      sections.push([
        heading(`${title}${stack === null ? '' : ` <${stack}>`}${cpu === null ? '' : ` of CPU ${cpu}`}`),
        ...frames
          .slice(0, TRACE_FRAMES)
          .map((frame) => `  ${frame.isReliable ? ' ' : '?'} ${renderPlace(frame)}`),
        ...(frames.length > TRACE_FRAMES ? [`    ... ${frames.length - TRACE_FRAMES} more`] : []),
      ]);
  }
  if (report.event !== null) sections.push(registers(report.event, heading), modules(report.event, heading));
  sections.push(
    earlier(report, heading),
    chain(report, heading, context),
    hints(report, heading),
    log(report, heading),
    report.gaps.length === 0 ? [] : [heading('Not known'), ...report.gaps.map((gap) => `  ${gap}`)],
    [`Next: khop crashes ${isUnread(report) ? `show ${report.id} --identity KEY` : `export ${report.id}`}`],
  );
  return sections
    .filter((section) => section.length > 0)
    .map((section) => section.join('\n'))
    .join('\n\n');
}

/** The key would tell more. */
function isUnread({ encrypted, logLines }: CrashReport): boolean {
  return encrypted.length > 0 && logLines === 0;
}

function facts(report: CrashReport): string[] {
  const { event, kernel, taint } = report;
  const uptime = report.panicSeconds ?? event?.seconds ?? null;
  const rows: [string, string | null][] = [
    [
      'when',
      `${describeWhen(report)}${uptime === null ? '' : `, ${renderMilliseconds(uptime * 1000)} after the start`}`,
    ],
    ['kernel', [kernel.release ?? 'unknown', kernel.build ?? ''].join(' ').trim()],
    ['build ID', kernel.buildId],
    ['machine', describeMachine(report) || null],
    ['kind', event === null ? null : nameKind(event.kind)],
    ['reported', event?.headline ?? null],
    ['panic', report.panicLine === event?.headline ? null : report.panicLine],
    ['at', event?.instruction == null ? null : renderPlace(event.instruction)],
    ['called by', event?.link == null ? null : renderPlace(event.link)],
    ['address', event?.faultAddress == null ? null : `0x${event.faultAddress}`],
    [
      'process',
      event?.comm == null ? null : `${event.comm}${event.pid === null ? '' : `, PID ${event.pid}`}`,
    ],
    ['CPU', event?.cpu == null ? null : String(event.cpu)],
    ['work', event?.workqueue ?? null],
    [
      'taint',
      taint.length === 0 ? null : taint.map(({ letter, meaning }) => `${letter}: ${meaning}`).join('; '),
    ],
    ['code', event?.code ?? null],
    [
      'fingerprint',
      report.fingerprint === null ? null : `${report.fingerprint.id} (${report.fingerprint.text})`,
    ],
    ['encrypted', report.encrypted.length === 0 ? null : report.encrypted.join(', ')],
    ['end', nameOutcome(report.outcome)],
  ];
  return rows.flatMap(([name, value]) => (value === null ? [] : [`${name.padEnd(13)} ${value}`]));
}

function registers({ registers: all }: Event, heading: (text: string) => string): string[] {
  if (all.length === 0) return [];
  const lines: string[] = [];
  for (let at = 0; at < all.length; at += REGISTERS_A_LINE)
    lines.push(
      `  ${all
        .slice(at, at + REGISTERS_A_LINE)
        .map(({ name, value }) => `${name.padStart(6)} ${value.padEnd(16)}`)
        .join(' ')
        .trimEnd()}`,
    );
  return [heading('Registers'), ...lines];
}

/** Those from outside by name; the rest is a number, and in the report. */
function modules({ modules: all, lastUnloaded }: Event, heading: (text: string) => string): string[] {
  if (all.length === 0) return [];
  const foreign = all
    .filter(({ marks }) => /[OPE]/.test(marks))
    .map(({ name, marks }) => `${name}(${marks})`);
  return [
    heading('Modules'),
    `  ${all.length} loaded${foreign.length === 0 ? ', none from outside the kernel or unsigned' : `; from outside or unsigned: ${foreign.join(' ')}`}`,
    ...(lastUnloaded === null ? [] : [`  last unloaded: ${lastUnloaded}`]),
  ];
}

function earlier(report: CrashReport, heading: (text: string) => string): string[] {
  const lines = (events: CrashReport['earlier']): string[] =>
    events.map((event) => `  ${renderSeconds(event.seconds).padStart(14)}  ${event.headline}`);
  return [
    ...(report.earlier.length === 0 ? [] : [heading('Before'), ...lines(report.earlier)]),
    ...(report.later.length === 0 ? [] : [heading('After'), ...lines(report.later)]),
  ];
}

function chain(
  report: CrashReport,
  heading: (text: string) => string,
  context: Pick<CliContext, 'style'>,
): string[] {
  if (report.chain.length === 0) return [];
  const table = renderChain(report.chain, (words) => context.style('yellow', words));
  return [heading('What the guard did, from the start of the capture kernel'), table];
}

function hints(report: CrashReport, heading: (text: string) => string): string[] {
  if (report.hints.length === 0) return [];
  return [
    heading('Known of such crashes'),
    ...report.hints.flatMap(({ title, evidence, remedy, source }) => [
      `  ${title}`,
      `    read: ${evidence}`,
      `    do:   ${remedy}`,
      `    from: ${source}`,
    ]),
  ];
}

function log(report: CrashReport, heading: (text: string) => string): string[] {
  if (report.log.length === 0) return [];
  return [
    heading(`The last of ${report.logLines} lines of the log`),
    ...report.log
      .slice(-LOG_LINES)
      .map(
        ({ level, seconds, text }) =>
          `  ${level === null ? '' : `<${level}>`}${seconds === null ? '' : `[${renderSeconds(seconds).padStart(12)}] `}${text}`,
      ),
  ];
}
