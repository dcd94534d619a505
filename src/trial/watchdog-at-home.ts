/**
 * The watchdog of a trial, in the kernel that the machine came home to, or switched to afterwards. One that was locked for the
 * jump goes on counting when a kernel is reached by kexec, its driver sets it anew as it is loaded, and nobody pets it there:
 * half a minute later it would reset a good kernel. Why it is locked: docs/decisions/watchdog-over-jump.md.
 * @module
 */
import { KhopError } from '../error.ts';
import type { MachineFacts, WatchdogFacts } from '../machine/facts.ts';
import { valueOf } from '../machine/reading.ts';
import { runtimeWatchdogSeconds } from '../plan/trial/plan-watchdog.ts';
import { findWatchdogDriver, type WatchdogDriver } from '../plan/trial/watchdog-drivers.ts';
import { findLocked } from '../switch/locked-watchdog.ts';
import type { SwitchWorld } from '../switch/world.ts';
import { readTrialPlace } from './read-trial.ts';
import type { TrialWorld, WatchdogInHand } from './world.ts';

/** What became of it. */
export type WatchdogAtHome =
  /** None counts that nobody pets. */
  | { readonly state: 'none' }
  | { readonly state: 'stopped' | 'service-manager'; readonly device: string }
  /** Somebody has to pet it. */
  | { readonly state: 'unpetted'; readonly reason: string };

/** What this needs of the world. */
export interface HomeWorld
  extends Pick<TrialWorld, 'readMachine' | 'guardian' | 'watchdog' | 'readPciByte' | 'sleep'> {
  /** @throws E_CHILD, E_TIMEOUT */
  readonly loadModule: (name: string) => Promise<void>;
}

/** For its device, and for the service manager's bus: early in a boot neither may be there. */
const WAIT_MS = 10_000;
const PAUSE_MS = 500;
/** Of drivers that do not tell theirs. */
const USUAL_SECONDS = 30;

/**
 * Whether the trial that is over may have left one, to be asked before its ticket is gone; or a trial long before, since one
 * that is locked counts on behind every further switch.
 */
export function mayHaveWatchdog(world: SwitchWorld, machine: MachineFacts): boolean {
  const found = readTrialPlace(world, machine);
  switch (found.place) {
    case 'unreadable':
      return !found.isOnTrial;
    case 'on-trial':
    case 'leaving':
      return false;
    case 'home':
      return found.ticket.trial.watchdog !== null || findLocked(world, machine) !== undefined;
    case 'none':
      return findLocked(world, machine) !== undefined;
  }
}

/** Does nothing where no watchdog counts, or where somebody has it. Never throws for a watchdog. */
export async function seeToWatchdog(world: HomeWorld): Promise<WatchdogAtHome> {
  try {
    // In a kernel that was confirmed it has it, though it had opened the device where that was not yet /dev.
    if (world.guardian.find().state === 'read') return { state: 'none' };
    const machine = world.readMachine();
    const locked = findLocked(world, machine);
    if (locked !== undefined) return await keepLocked(world, locked);
    const counting = (valueOf(machine.watchdogs) ?? []).find((facts) => isCountingAlone(world, facts));
    return counting === undefined ? { state: 'none' } : await putToRest(world, machine, counting);
  } catch (error) {
    if (!(error instanceof KhopError)) throw error;
    return { state: 'unpetted', reason: error.message };
  }
}

/** It cannot be stopped, and nobody tries to: its driver would say that it did. */
async function keepLocked(world: HomeWorld, row: WatchdogDriver): Promise<WatchdogAtHome> {
  // Where nothing loads its driver by itself, it resets the machine all the same.
  if (deviceOf(world.readMachine(), row) === undefined) await world.loadModule(row.module);
  for (let waitedMs = 0; ; waitedMs += PAUSE_MS) {
    const outcome = await giveAway(world, row);
    if (outcome.state !== 'not-yet') return outcome;
    if (waitedMs >= WAIT_MS) return { state: 'unpetted', reason: outcome.reason };
    await world.sleep(PAUSE_MS);
  }
}

async function giveAway(
  world: HomeWorld,
  row: WatchdogDriver,
): Promise<WatchdogAtHome | { readonly state: 'not-yet'; readonly reason: string }> {
  const machine = world.readMachine();
  const facts = deviceOf(machine, row);
  if (facts === undefined)
    return {
      state: 'not-yet',
      reason: `${row.module} counts, and its driver has made no device to pet it by`,
    };
  const device = `/dev/${facts.name}`;
  if (facts.isHeldByInit === true) return { state: 'service-manager', device };
  if (world.watchdog.findHolder(facts.name) !== undefined) return { state: 'none' };
  // What it has is for the start of this kernel.
  const timeoutSeconds = Math.min(facts.timeoutSeconds ?? USUAL_SECONDS, USUAL_SECONDS);
  const counts = `${device} (${row.module}) counts and cannot be stopped before the next reset`;
  if (valueOf(machine.serviceManager) !== 'systemd')
    return { state: 'unpetted', reason: `${counts}; ${petWithin(timeoutSeconds)}` };
  const problem = await handOver(
    world,
    { device, timeoutSeconds },
    runtimeWatchdogSeconds(machine, timeoutSeconds),
  );
  return problem === undefined
    ? { state: 'service-manager', device }
    : { state: 'not-yet', reason: `${counts}: ${problem}` };
}

/** @returns why it is not taken */
async function handOver(
  world: HomeWorld,
  watchdog: WatchdogInHand,
  configuredSeconds: number,
): Promise<string | undefined> {
  try {
    await world.watchdog.handToServiceManager(watchdog, configuredSeconds || watchdog.timeoutSeconds);
    return undefined;
  } catch (error) {
    if (!(error instanceof KhopError)) throw error;
    return error.message;
  }
}

function deviceOf(machine: MachineFacts, row: WatchdogDriver): WatchdogFacts | undefined {
  return (valueOf(machine.watchdogs) ?? []).find((facts) => findWatchdogDriver(facts) === row);
}

/** One that is active was opened in this boot; where nobody has it now, it runs out. */
function isCountingAlone(world: HomeWorld, { name, state, isHeldByInit }: WatchdogFacts): boolean {
  return state === 'active' && isHeldByInit !== true && world.watchdog.findHolder(name) === undefined;
}

async function putToRest(
  world: HomeWorld,
  machine: MachineFacts,
  facts: WatchdogFacts,
): Promise<WatchdogAtHome> {
  const device = `/dev/${facts.name}`;
  const watchdog = { device, timeoutSeconds: facts.timeoutSeconds ?? USUAL_SECONDS };
  if (valueOf(machine.serviceManager) === 'systemd') {
    const configured = runtimeWatchdogSeconds(machine, watchdog.timeoutSeconds);
    return { state: await world.watchdog.handToServiceManager(watchdog, configured), device };
  }
  const outcome = world.watchdog.stop(watchdog);
  if (outcome.state === 'stopped') return { state: 'stopped', device };
  return { state: 'unpetted', reason: `${outcome.reason}; ${petWithin(watchdog.timeoutSeconds)}` };
}

function petWithin(seconds: number): string {
  return `a program has to pet it within ${seconds} s, and again and again`;
}
