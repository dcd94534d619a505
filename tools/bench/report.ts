/**
 * What `npm run bench` found out, as it is written to a JSON file. Every section may be absent: it was not
 * asked for.
 * @module
 */
import type { ResourceUse } from './resource-use.ts';

/** One method with one kernel. */
export interface MethodResult {
  readonly id: string;
  readonly title: string;
  /** Guest instructions, one a repetition; empty: see `error`. */
  readonly samples: readonly number[];
  readonly median: number | undefined;
  /** (largest - smallest) / median. */
  readonly spread: number | undefined;
  /** Of the first repetition. */
  readonly load: ResourceUse | undefined;
  readonly error: string | undefined;
}

/** A part of a blackout, in guest instructions. */
export interface PhaseResult {
  readonly id: string;
  readonly title: string;
  readonly instructions: number;
}

/** All methods with one kernel. */
export interface KernelResult {
  readonly release: string;
  readonly imageBytes: number;
  readonly initrdBytes: number;
  readonly methods: readonly MethodResult[];
}

/** The file. */
export interface BenchReport {
  readonly khop: string;
  readonly date: string;
  readonly qemu: string;
  readonly host: string;
  readonly unit: 'guest instructions';
  /** The medians of the first kernel, by method. */
  readonly blackout: Readonly<Record<string, number>>;
  /** Why methods have no number there. */
  readonly errors: Readonly<Record<string, string>>;
  readonly kernels: Readonly<Record<string, KernelResult>>;
}
