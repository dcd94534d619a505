/**
 * The tables that a person sees at the end.
 * @module
 */
import { renderMilliseconds } from '../../src/cli/render/quantity.ts';
import type { KernelResult, MethodResult } from './report.ts';

/** `13.31 G`, `845 M`. */
export function renderCount(count: number): string {
  return count < 1e9 ? `${Math.round(count / 1e6)} M` : `${(count / 1e9).toFixed(2)} G`;
}

/** Rows of a table, the header first. Times of the load step are the guest's: a nanosecond an instruction. */
export function describeKernel(result: KernelResult): string[][] {
  const shortest = Math.min(...result.methods.flatMap(({ median }) => median ?? []));
  return [
    ['METHOD', 'BLACKOUT', 'SPREAD', 'RATIO', 'LOAD, CPU', 'LOAD, PEAK MEMORY'],
    ...result.methods.map((method) => describeMethod(method, shortest)),
  ];
}

function describeMethod({ title, median, spread, load, error }: MethodResult, shortest: number): string[] {
  if (median === undefined) return [title, `failed: ${error}`];
  return [
    title,
    renderCount(median),
    `${((spread ?? 0) * 100).toFixed(2)} %`,
    (median / shortest).toFixed(2),
    load === undefined ? '' : renderMilliseconds(load.cpuMs),
    load === undefined ? '' : `${Math.round(load.peakKib / 1024)} MiB`,
  ];
}
