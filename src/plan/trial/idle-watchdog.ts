/**
 * A watchdog that is there and that nothing has loaded the driver of: distributions keep watchdog drivers from being
 * loaded by themselves (blacklist in modprobe.d), as one that runs with nobody to pet it resets the machine.
 * @module
 */
import type { MachineFacts } from '../../machine/facts.ts';
import { valueOf } from '../../machine/reading.ts';
import { findWatchdogDriver, WATCHDOG_DRIVERS } from './watchdog-drivers.ts';

/** Its module, and the PCI device that this is for. */
export interface IdleWatchdog {
  readonly module: string;
  readonly address: string;
}

/** The first one whose driver neither is loaded nor has made a device. */
export function findIdleWatchdog(machine: MachineFacts): IdleWatchdog | undefined {
  const present = (valueOf(machine.watchdogs) ?? []).map((facts) => findWatchdogDriver(facts)?.module);
  const loaded = valueOf(machine.loadedModules);
  const idle = WATCHDOG_DRIVERS.filter(({ module }) => !present.includes(module) && !loaded?.has(module));
  for (const { address, vendorId, deviceId } of valueOf(machine.pciDevices) ?? []) {
    const id = [vendorId, deviceId].map((number) => number.toString(16).padStart(4, '0')).join(':');
    const driver = idle.find(({ pciIds }) => pciIds?.includes(id));
    if (driver !== undefined) return { module: driver.module, address };
  }
  return undefined;
}
