/**
 * All methods with one kernel, each repeated. Rounds go through all methods in turn, so that an interrupted
 * or disturbed run favours none.
 * @module
 */
import { KhopError } from '../../src/error.ts';
import type { LabKernel } from '../../src/lab/kernel-store.ts';
import { type BenchDisk, benchDisk } from './bench-disk.ts';
import { measureBlackout } from './blackout.ts';
import { type FirmwareWay, measureFirmware } from './firmware.ts';
import type { LoadMethod } from './methods.ts';
import { measurePhases } from './phases.ts';
import type { KernelResult, MethodResult, PhaseResult } from './report.ts';
import type { ResourceUse } from './resource-use.ts';
import { median, spread } from './statistics.ts';

/** What to measure with one kernel. */
export interface KernelMeasurement {
  readonly kernel: LabKernel;
  readonly methods: readonly LoadMethod[];
  readonly firmware: readonly FirmwareWay[];
  readonly phasesOf: readonly LoadMethod[];
  readonly repetitions: number;
  /** Told what was found out, line by line. */
  readonly progress: (text: string) => void;
}

/** Measures in turn what is asked for. A method that fails has an error instead of numbers. */
export async function measureKernel(measurement: KernelMeasurement): Promise<KernelResult> {
  const { kernel, firmware, phasesOf, progress } = measurement;
  const disk = await benchDisk(kernel);
  const methods = await measureMethods(disk, measurement);
  for (const way of firmware) methods.push(await measureReboot(way, measurement));
  const phases: Record<string, readonly PhaseResult[]> = {};
  for (const method of phasesOf) {
    const found = await attempt(() => measurePhases(disk, method));
    if (typeof found !== 'string') phases[method.id] = found;
    progress(`${kernel.line} phases of ${method.title}: ${typeof found === 'string' ? found : 'done'}`);
  }
  return {
    release: kernel.release,
    imageBytes: disk.imageBytes,
    initrdBytes: disk.initrdBytes,
    methods,
    phases,
  };
}

async function measureMethods(disk: BenchDisk, measurement: KernelMeasurement): Promise<MethodResult[]> {
  const { kernel, methods, repetitions, progress } = measurement;
  const rows = new Map(methods.map((method) => [method, emptyRow()]));
  for (let round = 1; round <= repetitions; round++)
    for (const [method, row] of rows) {
      if (row.error !== undefined) continue;
      const found = await attempt(() => measureBlackout(disk, method));
      if (typeof found === 'string') row.error = found;
      else {
        row.samples.push(found.instructions);
        row.load ??= found.load;
      }
      const what = typeof found === 'string' ? found : renderGiga(found.instructions);
      progress(`${kernel.line} ${method.title}, ${round} of ${repetitions}: ${what}`);
    }
  return [...rows].map(([{ id, title }, row]) => summarize({ id, title }, row));
}

async function measureReboot(
  way: FirmwareWay,
  { kernel, repetitions, progress }: KernelMeasurement,
): Promise<MethodResult> {
  const { id, title } = way;
  const found = await attempt(() => measureFirmware(kernel, way, repetitions));
  progress(
    `${kernel.line} ${title}: ${typeof found === 'string' ? found : found.map(renderGiga).join(', ')}`,
  );
  if (typeof found === 'string') return summarize({ id, title }, { ...emptyRow(), error: found });
  return summarize({ id, title }, { ...emptyRow(), samples: found });
}

interface Row {
  samples: number[];
  load: ResourceUse | undefined;
  error: string | undefined;
}

function emptyRow(): Row {
  return { samples: [], load: undefined, error: undefined };
}

function summarize(name: { readonly id: string; readonly title: string }, row: Row): MethodResult {
  // A method that failed once cannot be relied upon: what it did before is not its result.
  if (row.error !== undefined) return { ...name, samples: [], error: row.error };
  if (row.samples.length === 0) return { ...name, samples: [], error: 'it was not measured' };
  return { ...name, ...row, median: median(row.samples), spread: spread(row.samples) };
}

/** What `work` finds out, or why it cannot. */
async function attempt<T>(work: () => Promise<T>): Promise<T | string> {
  try {
    return await work();
  } catch (cause) {
    if (cause instanceof KhopError) return cause.message.split('\n')[0] ?? cause.code;
    throw cause;
  }
}

function renderGiga(instructions: number): string {
  return `${(instructions / 1e9).toFixed(3)} G instructions`;
}
