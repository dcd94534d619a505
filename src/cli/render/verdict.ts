/**
 * What a preflight means for the person who asked.
 * @module
 */
import type { Proposal } from '../../switch/proposal.ts';
import type { CliContext } from '../context.ts';
import { describeWayUp } from './arrival.ts';
import { renderMilliseconds } from './quantity.ts';

/** One line: what a switch will cost, from this machine's own past where there is one. */
export function describeEstimate({ estimate }: Pick<Proposal, 'estimate'>): string {
  if (estimate === undefined)
    return 'Cost: not known on this machine yet; `khop history` will know after the first switch.';
  const { loadMs, downMs, upMs, wayUp, samples } = estimate;
  const phases =
    `Cost: about ${renderMilliseconds(loadMs)} to load, ${renderMilliseconds(downMs)} down and in between, ` +
    `${renderMilliseconds(upMs)} up again (from ${samples} switch${samples === 1 ? '' : 'es'} here).`;
  const points = wayUp === null ? '' : describeWayUp(wayUp);
  if (wayUp === null || points === '') return phases;
  const basis = wayUp.samples === samples ? '' : ` (from ${wayUp.samples} of them)`;
  return `${phases} Way up, from the start of the kernel: ${points}${basis}.`;
}

/** One or two lines: the verdict and the next command. */
export function describeVerdict(proposal: Proposal, context: Pick<CliContext, 'style'>): string {
  const { verdict, kernel, plan } = proposal;
  if (verdict === 'refuse')
    return `${context.style('red', 'Do not switch:')} mend what refuses above, or accept it by name where that is offered.`;
  const by = plan === undefined ? '' : ` by ${plan.method === 'file' ? 'kexec_file_load' : 'kexec_load'}`;
  const word = verdict === 'go' ? context.style('green', 'Good to go') : context.style('yellow', 'Can go');
  const but = verdict === 'go' ? '' : ', with the warnings above';
  return `${word}${by}${but}.\nNext: khop switch ${kernel.id}`;
}
