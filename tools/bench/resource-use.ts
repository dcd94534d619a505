/**
 * What a command of the guest has used, as busybox's `time -v` says it.
 * @module
 */
import { KhopError } from '../../src/error.ts';

/** Of the command and everything it started and waited for. */
export interface ResourceUse {
  /** User and system time in ms; to a hundredth of a second. */
  readonly cpuMs: number;
  readonly elapsedMs: number;
  /** The largest resident set of one of its processes. */
  readonly peakKib: number;
  /** The most that was charged to its control group: without pages of files that others have read, too. */
  readonly chargedKib?: number | undefined;
}

/** @param report what `busybox time -v -o FILE` wrote to FILE. @throws E_FORMAT */
export function parseResourceUse(report: string): ResourceUse {
  const field = (name: string, pattern: RegExp): RegExpExecArray => {
    const found = pattern.exec(report);
    if (found !== null) return found;
    throw new KhopError('E_FORMAT', `busybox time says no ${name}: ${report.trim().slice(0, 200)}`, {
      hint: 'The command could not be started, or this busybox was built without the applet time.',
    });
  };
  const seconds = (name: string): number =>
    Number(field(name, new RegExp(`${name} time \\(seconds\\): ([\\d.]+)`))[1]);
  const clock = field('elapsed time', /Elapsed .*: (?:(\d+)h )?(\d+)m ([\d.]+)s$/m);
  const [hours = 0, minutes = 0, rest = 0] = clock.slice(1).map((text) => Number(text ?? 0));
  const peak = Number(field('peak memory', /Maximum resident set size \(kbytes\): (\d+)/)[1]);
  const pageSize = Number(field('page size', /Page size \(bytes\): (\d+)/)[1]);
  return {
    cpuMs: Math.round((seconds('User') + seconds('System')) * 1000),
    elapsedMs: Math.round(((hours * 60 + minutes) * 60 + rest) * 1000),
    // busybox takes ru_maxrss for pages; it is KiB.
    peakKib: peak / (pageSize / 1024),
  };
}
