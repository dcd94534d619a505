import assert from 'node:assert/strict';
import { test } from 'node:test';
import { decodeBootParams } from '../../src/formats/boot-params.ts';
import { decodeElfCoreHeader } from '../../src/formats/elf-core.ts';
import { rangesOverlap } from '../../src/formats/range.ts';
import { crashHeader } from '../../src/plan/crash-header.ts';
import { CRASH_RANGE, machineWithReservation, segmentOf, segmentPlan } from '../support/load-requests.ts';
import { absent, healthyMachine, read, unreadable } from '../support/machine-facts.ts';

const MIB = 1n << 20n;
const LOW = { start: 0n, end: MIB };

test('the header names every CPU’s notes, VMCOREINFO, the kernel and all RAM but the reservation and low memory', () => {
  const header = decodeElfCoreHeader(crashHeader(machineWithReservation(), [LOW]).bytes);
  assert.equal(header.machine, 62);
  assert.deepEqual(header.notes, [
    { address: 0x3e21_a000n, size: 400n },
    { address: 0x3e25_a000n, size: 400n },
    { address: 0x43f_8000n, size: 4096n },
  ]);
  const base = 0xffff_9a3c_8000_0000n;
  const ram = [
    [0x10_0000n, CRASH_RANGE.start],
    [CRASH_RANGE.end, 0x7ffd_c000n],
  ] as const;
  assert.deepEqual(header.memory, [
    {
      physicalAddress: 0x2e20_0000n,
      virtualAddress: 0xffff_ffff_8e20_0000n,
      size: 0x280_0000n,
      foundAt: 0x2e20_0000n,
    },
    ...ram.map(([start, end]) => ({
      physicalAddress: start,
      virtualAddress: base + start,
      size: end - start,
      foundAt: start,
    })),
  ]);
});

test('memory that the panic kernel uses besides its reservation is left out, hot-plugged memory is not', () => {
  const machine = machineWithReservation();
  assert.equal(machine.iomem.state, 'read');
  const plugged = { name: 'System RAM (virtio_mem)', start: 1n << 32n, end: 5n << 30n, children: [] };
  const header = crashHeader(
    {
      ...machine,
      iomem: read([...machine.iomem.value, plugged]),
      crash: { ...machine.crash, cmaRanges: read([{ start: 0x10_0000n, end: 0x5000_0000n }]) },
    },
    [LOW],
  );
  assert.deepEqual(
    decodeElfCoreHeader(header.bytes)
      .memory.slice(1)
      .map((each) => each.physicalAddress),
    [0x5000_0000n, CRASH_RANGE.end, 1n << 32n],
  );
});

test('where the kernel rewrites the header itself, it gets the room and the flag for it', () => {
  const machine = machineWithReservation();
  assert.equal(crashHeader(machine, []).optionalFlags, 0);
  assert.match(crashHeader(machine, []).notes.join(), /load again after CPUs or memory/);
  const kexec = { ...machine.kexec, crashElfcorehdrSize: read(0x1_2345n) };
  const header = crashHeader({ ...machine, kexec }, []);
  assert.equal(header.optionalFlags, 4);
  assert.equal(header.memorySize, 0x1_3000);
  assert.deepEqual(header.notes, []);
});

test('without notes, VMCOREINFO or a reservation there is no header, and the message says which', () => {
  const machine = machineWithReservation();
  const { crash } = machine;
  assert.throws(
    () => crashHeader({ ...machine, crash: { ...crash, cpuNotes: unreadable('/sys/cpu') } }, []),
    {
      code: 'E_UNREADABLE',
      message: /\/sys\/cpu is needed/,
    },
  );
  assert.throws(() => crashHeader({ ...machine, crash: { ...crash, vmcoreinfo: absent() } }, []), {
    code: 'E_UNREADABLE',
  });
  assert.throws(() => crashHeader(healthyMachine(), []), {
    code: 'E_PLAN',
    message: /no memory is reserved/,
  });
});

test('without /proc/kcore the header still has its memory, without virtual addresses', () => {
  const machine = machineWithReservation();
  const crash = { ...machine.crash, kernelText: unreadable(), directMapBase: unreadable() };
  const { memory } = decodeElfCoreHeader(crashHeader({ ...machine, crash }, [LOW]).bytes);
  assert.deepEqual(
    memory.map((each) => each.virtualAddress),
    [0n, 0n],
  );
});

test('a panic plan lies in the reservation, restricts the memory map and points at the header', () => {
  const plan = segmentPlan({ machine: machineWithReservation(), slot: 'crash' });
  assert.equal(plan.flags, 1);
  for (const { name, address, memorySize } of plan.segments)
    assert.ok(address >= CRASH_RANGE.start && address + BigInt(memorySize) <= CRASH_RANGE.end, name);

  const { address, memorySize } = segmentOf(plan, 'elfcorehdr');
  const header = { start: address, end: address + BigInt(memorySize) };
  assert.equal(plan.commandLine, `root=/dev/vda1 quiet elfcorehdr=0x${address.toString(16)}`);
  const ram = plan.memoryMap.filter((entry) => entry.type === 'ram');
  assert.deepEqual(ram, [
    { type: 'ram', start: 0n, end: 0x9_fc00n },
    { type: 'ram', start: header.end, end: CRASH_RANGE.end },
  ]);
  assert.ok(!ram.some((entry) => rangesOverlap(entry, header)), 'the header would be overwritten');
  assert.deepEqual(
    plan.memoryMap.filter((entry) => entry.type !== 'ram').map((entry) => entry.type),
    ['reserved', 'acpi'],
  );

  const handover = segmentOf(plan, 'boot-params');
  const params = decodeBootParams(handover.bytes.subarray(0, 4096));
  assert.deepEqual(params.e820, plan.memoryMap);
  const text = Buffer.from(handover.bytes.subarray(4096)).toString('latin1');
  assert.equal(text, `${plan.commandLine}\0`);
});

test('elfcorehdr= goes before what belongs to init, and counts against the limit', () => {
  const machine = machineWithReservation();
  const plan = segmentPlan({ machine, slot: 'crash', commandLine: 'quiet -- single' });
  assert.match(plan.commandLine, /^quiet elfcorehdr=0x[0-9a-f]+ -- single$/);
  assert.throws(() => segmentPlan({ machine, slot: 'crash', commandLine: 'x'.repeat(2040) }), {
    code: 'E_PLAN',
    message: /2063 bytes long/,
  });
});

test('a reservation above 4 GiB is used, and the low one is RAM for the panic kernel', () => {
  const high = { start: 6n << 30n, end: 0x1_9000_0000n };
  const low = { start: 0x7000_0000n, end: 0x7800_0000n };
  const machine = machineWithReservation({
    memoryTotalBytes: read(8n << 30n),
    iomem: read([
      {
        name: 'System RAM',
        start: MIB,
        end: 0x7ffd_c000n,
        children: [{ name: 'Crash kernel', ...low, children: [] }],
      },
      {
        name: 'System RAM',
        start: 1n << 32n,
        end: 8n << 30n,
        children: [{ name: 'Crash kernel', ...high, children: [] }],
      },
    ]),
  });
  const plan = segmentPlan({ machine, slot: 'crash' });
  for (const { name, address } of plan.segments) assert.ok(address >= high.start && address < high.end, name);
  assert.ok(plan.memoryMap.some((entry) => entry.type === 'ram' && entry.start === low.start));
});
