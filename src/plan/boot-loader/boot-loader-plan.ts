/**
 * A planned change to what the boot loader starts.
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
