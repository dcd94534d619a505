import assert from 'node:assert/strict';
import { test } from 'node:test';
import { decodeBootParams } from '../../../src/formats/boot-params.ts';
import type { MachineFacts } from '../../../src/machine/facts.ts';
import type { LoadRequest } from '../../../src/plan/load-request.ts';
import { directObstacles } from '../../../src/plan/x86-64/direct-kernel.ts';
import { directPlan, fallenBack } from '../../support/direct-requests.ts';
import { segmentOf } from '../../support/load-requests.ts';
import { absent, healthyEfi, healthyMachine, read, unreadable } from '../../support/machine-facts.ts';
import { seededBytes } from '../../support/seeded-bytes.ts';
import {
  BSS_OFFSET,
  buildUnpackedKernel,
  KERNEL_EXTENT,
  movedImage,
  PLACES,
  PREF_ADDRESS,
  relocationTable,
} from '../../support/unpacked-kernel-builder.ts';

const KERNEL = buildUnpackedKernel({ header: { initSize: 0x8000 } });
const ALIGNMENT = BigInt(KERNEL.layout.alignment);

function withXloadFlags(xloadFlags: number) {
  return buildUnpackedKernel({ header: { xloadFlags } });
}

function withPaging(fiveLevelPaging: MachineFacts['cpu']['fiveLevelPaging']): MachineFacts {
  const machine = healthyMachine();
  return { ...machine, cpu: { ...machine.cpu, fiveLevelPaging } };
}

/** XLF_KERNEL_64 and XLF_CAN_BE_LOADED_ABOVE_4G, without and with XLF_5LEVEL. */
const [FOUR_LEVELS, FIVE_LEVELS] = [0x03, 0x23];

