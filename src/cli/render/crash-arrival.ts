/**
 * What `khop arrive` says of crashes that led to this boot.
 * @module
 */
import type { CrashArrival, TestedGuard } from '../../guard/record-crash.ts';
import type { RemovedCrash } from '../../guard/remove-old-crashes.ts';
import { nameOutcome, renderChain, renderSpan } from './crash-words.ts';
import { renderContinued } from './guard.ts';
import { renderBytes } from './quantity.ts';

/**
 * Lines.
 * @param removed to make room
 * @param sentTo where the panic kernel was to send its report
 */
export function renderCrashArrival(
  { entries, isHomeByKexec, continued, tested }: CrashArrival,
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
    ...entries.flatMap((entry) =>
      entry === tested?.entry
        ? testLines(tested, sentTo)
        : [`The kernel before this one crashed: ${entry.summary}. Its report: khop crashes show ${entry.id}`],
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

/** The measured chain of `khop guard test`. */
function testLines({ entry, chain }: TestedGuard, sentTo: string | undefined): string[] {
  const { id, outcome, awayMs, upMs } = entry;
  const isKnown = outcome === 'home-by-kexec' || outcome === 'home-by-firmware';
  const captureMs = chain.findLast(({ clock }) => clock === 'capture')?.ms;
  const away = awayMs == null ? '' : `, ${renderSpan(awayMs)} after the crash`;
  const between = awayMs == null || captureMs === undefined || upMs === null ? -1 : awayMs - captureMs - upMs;
  return [
    `khop guard test: the machine ${isKnown ? nameOutcome(outcome) : 'is back'}${away}.`,
    ...(chain.length === 0
      ? [
          sentTo === undefined
            ? 'No report of it is here.'
            : `Its report was sent to ${sentTo} if that was possible.`,
        ]
      : ['From the start of the panic kernel’s clock:', ...renderChain(chain).split('\n')]),
    ...(between < 0
      ? []
      : [`On no kernel’s clock, from the crash and with the jump: ${renderSpan(between)}`]),
    ...(chain.length === 0 ? [] : [`Next: khop crashes show ${id}`]),
  ];
}
