import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { rangeSize } from '../../../src/formats/range.ts';
import type { IomemEntry } from '../../../src/machine/facts.ts';
import { requireCrashReservation } from '../../../src/plan/machine-memory.ts';
import {
  isBelowKernels,
  machineOnTrial,
  reservationArgument,
  trialReservation,
} from '../../../src/plan/trial/trial-memory.ts';
import { CRASH_RANGE, machineWithReservation } from '../../support/load-requests.ts';
import { healthyMachine, read, unreadable } from '../../support/machine-facts.ts';

const MIB = 1n << 20n;
const SIZE = 96n * MIB;

function ram(start: bigint, end: bigint, children: readonly IomemEntry[] = []): IomemEntry {
  return { name: 'System RAM', start, end, children };
}

function part(name: string, start: bigint, end: bigint): IomemEntry {
  return { name, start, end, children: [] };
}

function machineWith(...entries: readonly IomemEntry[]) {
  return healthyMachine({ iomem: read(entries) });
}

/** Where no kernel unpacks itself: what lies low is like all other memory. */
function arm64With(...entries: readonly IomemEntry[]) {
  return healthyMachine({ architecture: 'arm64', iomem: read(entries) });
}

test('there is a place below all that a decompressor draws from, as large as the reservation that stands', () => {
  const machine = machineWithReservation();
  const place = trialReservation(machine, SIZE);
  assert.deepEqual(place, { start: 0x2000_0000n - rangeSize(CRASH_RANGE), end: 0x2000_0000n });
  assert.ok(isBelowKernels(machine, place));
  const larger = trialReservation(machine, 256n * MIB);
  assert.deepEqual(larger, { start: 0x1000_0000n, end: 0x2000_0000n });
  const wide = machineWith(ram(0x10_0000n, 0x8000_0000n));
  assert.deepEqual(trialReservation(wide, 400n * MIB), { start: 0x700_0000n, end: 0x2000_0000n });
  const higher = trialReservation(wide, 500n * MIB);
  assert.ok(higher !== undefined && higher.start > 0x2000_0000n, 'what does not fit there lies higher');
});

test('where memory above it is short, kernels keep what is low', () => {
  const place = trialReservation(machineWith(ram(0x10_0000n, 0x3fff_0000n)), SIZE);
  assert.deepEqual(place, { start: 0x3900_0000n, end: 0x3f00_0000n });
  assert.equal(isBelowKernels(machineWithReservation(), place), false);
});

test('on arm64 a reservation that stands and is large enough is taken as it is, and a smaller one is memory like any other', () => {
  const machine = { ...machineWithReservation(), architecture: 'arm64' } as const;
  assert.deepEqual(trialReservation(machine, SIZE), CRASH_RANGE);
  const larger = trialReservation(machine, 256n * MIB);
  assert.deepEqual(larger, { start: 0x6f00_0000n, end: 0x7f00_0000n });
  assert.ok(larger.start < 0x6f00_0001n && rangeSize(larger) === 256n * MIB);
});

test('a standing reservation above 4 GiB is left, since devices may not reach it there', () => {
  const high = part('Crash kernel', 0x1_2000_0000n, 0x1_4000_0000n);
  const machine = arm64With(ram(0x10_0000n, 0x7fff_0000n), ram(0x1_0000_0000n, 0x2_0000_0000n, [high]));
  assert.deepEqual(trialReservation(machine, SIZE), { start: 0x7900_0000n, end: 0x7f00_0000n });
});

test('of a high and a low reservation, the place is found as if neither were there', () => {
  const low = part('Crash kernel', 0x7000_0000n, 0x7800_0000n);
  const high = part('Crash kernel', 0x1_2000_0000n, 0x1_4000_0000n);
  const machine = arm64With(
    ram(0x10_0000n, 0x8000_0000n, [low]),
    ram(0x1_0000_0000n, 0x2_0000_0000n, [high]),
  );
  assert.deepEqual(trialReservation(machine, SIZE), { start: 0x7a00_0000n, end: 0x8000_0000n });
});

