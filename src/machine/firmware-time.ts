/**
 * How long firmware and boot loader took when this machine was last started through them. Both places keep what they
 * have when a kernel starts the next one.
 * Specification: ACPI 6.5, 5.2.24 "Firmware Performance Data Table"; systemd, "The Boot Loader Interface".
 * @module
 */
import { readEfiLoaderVariables } from './efi-loader-variables.ts';
import { type Reading, valueOf } from './reading.ts';
import { mapReading, readText } from './source.ts';

/** Since Linux 5.12: from the reset until the loader left the firmware's services, nanoseconds. */
const FPDT = '/sys/firmware/acpi/fpdt/boot/exitbootservice_end_ns';
/** More is a firmware that counts from something else, e.g. from when the machine was plugged in. */
const MOST_SECONDS = 3600;

/** Seconds from a reset to the start of the kernel; absent where the firmware keeps no such times. */
export function readFirmwareSeconds(root: string): Reading<number> {
  const table = mapReading(readText(root, FPDT), (text) => secondsOf(text, 1e9));
  if (valueOf(table) !== undefined) return table;
  const loader = mapReading(readEfiLoaderVariables(root).timeExec, (text) => secondsOf(text, 1e6));
  return loader.state === 'absent' ? table : loader;
}

/** @param perSecond units in a second */
function secondsOf(text: string, perSecond: number): number | undefined {
  if (!/^\d{1,19}$/.test(text)) return undefined;
  const seconds = Number(text) / perSecond;
  return seconds > 0 && seconds <= MOST_SECONDS ? seconds : undefined;
}
