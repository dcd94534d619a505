/**
 * Trials as text.
 * @module
 */
import { describeTrialEnd } from '../../trial/announce.ts';
import type { Confirmation } from '../../trial/confirm.ts';
import type { KnownGoodGeneration } from '../../trial/known-good.ts';
import { hasReturned, type TrialView } from '../../trial/trial-status.ts';
import type { CliContext } from '../context.ts';
import { renderMilliseconds, renderTime } from './quantity.ts';
import { renderTable } from './table.ts';

type Styling = Pick<CliContext, 'style'>;

/** How a trial stands; what it means, and what to do next. */
export function renderTrial(view: TrialView, context: Styling): string {
  const damaged = view.damaged.map((sentence) => context.style('red', sentence));
  if (view.state === 'none') return [renderLast(view, context), ...damaged].join('\n');
  if (view.state === 'unreadable')
    return [...damaged, 'Nothing says what is on trial. Next: khop arrive'].join('\n');
  if (view.state === 'leaving')
    return `The way to ${view.title}, on trial, has begun in this boot. Next, on the other side: khop trial`;
  if (view.state === 'unconcluded')
    return `The trial of ${view.title} is over, and it is not written down yet how. Next: khop arrive`;
  const checks = view.status?.checks ?? [];
  return [
    `This kernel, ${view.title}, is ${context.style('yellow', 'on trial')}: phase ${context.style('bold', view.phase ?? '?')}.`,
    renderTable(deadlineRows(view)),
    ...(checks.length === 0
      ? []
      : [
          renderTable([
            ['CHECK', 'PHASE', 'STATE', 'DETAIL'],
            ...checks.map(({ id, phase, state, isRequired, detail }) => [
              isRequired ? id : `${id} (wanted)`,
              phase,
              context.style(STATE_STYLES[state], state),
              detail.split('\n', 1)[0] ?? '',
            ]),
          ]),
        ]),
    ...checks.flatMap(({ id, state, remedy }) =>
      state === 'passed' || remedy === undefined ? [] : [`${id}: ${remedy}`],
    ),
    ...(view.status?.gaps ?? []).map((gap) => context.style('yellow', gap)),
    ...(view.status?.note == null ? [] : [view.status.note]),
    ...damaged,
    view.needsConfirm
      ? 'Next: khop confirm, or khop back to go home now'
      : 'It confirms itself when every check has passed. Next: khop trial --follow, or khop back to go home now',
  ].join('\n');
}

const STATE_STYLES = { waiting: 'yellow', passed: 'green', failed: 'red' } as const;

function deadlineRows({ homeTitle, upMs, bootLeftMs, phaseLeftMs, leftMs }: TrialView): string[][] {
  const rows: readonly (readonly [string, string | null])[] = [
    ['  home is', homeTitle],
    ['  up for', duration(upMs)],
    ['  goes home unless the agent runs in', duration(bootLeftMs)],
    ['  goes home unless this phase is over in', duration(phaseLeftMs)],
    ['  goes home unless confirmed in', duration(leftMs)],
  ];
  return rows.flatMap(([name, value]) => (value === null ? [] : [[name, value]]));
}

function duration(ms: number | null): string | null {
  return ms === null ? null : renderMilliseconds(ms);
}

function renderLast(view: TrialView, context: Styling): string {
  if (view.last === null) return 'No trial is going on, and there was none yet. Next: khop switch';
  const sentence = `The last one: this machine ${describeTrialEnd(view.last)}.`;
  return `No trial is going on.\n${context.style(hasReturned(view) ? 'yellow' : 'green', sentence)}\nNext: khop history`;
}

/** One line for a log that only grows. */
export function renderTrialLine({ state, phase, status, leftMs, last }: TrialView): string {
  if (state !== 'on-trial') {
    if (state !== 'none') return `The trial is not watched here: ${state}.`;
    return last === null ? 'No trial is going on.' : `This machine ${describeTrialEnd(last)}.`;
  }
  const checks = status?.checks ?? [];
  const passed = checks.filter((check) => check.state === 'passed').length;
  const failed = checks.filter((check) => check.state === 'failed').map(({ id }) => id);
  return [
    `phase ${phase}`,
    ...(checks.length === 0 ? [] : [`${passed} of ${checks.length} checks passed`]),
    ...(failed.length === 0 ? [] : [`failed: ${failed.join(', ')}`]),
    ...(status?.note == null ? [] : [status.note]),
    ...(leftMs === null ? [] : [`${renderMilliseconds(leftMs)} left`]),
  ].join('; ');
}

/** What was confirmed, and what could not be done. */
export function renderConfirmation({ entry, defaultEntry }: Confirmation, context: Styling): string {
  const kernel = entry.arrivedRelease ?? entry.toRelease ?? entry.image;
  const byDefault = {
    set: 'It starts by itself from now on.',
    already: 'It starts by itself, as before.',
    'not-set': 'It does not start by itself: the firmware starts the kernel that it did before.',
  };
  return `${context.style('green', `${kernel} is confirmed.`)} ${byDefault[defaultEntry.state]}\nNext: khop history`;
}

/** Why a switch to a kernel that was confirmed is no trial, or is one all the same. @param untried see NeedOfTrial */
export function renderNeedOfTrial(
  { confirmedAtMs }: KnownGoodGeneration,
  untried: readonly string[] = [],
): string {
  const confirmed = `This kernel was confirmed on ${renderTime(confirmedAtMs)}`;
  return untried.length === 0
    ? `${confirmed}: no trial is needed.`
    : `${confirmed}, but never arrived with ${untried.join(', ')} as --fast would use here: it is on trial.`;
}
