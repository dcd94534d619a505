/**
 * Asking before something that a person may not want.
 * @module
 */
import { KhopError } from '../error.ts';
import type { CliContext } from './context.ts';

/**
 * @param why what it is about, for who cannot be asked
 * @throws E_USAGE when nobody can be asked, E_REFUSED when a person says no
 */
export async function agreeTo(
  context: Pick<CliContext, 'canAsk' | 'ask'>,
  { yes }: { readonly yes?: boolean },
  question: string,
  why: string,
): Promise<void> {
  if (yes === true) return;
  if (!context.canAsk)
    throw new KhopError('E_USAGE', `${why}, and nobody is there to be asked`, {
      hint: 'Say --yes to do it without asking.',
    });
  if (await context.ask(question)) return;
  throw new KhopError('E_REFUSED', 'you did not say yes; nothing was changed', {
    hint: 'Run it again with --yes, or answer y.',
  });
}
