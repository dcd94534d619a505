/**
 * What says why the machine was reset, once it can be asked: a watchdog's status is in its hardware, and only its driver reads
 * it. Distributions keep such drivers from being loaded by themselves (blacklist in modprobe.d), and elsewhere udev may not have
 * come to it so early in a boot. A reset that no watchdog owns up to is not held against the kernel that hung, and it would be
 * tried again unasked.
 * @module
 */
import { KhopError } from '../error.ts';
import type { MachineFacts } from '../machine/facts.ts';
import { valueOf } from '../machine/reading.ts';
import { findWatchdogDriver } from '../plan/trial/watchdog-drivers.ts';
import type { SwitchWorld } from '../switch/world.ts';
import type { ResetEvidence } from './conclude-trial.ts';
import { readTrialPlace } from './read-trial.ts';
import { homeIdOn } from './trial-kernel.ts';

/** How it is asked. */
export interface EvidenceCalls {
  readonly read: () => ResetEvidence;
  /** @param name of a module @throws E_CHILD, E_TIMEOUT */
  readonly loadModule: (name: string) => Promise<void>;
  readonly wait: (ms: number) => Promise<void>;
}

/** A driver may look for its device after its module is in. */
const WAIT_MS = 3000;
const PAUSE_MS = 250;

/** To be asked before the ticket is concluded. Where the driver cannot be loaded, what there is without it. */
export async function gatherResetEvidence(
  world: SwitchWorld,
  machine: MachineFacts,
  { read, loadModule, wait }: EvidenceCalls,
): Promise<ResetEvidence> {
  const driver = watchdogOfTrial(world, machine);
  if (driver === undefined || hasDevice(machine, driver)) return read();
  try {
    await loadModule(driver);
  } catch (error) {
    if (!(error instanceof KhopError)) throw error;
    world.remark(
      `Whether the watchdog of the trial (${driver}) has reset this machine cannot be asked: ${error.message}`,
    );
    return read();
  }
  for (let waitedMs = 0; waitedMs < WAIT_MS; waitedMs += PAUSE_MS) {
    if (hasDevice(world.readMachine(), driver)) break;
    await wait(PAUSE_MS);
  }
  return read();
}

/** Undefined where it would not be believed: without a trial that ended unexplained, and behind a kexec. */
function watchdogOfTrial(world: SwitchWorld, machine: MachineFacts): string | undefined {
  const found = readTrialPlace(world, machine);
  if (found.place !== 'home' || homeIdOn(valueOf(machine.commandLine) ?? '') !== undefined) return undefined;
  const { phase, cause, watchdog } = found.ticket.trial;
  return phase === 'confirmed' || cause !== null ? undefined : (watchdog ?? undefined);
}

/** @param driver as `planWatchdog` calls it */
function hasDevice(machine: MachineFacts, driver: string): boolean {
  return (valueOf(machine.watchdogs) ?? []).some((facts) =>
    [findWatchdogDriver(facts)?.module, facts.module, facts.identity, facts.name].includes(driver),
  );
}
