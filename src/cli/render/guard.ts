/**
 * `khop guard` as text.
 * @module
 */
import type { ArmedRecord, ContinuingMemory } from '../../guard/armed-record.ts';
import type { LastTest } from '../../guard/asked-crash.ts';
import { type ContinuedCrash, wordsOf } from '../../guard/continued-crash.ts';
import type { Continuing } from '../../guard/continuing.ts';
import type { FirmwareWay } from '../../guard/firmware-start.ts';
import type { KeepArmedOutcome } from '../../guard/guard.ts';
import type { GuardStatus } from '../../guard/guard-status.ts';
import type { LeavePlan } from '../../guard/leave.ts';
import type { CliContext } from '../context.ts';
import { nameOutcome, renderSpan } from './crash-words.ts';
import { renderBytes, renderTime } from './quantity.ts';

/** What the guard alone does not see to. */
export interface GuardOutlook {
  /** Null: nobody has looked. */
  readonly firmware: FirmwareWay | null;
  readonly standsStillEarly: boolean;
}

/** What happens at a panic from now on. */
export function renderArmed(record: ArmedRecord, outlook: GuardOutlook): string {
  return [
    `The guard is armed. When this kernel dies:`,
    ...chainLines(record),
    ...outlookLines(outlook),
    '',
    'Next: khop guard test, or khop guard status',
  ].join('\n');
}

function chainLines(record: ArmedRecord): string[] {
  return [
    `  panic kernel  ${record.captureTitle}, ${renderBytes(record.usedBytes)} of ${renderBytes(record.reservedBytes)} reserved`,
    ...(record.continuing === null ? captureLines(record) : continuingLines(record.continuing)),
    ...(record.loopReason === null ? [] : [`  loop          ${record.loopReason}`]),
    `  home          ${homeWords(record)}`,
    ...(record.continuing === null
      ? [`  deadline      ${record.deadlineSeconds} s from the start of the panic kernel`]
      : []),
    ...(record.imageObstacle === null
      ? []
      : [`  not proven    that what is loaded is the guard’s: ${record.imageObstacle}`]),
  ];
}

/** Nothing where all is well. */
function outlookLines({ firmware, standsStillEarly }: GuardOutlook): string[] {
  return [
    ...(firmware === null || firmware.leadsTo === 'home'
      ? []
      : [`  firmware      ${firmware.words}`, `                To do: ${firmware.remedy}`]),
    ...(standsStillEarly
      ? [
          '  early panic   stands still until the guard is armed: no panic= restarts this kernel',
          '                To do: add panic=10 to its command line in the boot loader’s settings',
        ]
      : []),
  ];
}

function captureLines(record: ArmedRecord): string[] {
  const { reportDevice, dump, encryption } = record;
  return [
    `  report        ${reportPlaces(record).join('; ')}`,
    ...(dump === null || reportDevice === null
      ? []
      : [`  dump          ${dump.how}; takes ${renderBytes(dump.memoryBytes)} of the reservation`]),
    ...(encryption === null ? [] : [`  encryption    ${encryptionWords(encryption)}`]),
  ];
}

function encryptionWords({
  recipients,
  memoryBytes,
  obstacle,
}: NonNullable<ArmedRecord['encryption']>): string {
  if (obstacle !== null) return `cannot be done, so nothing is written of a crash but its steps: ${obstacle}`;
  const keys = recipients === 1 ? '1 age key' : `${recipients} age keys`;
  return `for ${keys}; takes ${renderBytes(memoryBytes)} of the reservation`;
}

function continuingLines({ memoryBytes, usedBytes, cpus, warnings }: ContinuingMemory): string[] {
  return [
    `  then          this system goes on and serves, with about ${renderBytes(memoryBytes)} for programs on ${cpus} ${cpus === 1 ? 'CPU' : 'CPUs'}`,
    `                (${renderBytes(usedBytes)} in use when it was armed)`,
    ...warnings.map((warning) => `  but           ${warning}`),
    '  report        written by the system that goes on, khop crashes',
  ];
}

function homeWords(record: ArmedRecord): string {
  const { ending, homeTitle, homeObstacle, loopReason, isHomeFromFirstOnly, continuing } = record;
  if (ending === 'rescue')
    return rescueWords(record, `starts ${homeTitle ?? 'the machine anew'}: no other kernel was seen well`);
  if (ending === 'firmware') return 'through the firmware: no other kernel was seen well';
  if (homeTitle === null) return `through the firmware: ${homeObstacle ?? 'no kernel is known'}`;
  if (record.staysWithoutHome) {
    const from = isHomeFromFirstOnly ? FIRST_ONLY : '';
    const otherwise = rescueWords(record, 'restarts the machine');
    return `${homeTitle}, without the firmware${from}, because of the loop; else ${otherwise}`;
  }
  const where = isHomeFromFirstOnly ? `${FIRST_ONLY}, else through it` : '';
  if (continuing !== null) return `${homeTitle}, without the firmware${where}: khop guard leave`;
  return `${homeTitle}, without the firmware${where}${loopReason === null ? '' : ', because of the loop'}`;
}

