/**
 * A planned change to what the boot loader starts, and what can be asked for.
 * @module
 */
import type { BootLoaderStep } from '../../machine/boot-loader/boot-loader-step.ts';

/** What would be changed. */
export interface BootLoaderPlan {
  /** None: it is already so. */
  readonly steps: readonly BootLoaderStep[];
  /** Sentences about what the change does not reach. */
  readonly notes: readonly string[];
}

/** A parameter of every kernel that the boot loader starts, those that are installed later, too. */
export interface PermanentParameter {
  readonly name: string;
  /** Undefined takes the parameter away. */
  readonly value: string | undefined;
}
