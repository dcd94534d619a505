/**
 * What happens to a program that cannot be.
 * @module
 */
import { KhopError } from '../../error.ts';

/** @throws E_INTERNAL always: programs are written by khop, so a wrong one is khop's error */
export function refuse(problem: string): never {
  throw new KhopError('E_INTERNAL', `static program: ${problem}`, {
    hint: 'Report this: khop wrote a program that cannot be.',
  });
}
