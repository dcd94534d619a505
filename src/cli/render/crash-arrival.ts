/**
 * What `khop arrive` says of crashes that led to this boot.
 * @module
 */
import type { CrashArrival } from '../../guard/record-crash.ts';
import type { RemovedCrash } from '../../guard/remove-old-crashes.ts';
import { renderContinued } from './guard.ts';
import { renderBytes } from './quantity.ts';

/**
 * Lines.
 * @param removed to make room
 * @param sentTo where the panic kernel was to send its report
 */
export function renderCrashArrival(
  { entries, isHomeByKexec, continued }: CrashArrival,
  removed: readonly RemovedCrash[],
  sentTo: string | undefined,
): string[] {
  return [
    ...removed.map(({ what, id, bytes }) =>
      what === 'dump'
        ? `Removed the dump of an older crash, ${renderBytes(bytes)}: ${id}`
        : what === 'part'
          ? `Removed a part of a report, of which nothing is lost: ${id}`
          : `Removed the report of an older crash: ${id}`,
    ),
    ...(continued === undefined ? [] : [renderContinued(continued)]),
    ...entries.map(
      ({ id, summary }) =>
        `The kernel before this one crashed: ${summary}. Its report: khop crashes show ${id}`,
    ),
    ...(entries.length === 0 && isHomeByKexec
      ? [
          sentTo === undefined
            ? 'The kernel before this one crashed; nothing new is to be saved of it. Next: khop crashes'
            : `The kernel before this one crashed; its report was sent to ${sentTo} if that was possible.`,
        ]
      : []),
  ];
}
