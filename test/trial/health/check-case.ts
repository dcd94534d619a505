/**
 * What a check says of a machine that was healthy before the jump, and is now as described.
 * @module
 */
import type { CheckOutcome } from '../../../src/trial/health/check.ts';
import type { HealthSettings } from '../../../src/trial/health/settings.ts';
import type { HealthWorld } from '../../../src/trial/health/world.ts';
import { unreadable } from '../../support/machine-facts.ts';

export interface CheckCase {
  readonly id: string;
  readonly state: CheckOutcome['state'];
  readonly situation: string;
  readonly now: Partial<HealthWorld>;
  readonly before?: Partial<HealthWorld>;
  readonly settings?: Partial<HealthSettings>;
  /** Of the detail. */
  readonly says: RegExp;
}

/** A reading of what the machine does not give. */
export const GONE = unreadable('/proc/x', 'EIO');
