/**
 * How long programs take from fork to exit, and how much of a CPU.
 * @module
 */
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { KhopError } from '../../src/error.ts';

const RUNS = 20;
/** Of the times in /proc/PID/stat: USER_HZ, proc(5), the same on every Linux. */
const MS_PER_TICK = 10;

/** A program whose start is timed. */
export interface TimedProgram {
  readonly file: string;
  readonly args: readonly string[];
  /** What it prints when it works. */
  readonly expected: string;
}

/** Of one start. The CPU's time says more on a machine that does other things as well. */
export interface StartTime {
  /** Median wall time in ms. */
  readonly wallMs: number;
  /** Mean time on CPUs in ms, the kernel's work for it included. */
  readonly cpuMs: number;
}

/**
 * Starts the programs by turns, so that what else the machine does meets all of them alike.
 * @throws E_CHILD when one fails, or prints something else
 */
export function measureStarts(programs: readonly TimedProgram[]): StartTime[] {
  const wallMs = programs.map((): number[] => []);
  const cpuMs = programs.map(() => 0);
  for (let run = 0; run < RUNS; run++)
    programs.forEach((program, index) => {
      const cpuBefore = childrenCpuMs();
      const started = performance.now();
      runOnce(program);
      wallMs[index]?.push(performance.now() - started);
      cpuMs[index] = (cpuMs[index] ?? 0) + childrenCpuMs() - cpuBefore;
    });
  return programs.map((_, index) => ({
    wallMs: median(wallMs[index] ?? []),
    cpuMs: (cpuMs[index] ?? 0) / RUNS,
  }));
}

function runOnce({ file, args, expected }: TimedProgram): void {
  const { status, stdout, stderr, error } = spawnSync(file, args, { encoding: 'utf8', timeout: 30_000 });
  if (status === 0 && stdout.trim() === expected) return;
  throw new KhopError('E_CHILD', `${file} ${args.join(' ')} fails: ${error?.message ?? stdout + stderr}`, {
    hint: 'The package is not fit for use.',
  });
}

/** User and system time of all children that have ended: cutime and cstime, fields 16 and 17 of proc(5). */
function childrenCpuMs(): number {
  const [, afterName = ''] = /.*\) (.*)/s.exec(readFileSync('/proc/self/stat', 'latin1')) ?? [];
  const fields = afterName.split(' ');
  return (Number(fields[16 - 3]) + Number(fields[17 - 3])) * MS_PER_TICK;
}

function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  return ((sorted[RUNS / 2 - 1] ?? 0) + (sorted[RUNS / 2] ?? 0)) / 2;
}
