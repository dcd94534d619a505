/**
 * A reboot or a poweroff that somebody asks for while a trial is on: a person, or a UPS. The agent lives through it, since
 * on its own way home it watches over the services that stop. What stops then says nothing of the kernel, and where the
 * machine goes is decided. That is noted, as long as the disk is there, for who concludes the trial; nothing else is done.
 * What the agent does not see begin, asked-shutdown.ts tells.
 * @module
 */
import { valueOf } from '../machine/reading.ts';
import type { Ticket } from '../switch/ticket.ts';
import type { TrialWorld } from './world.ts';

/** A way down may take no longer than a pause of the agent. */
const LOOK_MS = 1000;
/** On a slow machine, or a busy one, asking may not keep the start from the processor. */
const PAUSE_PER_LOOK = 4;

/** One sentence. */
export const SHUTDOWN_ASKED = 'the system was asked to shut down or to restart';

/** systemd says so as soon as its shutdown.target is asked for, before anything stops; see machine/units.ts for a start. */
export async function isGoingDown({ units }: Pick<TrialWorld, 'units'>): Promise<boolean> {
  return valueOf(await units.systemState()) === 'stopping';
}

/** Resolves after `ms`, or as soon as the system goes down: then true. @param lookMs how long systemd took to answer last */
export async function sleepUnlessGoingDown(
  world: Pick<TrialWorld, 'units' | 'sleep' | 'uptimeMs'>,
  ms: number,
  lookMs: number,
): Promise<boolean> {
  const untilUpMs = world.uptimeMs() + ms;
  for (let askMs = lookMs; ; ) {
    const sliceMs = Math.max(LOOK_MS, askMs * PAUSE_PER_LOOK);
    const leftMs = untilUpMs - world.uptimeMs();
    await world.sleep(Math.min(sliceMs, leftMs));
    if (leftMs <= sliceMs) return false;
    const askedUpMs = world.uptimeMs();
    if (await isGoingDown(world)) return true;
    askMs = world.uptimeMs() - askedUpMs;
  }
}

/** The ticket of a trial that this ends: nobody left because of this kernel, as far as is known yet. */
export function withShutdownAsked(
  ticket: Ticket,
  { atMs, upMs }: { readonly atMs: number; readonly upMs: number },
): Ticket {
  const { trial } = ticket;
  if (trial === null) return ticket;
  const phase = 'returning';
  const cause = { kind: 'asked', detail: SHUTDOWN_ASKED, atMs } as const;
  return { ...ticket, trial: { ...trial, phase, phases: [...trial.phases, { phase, atMs, upMs }], cause } };
}
