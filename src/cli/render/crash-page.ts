/**
 * A crash report as one HTML page that needs nothing but itself. Everything in it comes from a kernel's log, which
 * holds what devices and programs chose to call themselves, so every piece of text goes through `html`.
 * @module
 */
import type { CrashReport } from '../../guard/crash-report.ts';
import { nameKind, renderPlace } from '../../guard/crash-summary.ts';
import { VERSION } from '../../version.ts';
import { CRASH_PAGE_STYLE } from './crash-page-style.ts';
import { describeMachine, describeWhen, nameOutcome, renderSeconds, timeChain } from './crash-words.ts';
import { renderMilliseconds } from './quantity.ts';

type Event = NonNullable<CrashReport['event']>;

/** Markup that is safe to be put into markup. */
interface Markup {
  readonly markup: string;
}

type Piece = string | number | Markup | readonly Piece[];

/** The whole page, in bytes; what the other sections leave of it is for the log. */
const PAGE_LIMIT = 96 * 1024;
/** Of one value, in characters: the longest escape is 6 bytes. */
const PIECE_LIMIT = 300;
/** Of lists, in bytes. */
const LIMITS = {
  events: 5_000,
  steps: 6_000,
  hints: 7_000,
  frames: 12_000,
  gaps: 3_000,
  modules: 6_000,
  log: 40_000,
};

const ESCAPES: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
};

/** Values are escaped, markup is not. */
function html(parts: TemplateStringsArray, ...values: readonly Piece[]): Markup {
  return { markup: parts.reduce((text, part, index) => text + markupOf(values[index - 1]!) + part) };
}

