/**
 * What reserving memory for the guard would do, as text.
 * @module
 */
import type { ReservationPlan } from '../../guard/reservation.ts';
import { describeBootLoaderStep } from '../../machine/boot-loader/apply-steps.ts';
import { renderBytes } from './quantity.ts';

/** When the memory is there: by a switch now, after the next start, or already. */
export type ReservationMoment = 'switch' | 'later' | 'there';

const MOMENTS: Readonly<Record<ReservationMoment, string>> = {
  switch: 'Now: switch into the same kernel with it, without the firmware. Services stop and start.',
  later: 'Now: nothing; the next start reserves it.',
  there: 'Now: nothing; so much is reserved already, and the guard would be armed.',
};

const EARLY_PANIC =
  'With it comes panic=10: a panic before the guard is armed restarts the machine, which would stand still.';

/** The sum with its terms, then each change. */
export function renderReservation(plan: ReservationPlan, now: ReservationMoment): string {
  return [
    `A panic kernel needs memory of its own, crashkernel=${plan.mib}M:`,
    ...terms(plan),
    ...(plan.earlyPanic === undefined ? [] : [EARLY_PANIC]),
    '',
    ...permanence(plan),
    MOMENTS[now],
  ].join('\n');
}

function terms({ need }: ReservationPlan): string[] {
  if (need === undefined) return ['  as you asked'];
  const counted = need.moment === 'load' ? need.load : need.run;
  return counted.map(({ what, bytes }) => `  ${renderBytes(bytes).padStart(10)}  ${what}`);
}

function permanence({ permanent, obstacle }: ReservationPlan): string[] {
  if (permanent === undefined)
    return [`At every start: not arranged (${obstacle ?? 'no boot loader is known'}); add it there by hand.`];
  return [
    permanent.steps.length === 0 ? 'At every start: the boot loader is told already.' : 'At every start:',
    ...permanent.steps.map((step) => `  ${describeBootLoaderStep(step)}`),
    ...permanent.notes.map((note) => `  note: ${note}`),
  ];
}
