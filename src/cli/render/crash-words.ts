/**
 * Words that the text and the page of a crash share.
 * @module
 */
import type { ChainStep, ChainStepName, CrashOutcome } from '../../guard/capture-chain.ts';
import type { CrashReport } from '../../guard/crash-report.ts';
import { renderBytes, renderMilliseconds, renderTime } from './quantity.ts';
import { renderTable } from './table.ts';

/** A step on one line of time: `atMs` from the start of the capture kernel's clock. */
export interface TimedStep {
  readonly words: string;
  readonly reason: string | null;
  readonly startMs: number;
  readonly atMs: number;
  /** Something that was meant to be done was not, or not wholly. */
  readonly isShortfall: boolean;
}

const STEPS: Readonly<Record<ChainStepName, string>> = {
  captured: 'capture program started',
  'home-loaded': 'way home ready',
  'log-read': 'kernel log read',
  encrypted: 'report encrypted',
  'encryption-failed': 'report not encrypted',
  'report-in-memory': 'report goes home in memory',
  'target-mounted': 'disk mounted',
  report: 'report safe on disk',
  'report-failed': 'report not on disk',
  'dump-started': 'dump begun',
  'dump-done': 'dump complete',
  'dump-incomplete': 'dump given up, incomplete',
  'dump-skipped': 'no dump',
  'leave-kexec': 'jump home',
  'leave-firmware': 'reboot through the firmware',
  rescue: 'stays for a person',
  continue: 'went on as a system of its own',
  home: 'user space of the known-good kernel',
};

const SHORTFALLS: ReadonlySet<ChainStepName> = new Set<ChainStepName>([
  ...(['encryption-failed', 'report-failed', 'dump-incomplete', 'dump-skipped', 'leave-firmware'] as const),
]);

const OUTCOMES: Readonly<Record<CrashOutcome, string>> = {
  'home-by-kexec': 'came home by kexec',
  'home-by-firmware': 'came home through the firmware',
  continued: 'went on in the panic kernel',
  unknown: 'how it ended was not written down',
};

/** The chain on one line of time: what is on the clock of the next kernel is put behind the jump to it. */
export function timeChain(chain: readonly ChainStep[]): TimedStep[] {
  let capture = 0;
  let last = 0;
  return chain.map(({ step, ms, clock, reason }) => {
    const atMs = Math.max(last, clock === 'capture' ? ms : capture + ms);
    if (clock === 'capture') capture = atMs;
    const startMs = last;
    last = atMs;
    return { words: STEPS[step], reason, startMs, atMs, isShortfall: SHORTFALLS.has(step) };
  });
}

/** The chain as a table; empty without one. @param mark for the words of a shortfall */
export function renderChain(chain: readonly ChainStep[], mark = (words: string): string => words): string {
  return renderTable(
    timeChain(chain).map(({ words, reason, startMs, atMs, isShortfall }) => [
      `  ${renderMilliseconds(atMs)}`,
      `+${renderMilliseconds(atMs - startMs)}`,
      `${isShortfall ? mark(words) : words}${reason === null ? '' : `: ${reason}`}`,
    ]),
  );
}

/** `about 12 s`: the clock of a machine is set to the second. */
export function renderSpan(ms: number): string {
  return `about ${Math.round(ms / 1000)} s`;
}

/** `came home by kexec`. */
export function nameOutcome(outcome: CrashOutcome): string {
  return OUTCOMES[outcome];
}

/** `2026-11-29 00:30:00 UTC`, or where the time is not known. */
export function describeWhen({ when }: Pick<CrashReport, 'when'>): string {
  if (when === null) return 'unknown';
  return `${renderTime(when.atMs)}${when.source === 'name' ? ' (from the folder’s name)' : ''}`;
}

/** `QEMU Standard PC, 2 CPUs, 2.0 GiB`; empty when nothing is known. */
export function describeMachine({ machine }: Pick<CrashReport, 'machine'>): string {
  const { hardware, cpus, memoryKib } = machine;
  return [
    ...(hardware === null ? [] : [hardware]),
    ...(cpus === null ? [] : [`${cpus} CPU${cpus === 1 ? '' : 's'}`]),
    ...(memoryKib === null ? [] : [renderBytes(memoryKib * 1024)]),
  ].join(', ');
}

/** `12.345678`, as the kernel prints its clock. */
export function renderSeconds(seconds: number | null): string {
  return seconds === null ? '' : seconds.toFixed(6);
}
