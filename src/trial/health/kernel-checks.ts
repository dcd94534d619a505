/**
 * Whether the new kernel complains of what the old one did not.
 * @module
 */
import { decodeTaint } from '../../formats/taint.ts';
import { mapReading } from '../../machine/source.ts';
import { type CheckInput, type CheckOutcome, compare, type HealthCheck } from './check.ts';
import { complaintsOf, isSameComplaint, type KernelComplaints, namesIn } from './kernel-complaints.ts';
import { matchesAny } from './name-pattern.ts';

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
/** What kind of complaint leaves which of them. */
const MARKS: Readonly<Record<string, number>> = {
  warning: WARNED,
  'machine-check': 1 << 4,
  bug: 1 << 5,
  'soft-lockup': 1 << 14,
};

export const KERNEL_CHECKS: readonly HealthCheck[] = [
  { id: 'system.kernel-warnings', phase: 'system', isRequired: true, run: checkComplaints },
];

function checkComplaints({ world, baseline, settings }: CheckInput): CheckOutcome {
  const hadWarned = baseline.taint.state === 'known' && (baseline.taint.value & WARNED) !== 0;
  let ignored: readonly string[] = [];
  const log = compare(baseline.complaints, mapReading(world.readKernelLog(), complaintsOf), (before, now) => {
    ignored = Object.keys(now.counts).filter((words) =>
      namesIn(words).some((name) => matchesAny(name, settings.ignoredWarnings)),
    );
    return judgeComplaints(before, now, { hadWarned, ignored });
  });
  const excused = ignored.reduce((mask, words) => mask | (MARKS[namesIn(words)[0] ?? ''] ?? 0), 0);
  const taint = compare(baseline.taint, world.readTaint(), (before, now) =>
    judgeTaint(before | excused, now),
  );
  if (log.state === 'passed' && taint.state !== 'passed') return taint;
  return log.state === 'passed' ? { ...log, detail: `${log.detail}; ${taint.detail}` } : log;
}

/** What the old kernel complained of as well, as often as it may be, is none of the new one's faults. */
function judgeComplaints(
  before: KernelComplaints,
  now: KernelComplaints,
  { hadWarned, ignored }: { readonly hadWarned: boolean; readonly ignored: readonly string[] },
): CheckOutcome {
  const known = Object.keys(before.counts);
  const fresh = Object.keys(now.counts).filter(
    (words) => !ignored.includes(words) && !known.some((each) => isSameComplaint(each, words)),
  );
  // The mark of the old kernel says that there were warnings, but which ones its log no longer knows.
  const isExcused = (words: string) => hadWarned && !before.isWhole && words.startsWith('warning');
  const blamed = fresh.filter((words) => !isExcused(words));
  if (blamed.length > 0)
    return {
      state: 'failed',
      detail: `new in the kernel log: ${blamed.join(', ')}`,
      remedy:
        'Read the kernel log of the trial; name the function in trial-ignore-warnings when that may be.',
    };
  const excused = fresh.filter(isExcused);
  const ignoring = ignored.length === 0 ? '' : `; ignored: ${ignored.join(', ')}`;
  return {
    state: 'passed',
    detail:
      excused.length === 0
        ? `nothing new in the kernel log${ignoring}`
        : `in the kernel log, and perhaps before as well, since the old log has lost its beginning: ${excused.join(', ')}${ignoring}`,
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
