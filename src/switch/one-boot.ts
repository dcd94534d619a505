/**
 * Command lines without what khop added to them for one boot.
 * @module
 */
import { withoutArguments, withoutToldByKhop } from '../plan/command-line.ts';
import { withoutAddedParameters } from './added-parameters.ts';
import { TOKEN_PARAMETER } from './arrive.ts';

/**
 * Of a kernel that runs, or ran: what it was told by khop is not true of the next one, and would keep it from starting, since the
 * first program of a trial is in no initramfs but that trial's.
 */
export function withoutOneBoot(line: string): string {
  return withoutArguments(withoutToldByKhop(withoutAddedParameters(line)), [TOKEN_PARAMETER]);
}
