/**
 * History entries as text, one row each.
 * @module
 */
import type {
  ArrivalHistoryEntry,
  CrashHistoryEntry,
  HistoryEntry,
  LoadEndHistoryEntry,
  LostTrialEntry,
  SwitchHistoryEntry,
  TrialEnd,
} from '../../switch/history.ts';
import { describeWays } from '../../trial/announce.ts';
import type { CliContext } from '../context.ts';
import { nameOutcome } from './crash-words.ts';
import { renderMilliseconds, renderTime } from './quantity.ts';
import { renderTable } from './table.ts';

/** Oldest first. */
export function renderHistory(all: readonly HistoryEntry[], context: Pick<CliContext, 'style'>): string {
  const entries = all.filter((entry) => entry.kind !== 'arrival' && entry.kind !== 'load-end');
  if (entries.length === 0) return 'No loads or switches yet. Next: khop list';
  const arrivals = new Map(all.flatMap((entry) => (entry.kind === 'arrival' ? [[entry.id, entry]] : [])));
  const ends = new Map(all.flatMap((entry) => (entry.kind === 'load-end' ? [[entry.atMs, entry]] : [])));
  const rows = entries.map((entry) => {
    if (entry.kind === 'crash') return renderCrashEntry(entry, context);
    if (entry.kind === 'trial-lost') return renderLostTrial(entry, context);
    if (entry.kind === 'switch') return renderSwitch(entry, arrivals.get(entry.id), context);
    const end = entry.slot === 'normal' ? ends.get(entry.atMs) : undefined;
    return [
      renderTime(entry.atMs),
      entry.slot === 'normal' ? 'load' : 'load panic',
      `${entry.fromRelease} -> ${entry.toRelease ?? entry.image}`,
      entry.method,
      `load ${renderMilliseconds(entry.loadMs)}`,
      end === undefined ? '' : renderLoadEnd(end, context),
    ];
  });
  return renderTable([['WHEN', 'WHAT', 'FROM -> TO', 'METHOD', 'TOOK', 'OUTCOME'], ...rows]);
}

/** How a load ended that no switch tells of. */
export function renderLoadEnd(
  { outcome, arrivedRelease }: LoadEndHistoryEntry,
  context: Pick<CliContext, 'style'>,
): string {
  if (outcome === 'arrived')
    return context.style('green', `arrived on ${arrivedRelease ?? 'an unnamed kernel'}`);
  return context.style('yellow', `not seen to arrive; ${arrivedRelease ?? '?'} came up`);
}

function renderCrashEntry(entry: CrashHistoryEntry, context: Pick<CliContext, 'style'>): string[] {
  const times = [
    ...(entry.captureMs === null ? [] : [`capture ${renderMilliseconds(entry.captureMs)}`]),
    ...(entry.upMs === null ? [] : [`up ${renderMilliseconds(entry.upMs)}`]),
  ];
  return [
    renderTime(entry.atMs),
    'crash',
    `${entry.release ?? '?'} -> ${entry.arrivedRelease ?? '?'}`,
    entry.outcome === 'home-by-kexec' ? 'guard' : 'firmware',
    times.join(', '),
    `${context.style('red', entry.summary)}; ${nameOutcome(entry.outcome)}`,
  ];
}

function renderLostTrial(entry: LostTrialEntry, context: Pick<CliContext, 'style'>): string[] {
  return [
    renderTime(entry.atMs),
    'trial',
    `? -> ${entry.arrivedRelease ?? '?'}`,
    '',
    '',
    `${context.style('red', 'its ticket could not be read')}; ${entry.cause}: ${entry.detail}${entry.movedTo === null ? '' : `; kept as ${entry.movedTo}`}`,
  ];
}

/** `confirmed`, or the cause and where the trial was then. */
function renderTrialEnd(end: TrialEnd, context: Pick<CliContext, 'style'>): string {
  const { verdict, cause, detail, phase } = end;
  if (verdict === 'confirmed') return detail;
  return `${context.style('red', cause ?? 'unknown cause')} in phase ${phase}: ${detail}${describeWays(end)}`;
}

/** `ready 9.0 s (init 2.1 s, slowest ssh.service 3.4 s)`, as far as it is known. */
function renderWayUp({ finishedMs, initMs, slowest: [slowest] }: ArrivalHistoryEntry): string[] {
  const parts = [
    ...(initMs === null ? [] : [`init ${renderMilliseconds(initMs)}`]),
    ...(slowest === undefined ? [] : [`slowest ${slowest.unit} ${renderMilliseconds(slowest.tookMs)}`]),
  ];
  if (finishedMs === null) return parts;
  return [`ready ${renderMilliseconds(finishedMs)}${parts.length === 0 ? '' : ` (${parts.join(', ')})`}`];
}

function renderSwitch(
  entry: SwitchHistoryEntry,
  arrival: ArrivalHistoryEntry | undefined,
  context: Pick<CliContext, 'style'>,
): string[] {
  const service = arrival?.service ?? null;
  const answered = service?.answeredMs ?? null;
  const times = [
    `load ${renderMilliseconds(entry.loadMs)}`,
    ...(entry.downMs === null ? [] : [`down ${renderMilliseconds(entry.downMs)}`]),
    ...(entry.upMs === null ? [] : [`up ${renderMilliseconds(entry.upMs)}`]),
    ...(arrival === undefined ? [] : renderWayUp(arrival)),
    ...(entry.trial?.returnMs == null ? [] : [`home ${renderMilliseconds(entry.trial.returnMs)}`]),
    ...(answered === null ? [] : [`${service?.name} ${renderMilliseconds(answered)}`]),
  ];
  const outcomes = {
    arrived: context.style('green', `arrived on ${entry.arrivedRelease ?? 'an unnamed kernel'}`),
    elsewhere: context.style('yellow', `did not arrive; ${entry.arrivedRelease ?? '?'} came up another way`),
    abandoned: context.style('red', 'given up before the jump'),
    returned: context.style('yellow', `came home to ${entry.arrivedRelease ?? '?'}`),
  };
  return [
    renderTime(entry.atMs),
    entry.trial === null ? 'switch' : 'trial',
    `${entry.fromRelease} -> ${entry.toRelease ?? entry.image}`,
    entry.optimisations.length > 0 ? `${entry.method}, fast` : entry.method,
    times.join(', '),
    [outcomes[entry.outcome], ...(entry.trial === null ? [] : [renderTrialEnd(entry.trial, context)])].join(
      '; ',
    ),
  ];
}
