/**
 * A watchdog that its hardware does not let anybody stop before the next reset. Its driver does not tell: a kernel that has not
 * locked it itself thinks that it can stop it. Why it is locked: docs/decisions/watchdog-over-jump.md.
 * @module
 */
import type { MachineFacts, PciDevice } from '../machine/facts.ts';
import { valueOf } from '../machine/reading.ts';
import { pciId } from '../plan/trial/idle-watchdog.ts';
import { watchdogArgumentsAtHome } from '../plan/trial/watchdog-at-home.ts';
import { WATCHDOG_DRIVERS, type WatchdogDriver } from '../plan/trial/watchdog-drivers.ts';
import type { SwitchWorld } from './world.ts';

type PciWorld = Pick<SwitchWorld, 'readPciByte'>;

/** One that counts: what the hardware says needs no driver. */
export function findLocked(world: PciWorld, machine: MachineFacts): WatchdogDriver | undefined {
  for (const device of valueOf(machine.pciDevices) ?? []) {
    const row = WATCHDOG_DRIVERS.find(({ pciIds }) => pciIds?.includes(pciId(device)));
    if (row !== undefined && isLocked(world, device, row) === true) return row;
  }
  return undefined;
}

/** For the command line of a kernel that is switched to, in that one start: nobody pets it until `khop arrive` sees to it. */
export function argumentsForLocked(world: PciWorld, machine: MachineFacts): readonly string[] {
  return watchdogArgumentsAtHome(findLocked(world, machine)?.module ?? null);
}

/**
 * Whether one that is in use may be locked: where nobody can say, it is, since to pet it for longer does no harm.
 * @param module name of its driver's
 */
export function mayBeLocked(world: PciWorld, machine: MachineFacts, module: string): boolean {
  const row = WATCHDOG_DRIVERS.find((each) => each.module === module);
  if (row?.lockedBy === undefined) return false;
  const devices = (valueOf(machine.pciDevices) ?? []).filter((each) => row.pciIds?.includes(pciId(each)));
  return devices.length === 0 || devices.some((device) => isLocked(world, device, row) !== false);
}

/** Undefined where that cannot be read. */
function isLocked(
  world: PciWorld,
  { address }: PciDevice,
  { lockedBy }: WatchdogDriver,
): boolean | undefined {
  if (lockedBy === undefined) return false;
  const byte = valueOf(world.readPciByte(address, lockedBy.offset));
  return byte === undefined ? undefined : (byte & lockedBy.mask) === lockedBy.mask;
}
