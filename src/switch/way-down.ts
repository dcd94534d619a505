/**
 * A switch that is on its way down. Services stop after khop has let go of its lock, and what is loaded then is what the
 * jump at the end will start.
 * @module
 */
import { KhopError } from '../error.ts';
import { valueOf } from '../machine/reading.ts';
import type { UnitCalls } from '../machine/units.ts';
import { ticketPath } from './state-paths.ts';
import { decodeTicket, type Ticket } from './ticket.ts';
import type { SwitchWorld } from './world.ts';

/**
 * For commands that change what is loaded; scripts of the shutdown itself load with `kexec -l`.
 * @param what is not done, e.g. `nothing was loaded`
 * @throws E_STATE
 */
export async function refuseBesideSwitch(
  world: SwitchWorld,
  units: Pick<UnitCalls, 'systemState'>,
  what: string,
): Promise<void> {
  const ticket = leavingTicket(world);
  if (ticket === undefined) return;
  // systemd can be told to stop stopping, and khop is not told of that.
  const state = ticket.shutdown === 'systemd' ? valueOf(await units.systemState()) : undefined;
  if (state !== undefined && state !== 'stopping') return;
  throw new KhopError(
    'E_STATE',
    `this system is on its way down to ${ticket.toTitle}, which has to stay loaded: ${what}`,
    { hint: 'Let it: after its next start, `khop history` says how that ended. Then try again.' },
  );
}

/** The ticket of a switch whose way down has begun in this boot. */
function leavingTicket(world: SwitchWorld): Ticket | undefined {
  const path = ticketPath(world.folders);
  const text = world.files.read(path);
  if (text === undefined) return undefined;
  try {
    const ticket = decodeTicket(text, path);
    const bootId = valueOf(world.readMachine().bootId);
    const isOfThisBoot = bootId === undefined || bootId === ticket.fromBootId;
    return isOfThisBoot && ticket.step === 'leaving' ? ticket : undefined;
  } catch (error) {
    if (!(error instanceof KhopError)) throw error;
    return undefined;
  }
}
