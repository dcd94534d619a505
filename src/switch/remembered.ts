/**
 * What plans that are made one after the other, for a machine that stays as it is meanwhile, read only once.
 * @module
 */
import type { SharedMove } from '../formats/unpacked-kernel.ts';
import type { Catalogue } from '../kernels/catalogue.ts';
import type { VerifiedFiles } from '../prepare/prepared-store.ts';

/** See the module. What is not there yet, the first who needs it puts there. */
export interface Remembered {
  /** Of the cache of prepared kernels. */
  readonly verified: VerifiedFiles;
  /**
   * Kernels that are kept together, a folder of that cache each: one image for all of them, so at one virtual address.
   * Undefined for plans that draw their own.
   */
  readonly moves: Map<string, SharedMove> | undefined;
  readonly kernels: { catalogue: Catalogue | undefined };
}

/** Nothing yet. */
export function nothingRemembered(): Remembered {
  return { verified: new Set(), moves: undefined, kernels: { catalogue: undefined } };
}