/** @param next what comes when the person leaves */
function rescueWords({ rescueShell, rescueLogin, rescueLoginObstacle }: ArmedRecord, next: string): string {
  const only = rescueLoginObstacle === null ? '' : `; no ssh there: ${rescueLoginObstacle}`;
  const shells = rescueLogin === null ? '' : ` and by ssh ${rescueLogin}`;
  if (rescueShell) return `a shell on the console${shells}, whose exit ${next}${only}`;
  const ways =
    rescueLogin === null ? ', where Enter' : ` and a shell by ssh ${rescueLogin}, where Enter or leave`;
  return `a note on the console${ways} ${next}, and there is no busybox or no room for it${only}`;
}

const FIRST_ONLY = ' when the panic is on CPU 0';

function reportPlaces({
  reportDevice,
  reportObstacle,
  reportInMemory,
  isHomeFromFirstOnly,
}: ArmedRecord): string[] {
  const when = isHomeFromFirstOnly ? `, only${FIRST_ONLY}` : '';
  return [
    reportDevice === null
      ? `on no disk: ${reportObstacle ?? 'no place is known'}`
      : `on ${reportDevice}, khop crashes`,
    reportInMemory ? `in memory, with the kernel that comes home${when}` : 'not in memory',
  ];
}

/** In the system that goes on: what happened, where it lives, how to leave. */
export function renderContinued({ continuing, obstacle }: ContinuedCrash): string {
  return [
    'The kernel before this one crashed.',
    `This system goes on in the memory of a panic kernel: ${wordsOf(continuing)}.`,
    ...continuedLines(continuing),
    ...(obstacle === undefined
      ? []
      : [`  the report is ${continuing.crash === undefined ? 'missing' : 'not whole'}: ${obstacle}`]),
  ].join('\n');
}

function continuedLines({ crash, homeTitle, homeObstacle }: Continuing): string[] {
  return [
    ...(crash === undefined ? [] : [`  report        khop crashes show ${crash}`]),
    homeTitle === null
      ? `  all memory    khop guard leave, through the firmware: ${homeObstacle ?? 'no kernel waits'}`
      : `  all memory    khop guard leave, to ${homeTitle} without the firmware; a plain reboot goes through it`,
  ];
}

/** What will be done, before asking. */
export function renderLeaving({ way, homeTitle, obstacle }: LeavePlan): string {
  if (way === 'kexec') return `Back to ${homeTitle ?? 'the kernel that waits'}, without the firmware.`;
  return obstacle === null ? 'Through the firmware.' : `Through the firmware, because ${obstacle}.`;
}

function testWords(test: LastTest | null): string {
  if (test === null) return 'never on this machine: khop guard test';
  const { atMs, entry } = test;
  if (entry === null) return `${renderTime(atMs)}: it did not come home by itself, or left no word of it`;
  const away =
    entry.awayMs == null ? 'nobody knows after how long' : `${renderSpan(entry.awayMs)} after the crash`;
  return `${renderTime(atMs)}: ${nameOutcome(entry.outcome)}, ${away}`;
}

/** One word, then why, then what to do. @param status with the newest test where the guard is armed */
export function renderGuardStatus(
  status: GuardStatus & GuardOutlook & { readonly lastTest: LastTest | null },
  context: Pick<CliContext, 'style'>,
): string {
  const { state, record, problems, continuing } = status;
  if (continuing !== undefined)
    return [
      `This system is ${context.style('yellow', 'continuing')} after a panic, in ${wordsOf(continuing)}.`,
      ...continuedLines(continuing),
      '  another panic ends in the firmware',
    ].join('\n');
  if (state === 'off') return 'The guard is off. Next: khop guard on';
  if (state === 'armed' && record !== undefined)
    return [
      `The guard is ${context.style('green', 'armed')} since ${renderTime(record.armedAtMs)}.`,
      ...chainLines(record),
      `  tested        ${testWords(status.lastTest)}`,
      ...outlookLines(status),
    ].join('\n');
  return [
    `The guard is ${context.style('red', 'not armed')}:`,
    ...problems.map((problem) => `  ${problem}`),
    '',
    'Next: khop guard rearm',
  ].join('\n');
}

/** @param whyLeft why a panic kernel stays loaded; undefined when none does */
export function renderTurnedOff(whyLeft: string | undefined): string {
  if (whyLeft === undefined)
    return 'The guard is off: a panic does what the kernel was told by panic=. Next: khop guard on';
  return [
    `The guard is off. The panic kernel that is loaded was left, and a panic starts it: ${whyLeft}.`,
    'Next: khop guard on, or khop unload --panic',
  ].join('\n');
}

const NOTHING_DONE = {
  off: 'The guard is off; nothing to do.',
  armed: 'The guard is armed; nothing to do.',
  continuing: 'This system goes on after a panic, in the memory of the guard; nothing to do.',
  trial: 'This kernel is on trial: a panic comes home to the known-good one. Next: khop trial',
} as const;

/** What was done, if anything, and why. */
export function renderKeptArmed(outcome: KeepArmedOutcome): string {
  if (outcome.did === 'nothing') return NOTHING_DONE[outcome.because];
  return [`Armed again, because ${outcome.because.join('; ')}.`, ...chainLines(outcome.record)].join('\n');
}
