/**
 * The plan that `khop plan --diff` compares with.
 * @module
 */
import { KhopError } from '../error.ts';
import { planToJson } from '../plan/plan-json.ts';
import { type ProposalOptions, planOf, propose } from './proposal.ts';
import type { SwitchWorld } from './world.ts';

/** A saved plan when `text` names a .json file, else the plan of that kernel with the same options. */
export function readOtherPlan(world: SwitchWorld, text: string, options: ProposalOptions): unknown {
  if (!text.endsWith('.json')) return planToJson(planOf(propose(world, text, options)));
  const saved = world.files.read(text);
  if (saved === undefined)
    throw new KhopError('E_NOT_FOUND', `${text} does not exist`, {
      hint: 'Save one: khop plan KERNEL --json > FILE',
    });
  try {
    const plan: unknown = JSON.parse(saved);
    return typeof plan === 'object' && plan !== null ? withoutRemarks(plan) : plan;
  } catch (cause) {
    throw new KhopError('E_STATE', `${text} is not JSON`, {
      hint: 'Save it again: khop plan KERNEL --json',
      cause,
    });
  }
}

/** What became of the optimisations is printed beside the plan, and is no part of what is loaded. */
function withoutRemarks(saved: object): unknown {
  return Object.fromEntries(Object.entries(saved).filter(([key]) => key !== 'optimisations'));
}