test('where kernels begin, above 4 GiB, and in what firmware and devices keep, nothing is reserved', () => {
  assert.equal(trialReservation(arm64With(ram(0n, 0x1000_0000n + SIZE - 1n)), SIZE), undefined);
  assert.equal(trialReservation(arm64With(ram(0x1_0000_0000n, 0x2_0000_0000n)), SIZE), undefined);
  const kept = part('Reserved', 0x3000_0000n, 0x3f00_0000n);
  assert.equal(trialReservation(arm64With(ram(0x2c00_0000n, 0x4000_0000n, [kept])), SIZE), undefined);
  const own = part('Kernel code', 0x3000_0000n, 0x3f00_0000n);
  assert.notEqual(trialReservation(arm64With(ram(0x2c00_0000n, 0x4000_0000n, [own])), SIZE), undefined);
});

test('a place lies in one entry of memory, also where another follows without a gap', () => {
  const two = arm64With(ram(0x10_0000n, 0x2e00_0000n), ram(0x2e00_0000n, 0x3200_0000n));
  const range = trialReservation(two, SIZE);
  assert.deepEqual(range, { start: 0x2800_0000n, end: 0x2e00_0000n });
  assert.deepEqual(requireCrashReservation(machineOnTrial(two, range)).main, range);
});

test('memory that cannot be read is an error, not a place', () => {
  const machine = healthyMachine({ iomem: unreadable('/proc/iomem') });
  assert.throws(() => trialReservation(machine, SIZE), { code: 'E_UNREADABLE' });
});

test('the kernel is told size and place, and only the size where it places the panic kernel itself', () => {
  const range = { start: 0x7900_0000n, end: 0x7f00_0000n };
  assert.equal(reservationArgument(range, 'segments'), 'crashkernel=98304K@0x79000000');
  assert.equal(reservationArgument(range, 'file'), 'crashkernel=98304K');
});

test('a panic kernel is planned for the place that was found, whatever the memory looks like', () => {
  const piece = fc.record({ gap: fc.bigInt(0n, 600n), size: fc.bigInt(1n, 900n), isReserved: fc.boolean() });
  fc.assert(
    fc.property(fc.array(piece, { minLength: 1, maxLength: 8 }), fc.bigInt(1n, 40n), (pieces, eighths) => {
      const size = eighths * 8n * MIB;
      let at = MIB;
      const entries = pieces.map(({ gap, size: length, isReserved }) => {
        const start = at + gap * MIB;
        at = start + length * MIB;
        const name = isReserved ? 'Reserved' : 'Crash kernel';
        return ram(start, at, [part(name, start, start + (at - start) / 2n)]);
      });
      const machine = machineWith(...entries);
      const range = trialReservation(machine, size);
      if (range === undefined) return;
      assert.ok(rangeSize(range) >= size && range.end <= 0x1_0000_0000n);
      const inside = entries.filter(({ start, end }) => start <= range.start && range.end <= end);
      assert.equal(inside.length, 1);
      const reserved = inside[0]!.children.filter(({ name }) => name === 'Reserved');
      assert.ok(reserved.every(({ start, end }) => end <= range.start || range.end <= start));
      const { main, low } = requireCrashReservation(machineOnTrial(machine, range));
      assert.deepEqual([main, low], [range, []]);
    }),
  );
});

test('the machine of the trial has that reservation alone, and what only the new kernel will know is not guessed', () => {
  const machine = machineWithReservation();
  const range = { start: 0x7000_0000n, end: 0x7600_0000n };
  const { iomem, kexec, crash, ...rest } = machineOnTrial(machine, range);
  assert.equal(iomem.state, 'read');
  assert.deepEqual(
    iomem.state === 'read' && iomem.value[2]?.children.map(({ name, start }) => [name, start]),
    [
      ['Kernel code', 0x2e20_0000n],
      ['Crash kernel', range.start],
    ],
  );
  assert.deepEqual(kexec.crashSize.state === 'read' && kexec.crashSize.value, 96n * MIB);
  for (const reading of [kexec.crashElfcorehdrSize, crash.kernelText, crash.directMapBase, crash.cmaRanges])
    assert.equal(reading.state, 'absent');
  assert.deepEqual([crash.cpuNotes, crash.vmcoreinfo], [machine.crash.cpuNotes, machine.crash.vmcoreinfo]);
  const { iomem: _iomem, kexec: _kexec, crash: _crash, ...others } = machine;
  assert.deepEqual(rest, others);
});
