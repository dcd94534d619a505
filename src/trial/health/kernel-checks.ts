/**
 * Whether the new kernel complains of what the old one did not.
 * @module
 */
import { decodeTaint } from '../../formats/taint.ts';
import { mapReading } from '../../machine/source.ts';
import { type CheckInput, type CheckOutcome, compare, type HealthCheck } from './check.ts';
import { complaintsOf, type KernelComplaints } from './kernel-complaints.ts';

/**
 * Bits of /proc/sys/kernel/tainted that say that something went wrong: Documentation/admin-guide/tainted-kernels.rst.
 * The others say what was loaded, or what firmware is like.
 */
const ALARMS: readonly (readonly [bit: number, letter: string])[] = [
  [4, 'M'],
  [5, 'B'],
  [7, 'D'],
  [9, 'W'],
  [14, 'L'],
];
const WARNED = 1 << 9;

export const KERNEL_CHECKS: readonly HealthCheck[] = [
  { id: 'system.kernel-warnings', phase: 'system', isRequired: true, run: checkComplaints },
];

function checkComplaints({ world, baseline }: CheckInput): CheckOutcome {
  const hadWarned = baseline.taint.state === 'known' && (baseline.taint.value & WARNED) !== 0;
  const log = compare(baseline.complaints, mapReading(world.readKernelLog(), complaintsOf), (before, now) =>
    judgeComplaints(before, now, hadWarned),
  );
  const taint = compare(baseline.taint, world.readTaint(), judgeTaint);
  if (log.state === 'passed' && taint.state !== 'passed') return taint;
  return log.state === 'passed' ? { ...log, detail: `${log.detail}; ${taint.detail}` } : log;
}

/** What the old kernel complained of as well, as often as it may be, is none of the new one's faults. */
function judgeComplaints(before: KernelComplaints, now: KernelComplaints, hadWarned: boolean): CheckOutcome {
  const fresh = Object.keys(now.counts).filter((words) => !Object.hasOwn(before.counts, words));
  // The mark of the old kernel says that there were warnings, but which ones its log no longer knows.
  const isExcused = (words: string) => hadWarned && !before.isWhole && words.startsWith('warning');
  const blamed = fresh.filter((words) => !isExcused(words));
  if (blamed.length > 0)
    return {
      state: 'failed',
      detail: `new in the kernel log: ${blamed.join(', ')}`,
      remedy: 'Read the kernel log of the trial; name this check in trial-ignore when that may be.',
    };
  const excused = fresh.filter(isExcused);
  return {
    state: 'passed',
    detail:
      excused.length === 0
        ? 'nothing new in the kernel log'
        : `in the kernel log, and perhaps before as well, since the old log has lost its beginning: ${excused.join(', ')}`,
  };
}

function judgeTaint(before: number, now: number): CheckOutcome {
  const marks = ALARMS.filter(([bit]) => (now & ~before & (1 << bit)) !== 0).map(([, letter]) => letter);
  if (marks.length === 0) return { state: 'passed', detail: 'no new alarming taint' };
  const meanings = decodeTaint(marks.join('')).map(({ letter, meaning }) => `${letter} (${meaning})`);
  return {
    state: 'failed',
    detail: `the kernel is tainted as it was not before: ${meanings.join(', ')}`,
    remedy: 'Read the kernel log of the trial from its beginning.',
  };
}
