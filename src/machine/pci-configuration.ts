/**
 * The configuration space of a PCI device: the first 64 bytes for everybody, the rest for root.
 * @module
 */
import type { Reading } from './reading.ts';
import { mapReading, readDeviceBytes } from './source.ts';

/** One byte, read as one: what is behind some registers answers to that width alone. */
export function readPciByte(root: string, address: string, offset: number): Reading<number> {
  const path = `/sys/bus/pci/devices/${address}/config`;
  return mapReading(readDeviceBytes(root, path, offset, 1), ([byte]) => byte);
}
