/**
 * How long a program takes from fork to exit.
 * @module
 */
import { spawnSync } from 'node:child_process';
import { KhopError } from '../../src/error.ts';

const RUNS = 20;

/** Median wall time in ms. @throws E_CHILD when it fails, or does not print `expected` */
export function measureStart(file: string, args: readonly string[], expected = ''): number {
  const times: number[] = [];
  for (let run = 0; run < RUNS; run++) {
    const started = performance.now();
    const { status, stdout, stderr, error } = spawnSync(file, args, { encoding: 'utf8', timeout: 30_000 });
    times.push(performance.now() - started);
    if (status !== 0 || stdout.trim() !== expected)
      throw new KhopError(
        'E_CHILD',
        `${file} ${args.join(' ')} fails: ${error?.message ?? stdout + stderr}`,
        {
          hint: 'The package is not fit for use.',
        },
      );
  }
  times.sort((a, b) => a - b);
  return ((times[RUNS / 2 - 1] ?? 0) + (times[RUNS / 2] ?? 0)) / 2;
}
