/**
 * What `khop load` loads: a kernel for a switch that comes later.
 * @module
 */
import { type Proposal, type ProposalOptions, propose } from './proposal.ts';
import { newSwitchId } from './switch-kernel.ts';
import type { SwitchWorld } from './world.ts';

/**
 * The id that `jumpToLoaded` takes for its ticket is on the command line from now on. A panic kernel is the end of no
 * switch and has none. Throws like `propose`.
 */
export function proposeLoad(world: SwitchWorld, selector: string, options: ProposalOptions): Proposal {
  return propose(
    world,
    selector,
    options.panic === true ? options : { ...options, switchId: newSwitchId(world) },
  );
}
