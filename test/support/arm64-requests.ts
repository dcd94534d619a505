/**
 * Requests for plans of arm64 kernels, on a machine with a device tree.
 * @module
 */
import assert from 'node:assert/strict';
import { stringProperty, u32Property, u64Property } from '../../src/formats/device-tree.ts';
import { encodeFdt } from '../../src/formats/fdt.ts';
import type { MachineFacts } from '../../src/machine/facts.ts';
import type { LoadRequest } from '../../src/plan/load-request.ts';
import { buildArm64Image } from './arm64-image-builder.ts';
import { healthyArm64Machine, read } from './machine-facts.ts';

const GIB = 1n << 30n;

/** A UEFI machine that was started with an initrd, a seed and a dump header of its own. */
export const RUNNING_TREE = encodeFdt({
  reservations: [
    { address: 0x4800_0000n, size: 0x10_0000n },
    { address: 0x4900_0000n, size: 0x1000n },
  ],
  bootCpu: 0,
  root: {
    name: '',
    properties: [
      { name: '#address-cells', value: u32Property(2) },
      { name: '#size-cells', value: u32Property(2) },
    ],
    children: [
      {
        name: 'chosen',
        properties: [
          { name: 'linux,uefi-system-table', value: u64Property(0x13_7f5f_0018n) },
          { name: 'bootargs', value: stringProperty('old=1') },
          { name: 'linux,initrd-start', value: u64Property(0x4800_0000n) },
          { name: 'linux,initrd-end', value: u64Property(0x4810_0000n) },
          { name: 'linux,elfcorehdr', value: new Uint8Array(16) },
          { name: 'linux,usable-memory-range', value: new Uint8Array(16) },
          { name: 'linux,ima-kexec-buffer', value: new Uint8Array(16) },
          { name: 'linux,kho-fdt', value: new Uint8Array(16) },
          { name: 'kaslr-seed', value: u64Property(0x1111n) },
          { name: 'rng-seed', value: new Uint8Array(64).fill(0x11) },
          { name: 'stdout-path', value: stringProperty('/pl011@9000000') },
        ],
        children: [],
      },
    ],
  },
});

/** It has 2 GiB from 1 GiB on. */
export function runningArm64Machine(over: Partial<MachineFacts> = {}): MachineFacts {
  return healthyArm64Machine({
    deviceTree: read(RUNNING_TREE, '/sys/firmware/fdt'),
    memoryTotalBytes: read(2n * GIB),
    iomem: read([
      { name: 'pl011@9000000', start: 0x900_0000n, end: 0x900_1000n, children: [] },
      {
        name: 'System RAM',
        start: 0x4000_0000n,
        end: 0xc000_0000n,
        children: [
          { name: 'Kernel code', start: 0x4021_0000n, end: 0x4180_0000n, children: [] },
          { name: 'reserved', start: 0x4180_0000n, end: 0x41c0_0000n, children: [] },
          { name: 'Kernel data', start: 0x41c0_0000n, end: 0x4200_0000n, children: [] },
        ],
      },
    ]),
    ...over,
  });
}

/** An Image for it. */
export function arm64Request(over: Partial<LoadRequest> = {}): Partial<LoadRequest> {
  return {
    machine: runningArm64Machine(),
    image: { name: '/boot/Image', path: '/boot/Image', bytes: buildArm64Image() },
    ...over,
  };
}

/** Where memory is reserved on such a machine. */
export const ARM64_CRASH_RANGE = { start: 0x9000_0000n, end: 0xa000_0000n } as const;

/** The machine with a reservation. */
export function arm64MachineWithReservation(over: Partial<MachineFacts> = {}): MachineFacts {
  const base = runningArm64Machine();
  assert.equal(base.iomem.state, 'read');
  const iomem = base.iomem.value.map((entry) =>
    entry.name === 'System RAM'
      ? {
          ...entry,
          children: [...entry.children, { name: 'Crash kernel', ...ARM64_CRASH_RANGE, children: [] }],
        }
      : entry,
  );
  return { ...base, iomem: read(iomem), ...over };
}
