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

/** With these the page stays below 100 KB. */
const TRACE_LIMIT = 14_000;
const LOG_LIMIT = 36_000;
const MODULES_LIMIT = 8_000;
const PIECE_LIMIT = 2_000;
const EVENTS_LIMIT = 24;

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

/** The page, complete. */
export function renderCrashPage(report: CrashReport): string {
  const { event } = report;
  const page = html`<!doctype html>
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
<header>
<h1>${report.summary}</h1>
<p class="soft">Linux ${report.kernel.release ?? 'of unknown release'} · ${describeWhen(report)} · <span class="end-${report.outcome}">${nameOutcome(report.outcome)}</span></p>
</header>
<section class="card"><dl>${facts(report)}</dl></section>
${section('Timeline', timeline(report))}
${section('Known of such crashes', hints(report))}
${event === null ? '' : [section('Call trace', traces(event)), section('Registers', registers(event))]}
${report.panic === null ? '' : section('The panic’s own trace', traces(report.panic))}
${event === null ? '' : section('Modules', modules(event))}
${section('The end of the log', log(report))}
${section(
  'Not known',
  report.gaps.map((gap) => html`<p>${gap}</p>\n`),
)}
<footer class="soft">Made by khop ${VERSION} from what the capture kernel saved as <code>${report.id}</code>.</footer>
</main>
</body>
</html>`;
  return page.markup;
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
  const before = report.earlier.slice(-EVENTS_LIMIT);
  const fatal = [report.event, report.panic].filter((event) => event !== null);
  const crashed = [...before, ...fatal, ...report.later.slice(0, EVENTS_LIMIT)].map(
    (event) =>
      html`<li><span class="at">${renderSeconds(event.seconds)}</span><span class="${fatal.includes(event) ? 'fatal' : ''}">${event.headline}</span></li>\n`,
  );
  const steps = timeChain(report.chain);
  const whole = Math.max(1, steps.at(-1)?.atMs ?? 1);
  const percent = (ms: number): string => `${((ms / whole) * 100).toFixed(2)}%`;
  const capture = steps.map(
    ({ words, reason, startMs, atMs, isShortfall }) =>
      html`<li><span class="at"><b>${renderMilliseconds(atMs)}</b></span><span class="${isShortfall ? 'short' : ''}">${words}${reason === null ? '' : `: ${reason}`} <span class="soft">+${renderMilliseconds(atMs - startMs)}</span></span><span class="track"><i style="--from:${percent(startMs)};--width:${percent(atMs - startMs)}"></i></span></li>\n`,
  );
  if (crashed.length + capture.length === 0) return '';
  return html`<div class="card">
${crashed.length === 0 ? '' : html`<h3>The kernel that crashed, seconds since its start</h3><ol class="steps">${crashed}</ol>`}
${capture.length === 0 ? '' : html`<div class="split"></div><h3>The guard, since the start of the capture kernel</h3><ol class="steps">${capture}</ol>`}
</div>`;
}

function hints(report: CrashReport): Piece {
  return report.hints.map(
    ({ title, evidence, remedy, source }) =>
      html`<div class="hint"><p class="title">${title}</p><p><code>${evidence}</code></p><p>${remedy}</p><p class="soft">${source}</p></div>\n`,
  );
}

function traces({ traces: all, code }: Event): Piece {
  const lines: Piece[] = [];
  let length = 0;
  for (const { stack, cpu, frames } of all) {
    const names = [...(cpu === null ? [] : [`CPU ${cpu}`]), ...(stack === null ? [] : [`<${stack}>`])];
    if (names.length > 0) lines.push(html`<span class="time">${names.join(' ')}</span>\n`);
    for (const frame of frames) {
      const { module, isReliable } = frame;
      const place = renderPlace({ ...frame, module: null });
      const line = html`<span class="${isReliable ? '' : 'maybe'}">${isReliable ? '  ' : '? '}${place}</span>${module === null ? '' : html` <span class="module">[${module}]</span>`}\n`;
      length += line.markup.length;
      if (length <= TRACE_LIMIT) lines.push(line);
    }
  }
  if (length > TRACE_LIMIT) lines.push('... the rest is in report.json\n');
  if (lines.length === 0) return '';
  return html`<pre>${lines}</pre>${code === null ? '' : html`<h3>Code</h3><pre>${code}</pre>`}`;
}

function registers({ registers: all }: Event): Piece {
  if (all.length === 0) return '';
  return html`<div class="card mono regs">${all.map(({ name, value }) => html`<div><span>${name}</span> ${value}</div>`)}</div>`;
}

function modules({ modules: all, lastUnloaded }: Event): Piece {
  if (all.length === 0) return '';
  const names = all.map(({ name, marks }) => (marks === '' ? name : `${name}(${marks})`)).join(' ');
  const shown = names.length > MODULES_LIMIT ? `${names.slice(0, MODULES_LIMIT)} ...` : names;
  return html`<p class="mono">${pieces(shown)}</p><p class="soft">${all.length} modules${lastUnloaded === null ? '' : `; last unloaded: ${lastUnloaded}`}. O: from outside the kernel, E: unsigned, P: proprietary.</p>`;
}

/** A long text in pieces that are not cut. */
function pieces(text: string): string[] {
  return text.match(new RegExp(`[^]{1,${PIECE_LIMIT}}`, 'g')) ?? [];
}

/** As many lines from the end as have room. */
function log({ log: lines, logLines }: CrashReport): Piece {
  const shown: Markup[] = [];
  let length = 0;
  for (const { level, seconds, text } of lines.toReversed()) {
    const line = html`<span class="${level === null ? '' : `l${level}`}"><span class="time">${seconds === null ? '' : `[${renderSeconds(seconds).padStart(12)}] `}</span>${text}</span>\n`;
    length += Buffer.byteLength(line.markup);
    if (length > LOG_LIMIT) break;
    shown.unshift(line);
  }
  if (shown.length === 0) return '';
  return html`<pre>${shown}</pre><p class="soft">The last ${shown.length} of ${logLines} lines.</p>`;
}
