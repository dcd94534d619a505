/**
 * What the guard did after a panic: chain.txt in the crash's folder, one line a step, appended by whoever took it.
 *
 *     STEP MILLISECONDS [REASON]
 *
 * MILLISECONDS is decimal, on the monotonic clock of the kernel that runs then: the capture kernel's until it leaves,
 * the known-good one's for `home`. REASON is the rest of the line. A line can be appended by a program of 4 KiB without
 * a C library, and a power cut can tear only the last one.
 * @module
 */
import { printableUnicode } from '../formats/printable-text.ts';

/** In the order in which they are taken; not every chain has every step. */
export const CHAIN_STEPS = [
  'captured',
  'home-loaded',
  'log-read',
  'encrypted',
  'encryption-failed',
  'report-in-memory',
  'target-mounted',
  'report',
  'report-failed',
  'dump-started',
  'dump-done',
  'dump-incomplete',
  'dump-skipped',
  'leave-kexec',
  'leave-firmware',
  'rescue',
  'continue',
  'home',
] as const;

export type ChainStepName = (typeof CHAIN_STEPS)[number];

/** One step that was taken. */
export interface ChainStep {
  readonly step: ChainStepName;
  /** Since the start of `clock`'s kernel. */
  readonly ms: number;
  /** Whose clock: the capture kernel's, or that of the kernel that came up after it. */
  readonly clock: 'capture' | 'home';
  readonly reason: string | null;
}

/** How the crash ended, as far as anybody wrote it down. */
export type CrashOutcome = 'home-by-kexec' | 'home-by-firmware' | 'continued' | 'unknown';

/** A chain has ten; a file that has many is none. */
const LINES = 64;

const LINE = /^(?<step>[a-z][a-z-]{0,31}) (?<ms>\d{1,12})(?: (?<reason>.{1,500}))?$/;

/** Steps in the order of the file, and one sentence for each line that is none. */
export function parseChain(text: string): {
  readonly steps: readonly ChainStep[];
  readonly damaged: readonly string[];
} {
  const steps: ChainStep[] = [];
  const damaged: string[] = [];
  const lines = text.split('\n');
  if (lines.length > LINES) damaged.push(`chain.txt has ${lines.length} lines; the first ${LINES} were read`);
  for (const [index, line] of lines.slice(0, LINES).entries()) {
    if (line.trim() === '') continue;
    const groups = LINE.exec(line.trimEnd())?.groups;
    const step = CHAIN_STEPS.find((name) => name === groups?.['step']);
    if (groups === undefined || step === undefined) {
      const shown = printableUnicode(line.slice(0, 60));
      damaged.push(`chain.txt, line ${index + 1}: not a step of the guard: ${shown}`);
      continue;
    }
    const reason = groups['reason'] === undefined ? null : printableUnicode(groups['reason']);
    steps.push({ step, ms: Number(groups['ms']), clock: step === 'home' ? 'home' : 'capture', reason });
  }
  return { steps, damaged };
}

/** `home` is proof that one came home; by which way, the step before it says, or its own reason. */
export function outcomeOf(steps: readonly ChainStep[]): CrashOutcome {
  const has = (name: ChainStepName): boolean => steps.some(({ step }) => step === name);
  const home = steps.findLast(({ step }) => step === 'home');
  if (home !== undefined) {
    if (home.reason?.startsWith('firmware')) return 'home-by-firmware';
    const left = steps.findLast(({ step }) => step === 'leave-kexec' || step === 'leave-firmware');
    if (home.reason?.startsWith('kexec') || left?.step === 'leave-kexec') return 'home-by-kexec';
    return left === undefined ? 'unknown' : 'home-by-firmware';
  }
  return has('continue') ? 'continued' : 'unknown';
}