function markupOf(piece: Piece): string {
  if (typeof piece === 'object') return 'markup' in piece ? piece.markup : piece.map(markupOf).join('');
  return String(piece)
    .slice(0, PIECE_LIMIT)
    .replaceAll(/[&<>"']/g, (character) => ESCAPES[character]!);
}

/** Items from the first on while there is room, then how many were left out. */
function within(limit: number, items: readonly Markup[]): Piece {
  let room = limit;
  const count = items.findIndex(({ markup }) => {
    room -= Buffer.byteLength(markup);
    return room < 0;
  });
  return count < 0
    ? items
    : [...items.slice(0, count), `... and ${items.length - count} more, in report.json`];
}

/** The page, complete. */
export function renderCrashPage(report: CrashReport): string {
  const head = html`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<title>${report.summary} (${report.id})</title>
<style>${{ markup: CRASH_PAGE_STYLE }}</style>
</head>
<body>
<main>
${[...sections(report)]}`;
  const foot = html`${section(
    'Not known',
    within(
      LIMITS.gaps,
      report.gaps.map((gap) => html`<p>${gap}</p>\n`),
    ),
  )}
<footer class="soft">Made by khop ${VERSION} from what the capture kernel saved as <code>${report.id}</code>.</footer>
</main>
</body>
</html>`;
  const room = PAGE_LIMIT - Buffer.byteLength(head.markup) - Buffer.byteLength(foot.markup);
  return `${head.markup}${markupOf(section('The end of the log', log(report, Math.min(room, LIMITS.log))))}${foot.markup}`;
}

function* sections(report: CrashReport): Generator<Piece> {
  const { event, panic, summary, kernel, outcome } = report;
  yield html`<header>
<h1>${summary}</h1>
<p class="soft">Linux ${kernel.release ?? 'of unknown release'} · ${describeWhen(report)} · <span class="end-${outcome}">${nameOutcome(outcome)}</span></p>
</header>
<section class="card"><dl>${facts(report)}</dl></section>\n`;
  yield section('Timeline', timeline(report));
  yield section('Known of such crashes', hints(report));
  if (event !== null) {
    yield section('Call trace', traces(event));
    yield section('Registers', registers(event));
  }
  if (panic !== null) yield section('The panic’s own trace', traces(panic));
  if (event !== null) yield section('Modules', modules(event));
}

function section(title: string, content: Piece): Piece {
  return markupOf(content) === '' ? '' : html`<section><h2>${title}</h2>${content}</section>\n`;
}

function facts(report: CrashReport): Piece {
  const { event, kernel, panicLine } = report;
  const mono = (text: string): Markup => html`<code>${text}</code>`;
  const rows: [string, Piece | null][] = [
    ['Reported', event === null ? null : mono(event.headline)],
    ['Panic', panicLine === null || panicLine === event?.headline ? null : mono(panicLine)],
    ['Kind', event === null ? null : nameKind(event.kind)],
    ['At', event?.instruction == null ? null : mono(renderPlace(event.instruction))],
    ['Called by', event?.link == null ? null : mono(renderPlace(event.link))],
    ['Address', event?.faultAddress == null ? null : mono(`0x${event.faultAddress}`)],
    [
      'Process',
      event?.comm == null ? null : `${event.comm}${event.pid === null ? '' : `, PID ${event.pid}`}`,
    ],
    ['CPU', event?.cpu ?? null],
    ['Work', event?.workqueue == null ? null : mono(event.workqueue)],
    ['Kernel', `${kernel.release ?? 'unknown'} ${kernel.build ?? ''}`.trim()],
    ['Build ID', kernel.buildId === null ? null : mono(kernel.buildId)],
    ['Machine', describeMachine(report) || null],
    [
      'Taint',
      report.taint.length === 0
        ? null
        : report.taint.map(({ letter, meaning }, index) => [
            index === 0 ? '' : '; ',
            html`<b>${letter}</b> ${meaning}`,
          ]),
    ],
    [
      'Fingerprint',
      report.fingerprint === null
        ? null
        : html`<code>${report.fingerprint.id}</code> <span class="soft">${report.fingerprint.text}</span>`,
    ],
  ];
  return rows.map(([name, value]) => (value === null ? '' : html`<dt>${name}</dt><dd>${value}</dd>\n`));
}

/** Two clocks: the crashed kernel's, and from the start of the capture kernel. */
function timeline(report: CrashReport): Piece {
  const fatal: readonly Pick<Event, 'headline' | 'seconds'>[] = [report.event, report.panic].filter(
    (event) => event !== null,
  );
  const lineOf = (event: Pick<Event, 'headline' | 'seconds'>): Markup =>
    html`<li><span class="at">${renderSeconds(event.seconds)}</span><span class="${fatal.includes(event) ? 'fatal' : ''}">${event.headline}</span></li>\n`;
  const crashed = [
    within(LIMITS.events, report.earlier.map(lineOf)),
    fatal.map(lineOf),
    within(LIMITS.events, report.later.map(lineOf)),
  ];
  const steps = timeChain(report.chain);
  const whole = Math.max(1, steps.at(-1)?.atMs ?? 1);
  const percent = (ms: number): string => `${((ms / whole) * 100).toFixed(2)}%`;
  const capture = steps.map(
    ({ words, reason, startMs, atMs, isShortfall }) =>
      html`<li><span class="at"><b>${renderMilliseconds(atMs)}</b></span><span class="${isShortfall ? 'short' : ''}">${words}${reason === null ? '' : `: ${reason}`} <span class="soft">+${renderMilliseconds(atMs - startMs)}</span></span><span class="track"><i style="--from:${percent(startMs)};--width:${percent(atMs - startMs)}"></i></span></li>\n`,
  );
  if (fatal.length + capture.length === 0) return '';
  return html`<div class="card">
${fatal.length === 0 ? '' : html`<h3>The kernel that crashed, seconds since its start</h3><ol class="steps">${crashed}</ol>`}
${capture.length === 0 ? '' : html`<div class="split"></div><h3>The guard, since the start of the capture kernel</h3><ol class="steps">${within(LIMITS.steps, capture)}</ol>`}
</div>`;
}

function hints(report: CrashReport): Piece {
  const each = report.hints.map(
    ({ title, evidence, remedy, source }) =>
      html`<div class="hint"><p class="title">${title}</p><p><code>${evidence}</code></p><p>${remedy}</p><p class="soft">${source}</p></div>\n`,
  );
  return within(LIMITS.hints, each);
}

function traces({ traces: all, code }: Event): Piece {
  const lines = all.flatMap(({ stack, cpu, frames }) => {
    const names = [...(cpu === null ? [] : [`CPU ${cpu}`]), ...(stack === null ? [] : [`<${stack}>`])];
    return [
      ...(names.length === 0 ? [] : [html`<span class="time">${names.join(' ')}</span>\n`]),
      ...frames.map((frame) => {
        const { module, isReliable } = frame;
        const place = `${isReliable ? '  ' : '? '}${renderPlace({ ...frame, module: null })}`;
        const owner = module === null ? '' : html` <span class="module">[${module}]</span>`;
        return html`<span class="${isReliable ? '' : 'maybe'}">${place}</span>${owner}\n`;
      }),
    ];
  });
  if (lines.length === 0) return '';
  return html`<pre>${within(LIMITS.frames, lines)}</pre>${code === null ? '' : html`<h3>Code</h3><pre>${markCode(code)}</pre>`}`;
}

/** The byte or word that was being executed stands out. */
function markCode(code: string): Piece {
  return code
    .split(' ')
    .map((part, index) => [
      index === 0 ? '' : ' ',
      /^[<(]/.test(part) ? html`<b class="hit">${part}</b>` : part,
    ]);
}

function registers({ registers: all }: Event): Piece {
  if (all.length === 0) return '';
  return html`<div class="card mono regs">${all.map(({ name, value }) => html`<div><span>${name}</span> ${value}</div>`)}</div>`;
}

function modules({ modules: all, lastUnloaded }: Event): Piece {
  if (all.length === 0) return '';
  const names = all.map(({ name, marks }) => (marks === '' ? name : `${name}(${marks})`)).join(' ');
  const shown = names.length > LIMITS.modules ? `${names.slice(0, LIMITS.modules)} ...` : names;
  return html`<p class="mono">${pieces(shown)}</p><p class="soft">${all.length} modules${lastUnloaded === null ? '' : `; last unloaded: ${lastUnloaded}`}. O: from outside the kernel, E: unsigned, P: proprietary.</p>`;
}

/** A long text in pieces that are not cut. */
function pieces(text: string): string[] {
  return text.match(new RegExp(`[^]{1,${PIECE_LIMIT}}`, 'g')) ?? [];
}

/** As many lines from the end as have room. */
function log({ log: lines, logLines }: CrashReport, limit: number): Piece {
  const shown: Markup[] = [];
  let length = 0;
  for (const { level, seconds, text } of lines.toReversed()) {
    const line = html`<span class="${level === null ? '' : `l${level}`}"><span class="time">${seconds === null ? '' : `[${renderSeconds(seconds).padStart(12)}] `}</span>${pieces(text)}</span>\n`;
    length += Buffer.byteLength(line.markup);
    if (length > limit) break;
    shown.unshift(line);
  }
  if (shown.length === 0) return '';
  return html`<pre>${shown}</pre><p class="soft">The last ${shown.length} of ${logLines} lines.</p>`;
}
