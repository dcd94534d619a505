/**
 * The way home of a panic kernel: an ordinary plan, kept at the end of the reservation.
 * @module
 */
import { KhopError } from '../error.ts';
import { alignDown } from '../formats/range.ts';
import type { MachineFacts } from '../machine/facts.ts';
import type { WayHome } from './arch/architecture.ts';
import { PLANNERS } from './arch/planners.ts';
import type { LoadPlan } from './load-plan.ts';
import { requireCrashReservation } from './machine-memory.ts';

const PAGE = 4096n;

/**
 * @param plan of the known-good kernel, for the normal slot of this machine
 * @param roomBytes what it may take of the reservation
 * @throws E_UNREADABLE when the processor is not known, E_UNSUPPORTED where only the firmware leads home, E_PLAN when it takes more
 */
export function planHome(plan: LoadPlan, machine: MachineFacts, roomBytes: bigint): WayHome {
  const { keepHome } = PLANNERS[plan.architecture];
  if (keepHome === undefined || plan.method !== 'segments')
    throw new KhopError('E_UNSUPPORTED', whyNot(plan), {
      hint: 'The guard works without: the way home then leads through the firmware.',
    });
  const { main } = requireCrashReservation(machine);
  const size = keepHome.size(plan, machine);
  if (size > roomBytes)
    throw new KhopError(
      'E_PLAN',
      `the way home takes ${mib(size)} MiB of the reservation, and ${roomBytes >> 20n} MiB are left`,
      { hint: 'Reserve more with `khop guard on --memory SIZE`.' },
    );
  const start = alignDown(main.end - size, PAGE);
  return keepHome.plan(plan, { start, end: start + size }, machine);
}

function whyNot({ architecture, method, reason }: LoadPlan): string {
  return method === 'segments'
    ? `on ${architecture}, khop cannot go home from a panic kernel without the firmware`
    : `the known-good kernel can only be loaded by kexec_file_load, which a panic kernel cannot use for it: ${reason}`;
}

/** Rounded up. */
function mib(bytes: bigint): bigint {
  return (bytes + 0xf_ffffn) >> 20n;
}
