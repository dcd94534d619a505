import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { IomemEntry } from '../../../src/machine/facts.ts';
import { placementMemory } from '../../../src/plan/machine-memory.ts';
import { freeRanges } from '../../../src/plan/placement.ts';
import { handedOverMap, x86PlacementMemory } from '../../../src/plan/x86-64/memory-map.ts';
import { absent, healthyMachine, read, unreadable } from '../../support/machine-facts.ts';

const MIB = 1n << 20n;

function line(name: string, start: bigint, end: bigint, children: readonly IomemEntry[] = []): IomemEntry {
  return { name, start, end, children };
}

const IOMEM = read([
  line('Reserved', 0n, 0x1000n),
  line('System RAM', 0x1000n, 0x9_fc00n),
  line('PCI Bus 0000:00', 0xa_0000n, 0xc_0000n),
  line('System RAM', MIB, 64n * MIB, [
    line('Kernel code', 16n * MIB, 24n * MIB),
    line('Kernel data', 24n * MIB, 30n * MIB),
    line('ACPI Tables', 40n * MIB, 41n * MIB),
    line('Crash kernel', 48n * MIB, 56n * MIB),
  ]),
  line('ACPI Non-volatile Storage', 64n * MIB, 65n * MIB),
  line('Soft Reserved', 65n * MIB, 70n * MIB),
  line('System RAM (virtio_mem)', 128n * MIB, 256n * MIB),
]);

test('the firmware’s map is handed over as it is', () => {
  const machine = healthyMachine({ iomem: unreadable() });
  assert.equal(machine.firmwareMap.state, 'read');
  assert.deepEqual(handedOverMap(machine), machine.firmwareMap.value);
});

test('without it, or when the kernel added EFI’s, the kernel’s own view is, with what lies inside RAM', () => {
  const expected = [
    { type: 'reserved', start: 0n, end: 0x1000n },
    { type: 'ram', start: 0x1000n, end: 0x9_fc00n },
    { type: 'ram', start: MIB, end: 40n * MIB },
    { type: 'acpi', start: 40n * MIB, end: 41n * MIB },
    { type: 'ram', start: 41n * MIB, end: 64n * MIB },
    { type: 'nvs', start: 64n * MIB, end: 65n * MIB },
    { type: 'softReserved', start: 65n * MIB, end: 70n * MIB },
  ];
  for (const firmwareMap of [absent(), read([])])
    assert.deepEqual(handedOverMap(healthyMachine({ iomem: IOMEM, firmwareMap })), expected);
  const commandLine = read('quiet add_efi_memmap');
  assert.deepEqual(handedOverMap(healthyMachine({ iomem: IOMEM, commandLine })), expected);
});

test('without either, memory is not known', () => {
  const machine = healthyMachine({ iomem: unreadable('/proc/iomem', 'hidden'), firmwareMap: absent() });
  assert.throws(() => handedOverMap(machine), { code: 'E_UNREADABLE', message: /\/proc\/iomem.*hidden/ });
});

test('the running kernel’s own memory may be used; tables, reservations and plugged memory may not', () => {
  const { ram, avoid } = placementMemory(healthyMachine({ iomem: IOMEM }));
  assert.deepEqual(freeRanges(ram, avoid), [
    { start: 0x1000n, end: 0x9_fc00n },
    { start: MIB, end: 40n * MIB },
    { start: 41n * MIB, end: 48n * MIB },
    { start: 56n * MIB, end: 64n * MIB },
  ]);
});

test('a segment goes only where both the running kernel and the next one see RAM, above 1 MiB', () => {
  const firmwareMap = read([
    { type: 'ram' as const, start: 0n, end: 0x9_fc00n },
    { type: 'ram' as const, start: MIB, end: 32n * MIB },
    { type: 'reserved' as const, start: 32n * MIB, end: 36n * MIB },
    { type: 'ram' as const, start: 36n * MIB, end: 512n * MIB },
  ]);
  const { ram, avoid } = x86PlacementMemory(healthyMachine({ iomem: IOMEM, firmwareMap }));
  assert.deepEqual(freeRanges(ram, avoid), [
    { start: MIB, end: 32n * MIB },
    { start: 36n * MIB, end: 40n * MIB },
    { start: 41n * MIB, end: 48n * MIB },
    { start: 56n * MIB, end: 64n * MIB },
  ]);
});