const obstacles: readonly [what: string, over: Partial<LoadRequest>, message: RegExp][] = [
  [
    'five-level paging with a kernel that has no XLF_5LEVEL',
    { machine: withPaging(read(true)), unpacked: withXloadFlags(FOUR_LEVELS) },
    /^five-level paging is on, and the kernel cannot be entered with it$/,
  ],
  [
    'five-level paging with no5lvl',
    { machine: withPaging(read(true)), unpacked: withXloadFlags(FIVE_LEVELS), commandLine: 'ro no5lvl' },
    /^no5lvl is on the command line/,
  ],
  [
    'a paging mode that cannot be read',
    { machine: withPaging(unreadable('/proc/cpuinfo')) },
    /^the paging mode is not known \(\/proc\/cpuinfo cannot be read\)$/,
  ],
  ['a paging mode that is not said', { machine: withPaging(absent('/proc/cpuinfo')) }, /^the paging mode is/],
  [
    'a confidential guest',
    { machine: healthyMachine({ confidentialGuest: read('sev-snp') }) },
    /^a confidential guest \(sev-snp\) needs/,
  ],
  [
    'what may be a confidential guest',
    { machine: healthyMachine({ confidentialGuest: unreadable('/dev/sev-guest') }) },
    /^whether this is a confidential guest is not known/,
  ],
  ['mem_encrypt= for the new kernel', { commandLine: 'ro mem_encrypt=on' }, /^mem_encrypt= is on a command/],
  [
    'mem_encrypt= of the running kernel',
    { machine: healthyMachine({ commandLine: read('mem_encrypt=on ro') }) },
    /^mem_encrypt= is on a command line/,
  ],
  [
    'a running command line that cannot be read',
    { machine: healthyMachine({ commandLine: unreadable('/proc/cmdline') }) },
    /^whether memory is encrypted is not known \(\/proc\/cmdline/,
  ],
  ['mem=', { commandLine: 'ro mem=1G' }, /^mem= is on the command line/],
  ['memmap=', { commandLine: 'ro memmap=64M$0x10000000' }, /^memmap= is on the command line/],
  ['movable_node', { commandLine: 'ro movable_node' }, /^movable_node is on the command line/],
  [
    'huge pages of 1 GiB',
    { commandLine: 'hugepagesz=2M hugepages=64 hugepagesz=1024M hugepages=4' },
    /^hugepages= of 1 GiB is on the command line/,
  ],
  ['efi_fake_mem=', { commandLine: 'efi_fake_mem=1G@4G:0x10000' }, /^efi_fake_mem= is on/],
  [
    'a kernel without XLF_KERNEL_64',
    { unpacked: withXloadFlags(0x7e) },
    /^the image does not promise a 64-bit kernel/,
  ],
  [
    'a kernel without XLF_CAN_BE_LOADED_ABOVE_4G',
    { unpacked: withXloadFlags(0x7d) },
    /^the image does not promise/,
  ],
  [
    'UEFI without an RSDP',
    { machine: healthyMachine({ efi: read(healthyEfi({ systemTable: absent() })) }) },
    /^the ACPI tables cannot be found for the new kernel/,
  ],
];

for (const [what, over, message] of obstacles)
  test(`${what} keeps the kernel from being entered directly, and the ordinary way is planned`, () => {
    const { plan, why } = fallenBack(over);
    assert.match(why, message);
    assert.equal(plan.method, 'file');
  });

const harmless: readonly [what: string, over: Partial<LoadRequest>][] = [
  [
    'five-level paging with a kernel that can',
    { machine: withPaging(read(true)), unpacked: withXloadFlags(FIVE_LEVELS) },
  ],
  ['no5lvl where four levels are on', { commandLine: 'no5lvl' }],
  ['four levels with a kernel that knows no others', { unpacked: withXloadFlags(FOUR_LEVELS) }],
  ['arguments that init reads', { commandLine: 'ro -- mem=1G nokaslr mem_encrypt=on' }],
  ['huge pages of 2 MiB', { commandLine: 'hugepagesz=2M hugepages=512' }],
  ['a size of huge pages, and none of them', { commandLine: 'hugepagesz=1G' }],
  ['arguments that only begin alike', { commandLine: 'memory_hotplug.x=1 mem.x=2 nokaslr2' }],
];

for (const [what, over] of harmless)
  test(`${what}: no obstacle, and KASLR is kept`, () => {
    assert.match(directPlan(over).notes.join(), /^KASLR is on/);
  });

test('all obstacles are named, not only the first', () => {
  const machine = { ...withPaging(read(true)), confidentialGuest: read('tdx' as const) };
  const found = directObstacles(withXloadFlags(0), machine, 'mem=1G memmap=1G no5lvl');
  assert.equal(found.length, 5, found.join('\n'));
});

/** How far the kernel was moved, from the first 64-bit place. */
function distanceIn(bytes: Uint8Array): bigint {
  const at = PLACES[0][0];
  return Buffer.from(bytes).readBigUInt64LE(at) - Buffer.from(KERNEL.image).readBigUInt64LE(at);
}

test('the kernel is the image moved by one distance, everywhere in the table and nowhere else', () => {
  for (let seed = 0; seed < 20; seed++) {
    const { bytes } = segmentOf(directPlan({ entropy: seededBytes(seed, 256) }), 'kernel');
    const distance = distanceIn(bytes);
    assert.deepEqual(new Uint8Array(bytes), movedImage(KERNEL.image, PLACES, distance));
    assert.equal(distance % ALIGNMENT, 0n);
    assert.ok(distance >= 0n && distance < 1n << 30n);
  }
});

test('plans that share a move have the image where the first one put it, also without KASLR', () => {
  const unpacked = { ...KERNEL, sharedMove: { image: undefined } };
  const first = directPlan({ unpacked, entropy: seededBytes('first', 256) });
  const second = directPlan({ unpacked, entropy: seededBytes('second', 256) });
  const without = directPlan({ unpacked, commandLine: 'ro nokaslr' });
  const [image, ...others] = [first, second, without].map((plan) => segmentOf(plan, 'kernel').bytes);
  for (const other of others) assert.equal(other, image);
  assert.deepEqual(new Uint8Array(image!), movedImage(KERNEL.image, PLACES, distanceIn(image!)));
  assert.notEqual(distanceIn(image!), 0n);
  assert.notEqual(
    segmentOf(first, 'kernel').address,
    segmentOf(second, 'kernel').address,
    'each draws its own physical address',
  );
  const loadFlags = [first, second, without].map((plan) => segmentOf(plan, 'boot-params').bytes[0x211]);
  assert.deepEqual(loadFlags, [0x03, 0x03, 0x01]);
});

test('a table of two groups is applied as such', () => {
  const groups = [[0x100], [0x200, 0x204]];
  const unpacked = buildUnpackedKernel({ table: relocationTable(groups) });
  const { bytes } = segmentOf(directPlan({ unpacked }), 'kernel');
  const distance = distanceIn(bytes);
  assert.notEqual(distance, 0n);
  assert.deepEqual(new Uint8Array(bytes), movedImage(unpacked.image, groups, distance));
});

test('the unpacked kernel itself stays as it was: it serves for the next load', () => {
  const unpacked = buildUnpackedKernel();
  const before = unpacked.image.slice();
  directPlan({ unpacked });
  assert.deepEqual(unpacked.image, before);
});

test('both addresses are drawn anew with other random bytes, and are the same with the same', () => {
  const places = (entropy: Uint8Array) => {
    const { address, bytes } = segmentOf(directPlan({ entropy }), 'kernel');
    return { address, distance: distanceIn(bytes) };
  };
  const all = Array.from({ length: 12 }, (_none, seed) => places(seededBytes(seed, 256)));
  assert.ok(new Set(all.map(({ address }) => address)).size >= 10);
  assert.ok(new Set(all.map(({ distance }) => distance)).size >= 10);
  assert.deepEqual(places(seededBytes(3, 256)), all[3]);
  assert.deepEqual(directPlan(), directPlan());
});

test('the seed for the new kernel and the addresses come from different random bytes', () => {
  const entropy = seededBytes('seed', 256);
  const other = Uint8Array.from(entropy, (byte, index) => (index < 32 ? byte ^ 0xff : byte));
  const [one, two] = [directPlan({ entropy }), directPlan({ entropy: other })];
  assert.deepEqual(segmentOf(one, 'kernel'), segmentOf(two, 'kernel'));
  assert.notDeepEqual(segmentOf(one, 'setup-data').bytes, segmentOf(two, 'setup-data').bytes);
});

test('the new kernel is told that its address is random: KASLR_FLAG beside LOADED_HIGH', () => {
  const params = segmentOf(directPlan(), 'boot-params').bytes;
  assert.equal(params[0x211], 0x03);
  assert.equal(decodeBootParams(params.subarray(0, 4096)).typeOfLoader, 0xd0);
});

test('with nokaslr the image is unmoved at its preferred address, and the flag is clear', () => {
  const plan = directPlan({ commandLine: 'ro nokaslr' });
  const kernel = segmentOf(plan, 'kernel');
  assert.deepEqual(new Uint8Array(kernel.bytes), KERNEL.image);
  assert.equal(kernel.address, PREF_ADDRESS);
  assert.equal(segmentOf(plan, 'boot-params').bytes[0x211], 0x01);
  assert.match(plan.notes.join(), /KASLR is off: nokaslr/);
  assert.match(plan.directEntry?.kaslrOff ?? '', /^KASLR is off: nokaslr/);
  assert.equal(directPlan({}).directEntry?.kaslrOff, undefined);
});

test('with nokaslr and the preferred address taken, it lies at the next aligned one', () => {
  const reserved = { name: 'Reserved', start: 0x100_8000n, end: 0x101_0000n, children: [] };
  const ram = { name: 'System RAM', start: 0x10_0000n, end: 0x7ffd_c000n, children: [reserved] };
  const machine = healthyMachine({ iomem: read([ram]) });
  const kernel = segmentOf(directPlan({ machine, commandLine: 'nokaslr' }), 'kernel');
  assert.equal(kernel.address, PREF_ADDRESS + ALIGNMENT);
});

test('a kernel without relocations is entered where it is linked, and the plan says so', () => {
  const plan = directPlan({ unpacked: buildUnpackedKernel({ table: new Uint8Array(0) }) });
  assert.equal(segmentOf(plan, 'kernel').address, PREF_ADDRESS);
  assert.equal(segmentOf(plan, 'boot-params').bytes[0x211], 0x01);
  assert.match(plan.notes.join(), /KASLR is off: the kernel was built without it/);
});

test('the stub jumps to the kernel’s own entry with boot_params in RSI', () => {
  const plan = directPlan();
  const stub = segmentOf(plan, 'stub');
  assert.equal(plan.entry, stub.address);
  const quads = Buffer.alloc(8);
  for (const target of [segmentOf(plan, 'kernel').address + 0x40n, segmentOf(plan, 'boot-params').address]) {
    quads.writeBigUInt64LE(target);
    assert.ok(Buffer.from(stub.bytes).includes(quads), `0x${target.toString(16)} is not in the stub`);
  }
});

/** 64 MiB in all, and a kernel and an initrd that leave few places in it. */
const TIGHT: Partial<LoadRequest> = {
  machine: healthyMachine({
    iomem: read([{ name: 'System RAM', start: 0x10_0000n, end: 0x400_0000n, children: [] }]),
    firmwareMap: read([{ type: 'ram', start: 0x10_0000n, end: 0x400_0000n }]),
    memoryTotalBytes: read(64n << 20n),
  }),
  initrds: [{ name: 'initrd', path: undefined, bytes: new Uint8Array(9 << 20) }],
};

test('only content is copied, and no other segment lies in the memory that the kernel uses behind it', () => {
  const unpacked = { ...KERNEL, layout: { ...KERNEL.layout, memorySize: 30 << 20 } };
  const lines = ['ro', 'ro nokaslr'];
  for (let seed = 0; seed < 60; seed++) {
    const entropy = seededBytes(seed, 256);
    const plan = directPlan({ ...TIGHT, unpacked, entropy, commandLine: lines[seed % 2] });
    const kernel = segmentOf(plan, 'kernel');
    assert.equal(kernel.memorySize, BSS_OFFSET);
    const end = kernel.address + (30n << 20n);
    assert.ok(end <= 0x400_0000n, 'the memory ends inside RAM');
    for (const { name, address, memorySize } of plan.segments)
      if (name !== 'kernel')
        assert.ok(address >= end || address + BigInt(memorySize) <= kernel.address, `${name}, seed ${seed}`);
  }
});

test('a memory too small for the kernel with its .bss means the ordinary way, with the reason', () => {
  const unpacked = { ...KERNEL, layout: { ...KERNEL.layout, memorySize: 50 << 20 } };
  const { plan, why } = fallenBack({ ...TIGHT, unpacked, method: 'segments' });
  assert.match(why, /no free range of RAM holds the kernel’s 52428800 bytes/);
  assert.equal(plan.method, 'segments');
  assert.ok(!plan.notes.join().includes('KASLR is on'));
  const unmoved = fallenBack({ ...TIGHT, unpacked, commandLine: 'nokaslr' });
  assert.match(unmoved.why, /no place for kernel: 0x3200000 bytes/);
});

test('a kernel too large to be moved is left to its decompressor', () => {
  const unpacked = { ...KERNEL, layout: { ...KERNEL.layout, virtualSize: 1 << 30 } };
  assert.match(fallenBack({ unpacked }).why, /too large to be moved/);
});

test('a damaged relocation table means the ordinary way, not a failure', () => {
  const unpacked = { ...KERNEL, relocationTable: KERNEL.relocationTable.subarray(4) };
  assert.match(fallenBack({ unpacked }).why, /relocation table: first group/);
});

test('too few random bytes are never made up for', () => {
  assert.match(fallenBack({ entropy: seededBytes('few', 100) }).why, /100 random bytes are too few/);
});

test('the built kernel has memory behind its content, so that these tests mean something', () => {
  assert.equal(KERNEL.layout.memorySize, KERNEL_EXTENT);
  assert.equal(KERNEL.image.length, BSS_OFFSET);
});
