/**
 * What is said of a proposal, whatever becomes of it.
 * @module
 */
import type { Proposal } from '../../switch/proposal.ts';

/** For JSON: what the text of every command that has a proposal says as well. */
export function proposalFacts({ verdict, findings, optimisations, estimate }: Proposal) {
  return { verdict, findings, optimisations: optimisations ?? [], estimate: estimate ?? null };
}
