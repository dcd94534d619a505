/**
 * Leaving a system that goes on after a panic: to the kernel that waits in memory, or through the firmware.
 * @module
 */
import { KhopError } from '../error.ts';
import type { MachineFacts } from '../machine/facts.ts';
import { valueOf } from '../machine/reading.ts';
import type { ChainStepName } from './capture-chain.ts';
import { leavingWay } from './continuation.ts';
import { readContinuation, readContinuing } from './continuing.ts';
import { crashesFolder } from './crashes-folder.ts';
import type { GuardWorld } from './world.ts';

/** By which way. */
export type LeaveChoice = 'kexec' | 'firmware';

/** What `leaveContinuing` will do. */
export interface LeavePlan {
  readonly way: LeaveChoice;
  /** The kernel that waits; null through the firmware. */
  readonly homeTitle: string | null;
  /** Why through the firmware; null when that was asked for or is not so. */
  readonly obstacle: string | null;
  /** Does it: services stop in order. Returns when that has begun, or throws with the system as it was. */
  readonly leave: () => Promise<void>;
}

/**
 * @param isFirmwareWanted although a kernel waits
 * @throws E_STATE in a system that was started in any other way
 */
export function planLeave(world: GuardWorld, machine: MachineFacts, isFirmwareWanted: boolean): LeavePlan {
  const continuing = readContinuing(world, machine);
  if (continuing === undefined)
    throw new KhopError('E_STATE', 'this system has not gone on after a panic: there is nothing to leave', {
      hint: 'khop guard status says how this machine is guarded.',
    });
  const mark = (step: ChainStepName, reason: string): void => {
    if (continuing.crash === undefined) return;
    const ms = Math.round(valueOf(world.readMachine().uptimeMs) ?? 0);
    world.files.append(
      `${crashesFolder(world.folders)}/${continuing.crash}/chain.txt`,
      `${step} ${ms} ${reason}\n`,
    );
  };
  const way = leavingWay(readContinuation(world), continuing.id, machine);
  if (isFirmwareWanted || way.state === 'firmware') {
    const obstacle = way.state === 'firmware' ? way.reason : null;
    const leave = async (): Promise<void> => {
      mark('leave-firmware', obstacle ?? 'as somebody wanted');
      await world.rebootThroughFirmware();
    };
    return { way: 'firmware', homeTitle: null, obstacle, leave };
  }
  const { address, stub, title } = way;
  const leave = async (): Promise<void> => {
    const segments = [{ address, memorySize: stub.length, bytes: stub }];
    await world.kexec.segmentsLoad({ entry: address, segments, flags: 0, optionalFlags: 0 });
    mark('leave-kexec', title);
    try {
      await goDown(world, machine);
    } catch (error) {
      world.kexec.unload('normal');
      throw error;
    }
  };
  return { way: 'kexec', homeTitle: title, obstacle: null, leave };
}

async function goDown({ shutdown, configuration }: GuardWorld, machine: MachineFacts): Promise<void> {
  if (valueOf(machine.serviceManager) === 'systemd') await shutdown.throughServiceManager();
  else await shutdown.byOurselves({ stopTimeoutMs: configuration.stopTimeoutMs });
}
