/**
 * `khop guard` as text.
 * @module
 */
import type { ArmedRecord } from '../../guard/armed-record.ts';
import type { KeepArmedOutcome } from '../../guard/guard.ts';
import type { GuardStatus } from '../../guard/guard-status.ts';
import type { CliContext } from '../context.ts';
import { renderBytes, renderTime } from './quantity.ts';

/** What happens at a panic from now on. */
export function renderArmed(record: ArmedRecord): string {
  return [
    `The guard is armed. When this kernel dies:`,
    ...chainLines(record),
    '',
    'Next: khop guard test, or khop guard status',
  ].join('\n');
}

function chainLines(record: ArmedRecord): string[] {
  const { reportDevice, dump } = record;
  return [
    `  panic kernel  ${record.captureTitle}, ${renderBytes(record.usedBytes)} of ${renderBytes(record.reservedBytes)} reserved`,
    `  report        ${reportPlaces(record).join('; ')}`,
    ...(dump === null || reportDevice === null
      ? []
      : [`  dump          ${dump.how}; takes ${renderBytes(dump.memoryBytes)} of the reservation`]),
    ...(record.loopReason === null ? [] : [`  loop          ${record.loopReason}`]),
    `  home          ${homeWords(record)}`,
    `  deadline      ${record.deadlineSeconds} s from the start of the panic kernel`,
  ];
}

function homeWords({
  ending,
  homeTitle,
  homeObstacle,
  loopReason,
  isHomeFromFirstOnly,
}: ArmedRecord): string {
  if (ending === 'rescue')
    return `a shell on the console, whose exit starts ${homeTitle ?? 'the machine anew'}: no other kernel was seen well`;
  if (ending === 'firmware')
    return 'through the firmware: no other kernel was seen well, and there is no busybox or no room for it';
  if (homeTitle === null) return `through the firmware: ${homeObstacle ?? 'no kernel is known'}`;
  const where = isHomeFromFirstOnly ? ' when the panic is on CPU 0, else through it' : '';
  return `${homeTitle}, without the firmware${where}${loopReason === null ? '' : ', because of the loop'}`;
}

function reportPlaces({ reportDevice, reportObstacle, reportInMemory }: ArmedRecord): string[] {
  return [
    reportDevice === null
      ? `on no disk: ${reportObstacle ?? 'no place is known'}`
      : `on ${reportDevice}, khop crashes`,
    reportInMemory ? 'in memory, with the kernel that comes home' : 'not in memory',
  ];
}

/** One word, then why, then what to do. */
export function renderGuardStatus(status: GuardStatus, context: Pick<CliContext, 'style'>): string {
  const { state, record, problems } = status;
  if (state === 'off') return 'The guard is off. Next: khop guard on';
  if (state === 'armed' && record !== undefined)
    return [
      `The guard is ${context.style('green', 'armed')} since ${renderTime(record.armedAtMs)}.`,
      ...chainLines(record),
    ].join('\n');
  return [
    `The guard is ${context.style('red', 'not armed')}:`,
    ...problems.map((problem) => `  ${problem}`),
    '',
    'Next: khop guard rearm',
  ].join('\n');
}

/** What was done, if anything, and why. */
export function renderKeptArmed(outcome: KeepArmedOutcome): string {
  if (outcome.did === 'nothing')
    return outcome.because === 'off'
      ? 'The guard is off; nothing to do.'
      : 'The guard is armed; nothing to do.';
  return [`Armed again, because ${outcome.because.join('; ')}.`, ...chainLines(outcome.record)].join('\n');
}
