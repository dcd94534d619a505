/**
 * The switch: load, write the ticket, take the system down, jump. Its order is its safety: nothing is stopped
 * before the image is in the kernel, and the ticket is on disk before anything is stopped.
 * @module
 */
import { KhopError } from '../error.ts';
import type { MachineFacts } from '../machine/facts.ts';
import { valueOf } from '../machine/reading.ts';
import type { LoadPlan } from '../plan/load-plan.ts';
import { misplacedParts } from '../plan/machine-memory.ts';
import type { FileIdentity } from '../prepare/prepared-record.ts';
import { abandonSwitch } from './arrive.ts';
import { loadPlan, unload } from './load.ts';
import { forgetLoad } from './load-end.ts';
import type { LoadedRecord } from './loaded-record.ts';
import { ticketPath } from './state-paths.ts';
import { encodeTicket, TICKET_VERSION, type Ticket, type TicketTrial } from './ticket.ts';
import type { SwitchWorld } from './world.ts';

/** Who takes the system down. */
export type ShutdownWay = Ticket['shutdown'];

/** What to do with a plan that was agreed to. */
export interface SwitchOrder {
  readonly plan: LoadPlan;
  /** What it was made from, as it was before it was read. */
  readonly sources: readonly FileIdentity[];
  /** Names of the optimisations in it, for the record. */
  readonly optimisations: readonly string[];
  /** The id on the plan's command line, see `tokenArgument`. */
  readonly id: string;
  readonly way: ShutdownWay;
  /** What makes it a trial; see trial/start-trial.ts. */
  readonly trial?: OrderedTrial | undefined;
}

/** A trial, and what it needs done around the jump. */
export interface OrderedTrial {
  readonly ticket: TicketTrial;
  /** Called when the ticket is on disk, before anything is stopped. */
  readonly prepareJump: () => Promise<void>;
  /** Called when the way down failed. */
  readonly undoPreparation: () => Promise<void>;
}

/** A fresh ticket id. */
export function newSwitchId(world: SwitchWorld): string {
  return Buffer.from(world.entropy(8)).toString('hex');
}

/**
 * Returns only through the service manager (which goes on by itself), or by throwing.
 *
 * @throws E_REFUSED when memory or a file has changed since the plan was made; E_SYSCALL when loading fails: no service was
 *   touched. When the way down fails, or somebody interrupts before it: what was loaded is unloaded again, the history
 *   says `abandoned`, and the error of the way down is thrown
 */
export async function switchKernel(world: SwitchWorld, order: SwitchOrder): Promise<LoadedRecord> {
  const machine = world.readMachine();
  const requestedAtMs = world.nowMs();
  refuseOutdated(order.plan, machine);
  const { plan, sources, optimisations } = order;
  const by = 'khop switch';
  const record = await loadPlan(world, plan, { by, optimisations, sources, hasTicket: true });
  await leaveFor(world, machine, record, { ...order, requestedAtMs });
  return record;
}

/** Somebody may have thought about the answer for hours. @throws E_REFUSED */
function refuseOutdated(plan: LoadPlan, machine: MachineFacts): void {
  if (plan.method === 'file' || plan.slot === 'crash') return;
  const [misplaced] = misplacedParts(plan, machine);
  if (misplaced === undefined) return;
  const where = `0x${misplaced.range.start.toString(16)}`;
  throw new KhopError(
    'E_REFUSED',
    `this machine’s memory has changed since the plan was made: ${misplaced.name} at ${where} would lie in memory that is gone or reserved; nothing was loaded`,
    { hint: 'Run the command again: it plans with the memory as it is now.' },
  );
}

/** Until the way down begins, Ctrl-C still ends it. @throws E_REFUSED */
function heedInterrupt({ signal }: SwitchWorld): void {
  if (!signal.aborted) return;
  throw new KhopError('E_REFUSED', 'interrupted before anything was stopped; the kernel is unloaded again', {
    hint: 'Run the command again when it is time.',
  });
}

/** Writes the ticket for what is loaded, and takes the system down. Throws like `switchKernel`. */
export async function leaveFor(
  world: SwitchWorld,
  machine: MachineFacts,
  record: LoadedRecord,
  order: Pick<SwitchOrder, 'id' | 'way' | 'trial'> & { readonly requestedAtMs: number },
): Promise<void> {
  const ticket: Ticket = {
    version: TICKET_VERSION,
    id: order.id,
    step: 'loaded',
    fromBootId: valueOf(machine.bootId) ?? '',
    fromRelease: valueOf(machine.release) ?? 'unknown',
    toRelease: record.release,
    toTitle: record.title,
    image: record.image,
    method: record.method,
    optimisations: record.optimisations,
    commandLine: record.commandLine,
    requestedAtMs: order.requestedAtMs,
    loadedAtMs: order.requestedAtMs + record.loadMs,
    leftAtMs: null,
    shutdown: order.way,
    trial: order.trial?.ticket ?? null,
  };
  const path = ticketPath(world.folders);
  try {
    await world.shutdown.syncAhead();
    heedInterrupt(world);
    world.files.write(path, encodeTicket(ticket));
    forgetLoad(world);
    await order.trial?.prepareJump();
    heedInterrupt(world);
    world.files.write(path, encodeTicket({ ...ticket, step: 'leaving', leftAtMs: world.nowMs() }));
    world.shutdown.sayLeaving();
    await leave(world, order.way);
  } catch (error) {
    await giveUp(world, ticket, order.trial);
    throw error;
  }
}

function leave(world: SwitchWorld, way: ShutdownWay): Promise<void> {
  if (way === 'systemd') return world.shutdown.throughServiceManager();
  if (way === 'own') return world.shutdown.byOurselves({ stopTimeoutMs: world.configuration.stopTimeoutMs });
  return world.shutdown.now();
}

/** Puts back what can be; the error that led here is the one that counts, so failures here are remarks. */
async function giveUp(world: SwitchWorld, ticket: Ticket, trial: OrderedTrial | undefined): Promise<void> {
  for (const step of [
    async () => unload(world, 'normal'),
    async () => await trial?.undoPreparation(),
    async () => abandonSwitch(world, ticket),
  ]) {
    try {
      await step();
    } catch (error) {
      world.remark(`while giving up: ${(error as Error).message}`);
    }
  }
}
