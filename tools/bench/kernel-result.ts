/**
 * All methods with one kernel, each repeated. Rounds go through all methods in turn, so that an interrupted
 * or disturbed run favours none.
 * @module
 */
import { KhopError } from '../../src/error.ts';
import { type KernelLine, labKernel } from '../../src/lab/kernel-store.ts';
import { type BenchDisk, benchDisk } from './bench-disk.ts';
import { type BlackoutSample, measureBlackout } from './blackout.ts';
import type { LoadMethod } from './methods.ts';
import type { KernelResult, MethodResult } from './report.ts';
import { median, spread } from './statistics.ts';

/** What to measure. */
export interface KernelMeasurement {
  readonly line: KernelLine;
  readonly methods: readonly LoadMethod[];
  readonly repetitions: number;
  /** Told before and after each jump. */
  readonly progress: (text: string) => void;
}

/** A method that fails has an error instead of numbers, and is not tried again. */
export async function measureKernel(measurement: KernelMeasurement): Promise<KernelResult> {
  const { line, methods, repetitions, progress } = measurement;
  const disk = await benchDisk(await labKernel(line));
  const samples = new Map<string, BlackoutSample[]>(methods.map(({ id }) => [id, []]));
  const errors = new Map<string, string>();
  for (let round = 1; round <= repetitions; round++)
    for (const method of methods.filter(({ id }) => !errors.has(id))) {
      const outcome = await attempt(disk, method);
      if (typeof outcome === 'string') errors.set(method.id, outcome);
      else samples.get(method.id)?.push(outcome);
      progress(`${line} ${method.title}, ${round} of ${repetitions}: ${describe(outcome)}`);
    }
  return {
    release: disk.kernel.release,
    imageBytes: disk.imageBytes,
    initrdBytes: disk.initrdBytes,
    methods: methods.map((method) => summarize(method, samples.get(method.id) ?? [], errors.get(method.id))),
  };
}

async function attempt(disk: BenchDisk, method: LoadMethod): Promise<BlackoutSample | string> {
  try {
    return await measureBlackout(disk, method);
  } catch (cause) {
    if (cause instanceof KhopError) return cause.message.split('\n')[0] ?? cause.code;
    throw cause;
  }
}

function describe(outcome: BlackoutSample | string): string {
  return typeof outcome === 'string' ? outcome : `${(outcome.instructions / 1e9).toFixed(3)} G instructions`;
}

function summarize(
  { id, title }: LoadMethod,
  samples: readonly BlackoutSample[],
  error: string | undefined,
): MethodResult {
  // A method that failed once cannot be relied upon: what it did before is not its result.
  const counts = error === undefined ? samples.map(({ instructions }) => instructions) : [];
  return {
    id,
    title,
    samples: counts,
    median: counts.length === 0 ? undefined : median(counts),
    spread: counts.length === 0 ? undefined : spread(counts),
    load: samples[0]?.load,
    error,
  };
}
