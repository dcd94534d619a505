/**
 * What a confirmed kernel does with the net that it was tried over: the guardian ends, the watchdog goes to whoever is
 * to have it, and the kernels that wait for a way home are let go. The one in the normal slot has to go: systemd (256+)
 * would start it at the next ordinary reboot.
 * @module
 */
import { KhopError } from '../error.ts';
import { keepArmed } from '../guard/guard.ts';
import { readGuardSettings } from '../guard/guard-status.ts';
import type { MachineFacts } from '../machine/facts.ts';
import { valueOf } from '../machine/reading.ts';
import { hasArgument } from '../plan/command-line.ts';
import { planWatchdog, runtimeWatchdogSeconds } from '../plan/trial/plan-watchdog.ts';
import { withoutAddedParameters } from '../switch/added-parameters.ts';
import { unload } from '../switch/load.ts';
import { readTrialPlace } from './read-trial.ts';
import type { TrialWorld } from './world.ts';

const PAUSE_MS = 100;
/** It looks for signals every second. */
const END_MS = 10_000;

/**
 * Nothing when there is none.
 * @throws E_NOT_FOUND, E_TIMEOUT when it does not end; what giving the watchdog away throws
 */
export async function endGuardian(world: TrialWorld): Promise<void> {
  const found = world.guardian.find();
  if (found.state === 'unreadable')
    throw new KhopError('E_UNREADABLE', `${found.source} cannot be read: ${found.reason}`, {
      hint: 'Check that /proc is mounted.',
    });
  if (found.state === 'absent') return;
  const machine = world.readMachine();
  const watchdog = planWatchdog(
    machine,
    { deadlineSeconds: 0, jumpSeconds: 0 },
    guardedDriver(world, machine),
  );
  if (watchdog.state === 'none') return await tellAndWait(world, found.value, 'confirmed');
  const configuredSeconds = runtimeWatchdogSeconds(machine, watchdog.timeoutSeconds);
  if (configuredSeconds > 0) {
    await tellAndWait(world, found.value, 'handOver');
    await world.watchdog.handToServiceManager(watchdog, configuredSeconds);
  } else if (watchdog.isNowayout) world.guardian.tell(found.value, 'keepPetting');
  else await tellAndWait(world, found.value, 'confirmed');
}

/** Of two watchdogs, the guardian has the one that was chosen before the jump. */
function guardedDriver(world: TrialWorld, machine: MachineFacts): string | undefined {
  const found = readTrialPlace(world, machine);
  return found.place === 'on-trial' ? (found.ticket.trial.watchdog ?? undefined) : undefined;
}

async function tellAndWait(world: TrialWorld, pid: number, message: 'confirmed' | 'handOver'): Promise<void> {
  world.guardian.tell(pid, message);
  for (let waited = 0; waited < END_MS; waited += PAUSE_MS) {
    const found = world.guardian.find();
    if (found.state === 'absent' || (found.state === 'read' && found.value !== pid)) return;
    await world.sleep(PAUSE_MS);
  }
  throw new KhopError('E_TIMEOUT', `the guardian (process ${pid}) has not ended within ${END_MS / 1000} s`, {
    hint: 'It may still go home at its deadline: end it with `kill -9`, unless it keeps a watchdog.',
  });
}

/**
 * Lets the waiting kernels go. Where the guard is wanted, this kernel gets a panic kernel of its own; where it is not,
 * the memory that was reserved for the trial alone is free again.
 */
export async function releaseWaitingKernels(world: TrialWorld): Promise<void> {
  unload(world, 'normal');
  if (readGuardSettings(world) !== undefined) {
    await keepArmed(world);
    return;
  }
  unload(world, 'crash');
  const own = withoutAddedParameters(valueOf(world.readMachine().commandLine) ?? '');
  if (!hasArgument(own, 'crashkernel')) world.freeReservation();
}
