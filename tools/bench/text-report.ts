/**
 * The report as tables of text cells, for the terminal and for the page in docs/.
 * @module
 */
import { renderBytes, renderMilliseconds } from '../../src/cli/render/quantity.ts';
import type {
  DowntimeResult,
  KernelResult,
  LoadStepResult,
  MethodResult,
  Moment,
  RecoveryResult,
} from './report.ts';
import { median, spread } from './statistics.ts';

/** `13.31 G`, `845 M`. */
export function renderCount(count: number): string {
  return count < 1e9 ? `${Math.round(count / 1e6)} M` : `${(count / 1e9).toFixed(2)} G`;
}

/** The header first. */
export function blackoutTable(result: KernelResult): string[][] {
  // What a switch gets that asks for nothing but --fast; where that was not measured, the shortest.
  const reference =
    result.methods.find(({ id }) => id === 'khop-fast')?.median ??
    Math.min(...result.methods.flatMap(({ median }) => median ?? []));
  return [
    ['Method', 'Blackout', 'Spread', 'Ratio', 'Runs'],
    ...result.methods.map((method) => blackoutRow(method, reference)),
  ];
}

function blackoutRow({ title, samples, median, spread, error }: MethodResult, reference: number): string[] {
  if (median === undefined) return [title, `failed: ${error}`, '', '', ''];
  return [
    title,
    renderCount(median),
    renderSpread(samples, spread, 2),
    (median / reference).toFixed(1),
    String(samples.length),
  ];
}

/** One run has no spread. */
function renderSpread(samples: readonly unknown[], spread: number | undefined, digits: number): string {
  return spread === undefined || samples.length < 2 ? '-' : `${(spread * 100).toFixed(digits)} %`;
}

/** One column a method, one row a phase. */
export function phaseTable(result: KernelResult): string[][] {
  const columns = Object.entries(result.phases);
  const titles = columns.map(([id]) => result.methods.find((method) => method.id === id)?.title ?? id);
  const phases = columns[0]?.[1] ?? [];
  return [
    ['Phase', ...titles],
    ...phases.map(({ title }, row) => [
      title,
      ...columns.map(([, found]) => renderCount(found[row]?.instructions ?? 0)),
    ]),
  ];
}

/** One row a method; times of the new kernel are medians too. */
export function downtimeTable(results: readonly DowntimeResult[]): string[][] {
  const row = ({ title, samples, median: downtime, spread, error }: DowntimeResult): string[] => {
    if (downtime === undefined) return [title, `failed: ${error}`, '', '', '', '', '', '', ''];
    return [
      title,
      renderMilliseconds(downtime),
      renderSpread(samples, spread, 0),
      renderMilliseconds(median(samples.map(({ cpuMs }) => cpuMs))),
      renderMilliseconds(
        median(samples.map(({ downtimeMs, answerMs }) => Math.max(0, downtimeMs - answerMs))),
      ),
      renderMilliseconds(median(samples.map(({ initMs }) => initMs))),
      renderMilliseconds(median(samples.map(({ answerMs }) => answerMs))),
      renderMilliseconds(median(samples.map(({ multiUserMs }) => multiUserMs))),
      String(samples.length),
    ];
  };
  return [
    [
      ...[
        'Method',
        'Without answer',
        'Spread',
        'Emulator CPU time',
        'To the new kernel',
        'Its start to init',
      ],
      ...['to the first answer', 'to multi-user', 'Runs'],
    ],
    ...results.map(row),
  ];
}

/** The moments of a panic, in order. */
const MOMENTS = ['capture', 'report', 'dump', 'home', 'ready'] as const;

/** One row a tool; each moment has its wall time and, in brackets, the emulator's CPU time by then. */
export function recoveryTable(results: readonly RecoveryResult[]): string[][] {
  const header = ['Tool', 'Capture starts', 'Report on disk', 'Dump on disk', 'Home', 'All started'];
  const width = header.length + 4;
  return [
    [...header, 'Spread of home', 'Reserved', 'Saved', 'Runs'],
    ...results.map(({ title, samples, reservedMib, error }) => {
      if (samples.length === 0) return [title, `failed: ${error}`, ...Array(width - 2).fill('')];
      return [
        title,
        ...MOMENTS.map((name) => renderMoments(samples.flatMap((sample) => sample[name] ?? []))),
        renderSpread(samples, spread(samples.map(({ home }) => home.wallMs)), 0),
        `${reservedMib} MiB`,
        renderSaved(samples[0]?.savedBytes ?? {}),
        String(samples.length),
      ];
    }),
  ];
}

function renderMoments(moments: readonly Moment[]): string {
  if (moments.length === 0) return 'not saved';
  const [wall, cpu] = [moments.map(({ wallMs }) => wallMs), moments.map(({ cpuMs }) => cpuMs)];
  return `${renderMilliseconds(median(wall))} (${renderMilliseconds(median(cpu))})`;
}

function renderSaved(savedBytes: Readonly<Record<string, number>>): string {
  return Object.entries(savedBytes)
    .map(([name, bytes]) => `${name} ${renderBytes(bytes)}`)
    .join(', ');
}

/** One row a method, three columns a size. */
export function loadStepTable(results: readonly LoadStepResult[]): string[][] {
  const sizes = [...new Set(results.map(({ initrdMib }) => initrdMib))];
  const titles = [...new Set(results.map(({ title }) => title))];
  const cells = (title: string, size: number): string[] => {
    const found = results.find((result) => result.title === title && result.initrdMib === size);
    if (found?.use === undefined) return [`failed: ${found?.error}`, '', ''];
    const { preparation, use } = found;
    const once = preparation === undefined ? '' : ` (once before: ${renderMilliseconds(preparation.cpuMs)})`;
    return [`${renderMilliseconds(use.cpuMs)}${once}`, renderKib(use.peakKib), renderKib(use.chargedKib)];
  };
  return [
    [
      'Method',
      ...sizes.flatMap((size) => [`${size} MiB: CPU`, `${size} MiB: resident`, `${size} MiB: of its own`]),
    ],
    ...titles.map((title) => [title, ...sizes.flatMap((size) => cells(title, size))]),
  ];
}

function renderKib(kib: number | undefined): string {
  return kib === undefined ? '-' : `${Math.round(kib / 1024)} MiB`;
}
