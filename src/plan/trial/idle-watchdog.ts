/**
 * A watchdog that is there and that nothing has loaded the driver of: distributions keep watchdog drivers from being
 * loaded by themselves (blacklist in modprobe.d), as one that runs with nobody to pet it resets the machine.
 * @module
 */
import type { MachineFacts, PciDevice } from '../../machine/facts.ts';
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
  for (const device of valueOf(machine.pciDevices) ?? []) {
    const driver = idle.find(({ pciIds }) => pciIds?.includes(pciId(device)));
    if (driver !== undefined) return { module: driver.module, address: device.address };
  }
  return undefined;
}

/** `8086:25ab`, as in modules.alias. */
export function pciId({ vendorId, deviceId }: PciDevice): string {
  return [vendorId, deviceId].map((number) => number.toString(16).padStart(4, '0')).join(':');
}
