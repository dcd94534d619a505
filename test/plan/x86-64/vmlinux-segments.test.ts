import assert from 'node:assert/strict';
import { test } from 'node:test';
import { decodeBootParams } from '../../../src/formats/boot-params.ts';
import type { NamedBytes } from '../../../src/formats/named-bytes.ts';
import { vmlinuxKernel, vmlinuxObstacles } from '../../../src/plan/x86-64/vmlinux-segments.ts';
import { buildElf, type ElfSpec } from '../../support/elf-writer.ts';
import { assertSurvivesDamage, assertSurvivesTruncation } from '../../support/hostile-bytes.ts';
import { segmentPlan } from '../../support/load-requests.ts';
import { healthyMachine, read } from '../../support/machine-facts.ts';

const TEXT = new Uint8Array(0x3000).fill(0x90);
const DATA = new Uint8Array(0x1000).fill(0xda);

/** Text, per-CPU data with a virtual address of 0, and data with .bss behind it, as the linker makes them. */
const SPEC: ElfSpec = {
  entry: 0x100_0040n,
  segments: [
    { virtualAddress: 0xffff_ffff_8100_0000n, physicalAddress: 0x100_0000n, bytes: TEXT },
    {
      virtualAddress: 0xffff_ffff_8120_0000n,
      physicalAddress: 0x120_0000n,
      memorySize: 0x8_0000n,
      bytes: DATA,
    },
    { virtualAddress: 0n, physicalAddress: 0x110_0000n, bytes: new Uint8Array(64).fill(7) },
    { type: 4, bytes: new Uint8Array(16) },
  ],
};

function file(spec: ElfSpec = SPEC): NamedBytes {
  return { name: '/tmp/vmlinux', path: '/tmp/vmlinux', bytes: buildElf(spec) };
}

function withFirstSegment(over: Partial<NonNullable<ElfSpec['segments']>[number]>): NamedBytes {
  const [first, ...others] = SPEC.segments ?? [];
  assert.ok(first !== undefined);
  return file({ ...SPEC, segments: [{ ...first, ...over }, ...others] });
}

test('segments keep their physical distances, whatever their virtual addresses, and .bss is memory only', () => {
  const kernel = vmlinuxKernel(file());
  assert.equal(kernel.minimum, 0x100_0000n);
  assert.equal(kernel.memorySize, 0x28_0000);
  assert.equal(kernel.bytes.length, 0x20_1000);
  assert.deepEqual(kernel.bytes.subarray(0, 0x3000), TEXT);
  assert.deepEqual(kernel.bytes.subarray(0x10_0000, 0x10_0040), new Uint8Array(64).fill(7));
  assert.deepEqual(kernel.bytes.subarray(0x20_0000), DATA);
  assert.equal(kernel.entryOffset, 0x40n);
});

test('an entry that the linker left virtual is brought down to a physical one', () => {
  assert.equal(vmlinuxKernel(file({ ...SPEC, entry: 0xffff_ffff_8100_0080n })).entryOffset, 0x80n);
});

test('a start that is not on 2 MiB is rounded down, so that the image keeps its alignment', () => {
  const [first, ...others] = SPEC.segments ?? [];
  assert.ok(first !== undefined);
  const moved = { ...first, physicalAddress: 0x100_1000n };
  const kernel = vmlinuxKernel(file({ entry: 0x100_1040n, segments: [moved, ...others] }));
  assert.equal(kernel.entryOffset, 0x1040n);
  assert.equal(kernel.minimum, 0x100_0000n);
  assert.deepEqual(kernel.bytes.subarray(0x1000, 0x4000), TEXT);
});

test('an entry outside the loaded bytes, nothing to load, and an absurd extent are refused', () => {
  for (const [bad, message] of [
    [file({ ...SPEC, entry: 0x50n }), /entry 0x50 is in no loaded segment/],
    [file({ ...SPEC, entry: 0x121_0000n }), /in no loaded segment/],
    [file({ entry: 0n }), /nothing to load/],
    [withFirstSegment({ physicalAddress: 1n << 40n }), /more than a kernel has/],
  ] as const)
    assert.throws(() => vmlinuxKernel(bad), { code: 'E_FORMAT', message });
});

test('boot_params get the header that a boot sector would have brought', () => {
  const plan = segmentPlan({ image: file() });
  const params = plan.segments.find((segment) => segment.name === 'boot-params');
  assert.ok(params !== undefined);
  const view = new DataView(params.bytes.buffer, params.bytes.byteOffset);
  assert.equal(Buffer.from(params.bytes.subarray(0x202, 0x206)).toString(), 'HdrS');
  assert.equal(view.getUint16(0x1fe, true), 0xaa55);
  assert.equal(view.getUint16(0x206, true), 0x20f);
  assert.equal(view.getUint16(0x1f2, true), 1, 'root is mounted read-only first');
  assert.equal(view.getUint16(0x236, true) & 3, 3);
  assert.equal(view.getUint32(0x230, true), 0x20_0000);
  assert.equal(view.getUint8(0x211) & 2, 0, 'the kernel must not believe that KASLR was applied');
  assert.equal(view.getUint8(0x1ef), 0, 'sentinel');
  assert.equal(decodeBootParams(params.bytes.subarray(0, 4096)).typeOfLoader, 0xd0);
});

test('the plan says that the address is not randomised and why the method is the only one', () => {
  const plan = segmentPlan({ image: file(), method: 'auto' });
  assert.equal(plan.method, 'segments');
  assert.match(plan.reason, /only way: kexec_file_load takes no vmlinux/);
  assert.match(plan.notes.join(), /not randomised/);
  const kernel = plan.segments.find((segment) => segment.name === 'kernel');
  assert.ok(kernel !== undefined && kernel.address % 0x20_0000n === 0n);
  assert.equal(kernel.memorySize, 0x28_0000);
});

test('five-level paging, a confidential guest and another machine’s ELF are obstacles', () => {
  const machine = healthyMachine();
  assert.deepEqual(vmlinuxObstacles(file(), machine), []);
  const fiveLevel = { ...machine, cpu: { ...machine.cpu, fiveLevelPaging: read(true) } };
  assert.match(vmlinuxObstacles(file(), fiveLevel).join(), /five-level paging/);
  assert.match(
    vmlinuxObstacles(file(), { ...machine, confidentialGuest: read('sev-snp') }).join(),
    /confidential guest \(sev-snp\)/,
  );
  assert.match(vmlinuxObstacles(file({ ...SPEC, machine: 183 }), machine).join(), /machine 183/);
});

test('whatever happens to the bytes, there is a kernel or a reason', () => {
  const read = (bytes: Uint8Array) => vmlinuxKernel({ name: 'x', path: undefined, bytes });
  const small = buildElf({
    entry: 0x100_0000n,
    segments: [{ physicalAddress: 0x100_0000n, memorySize: 0x2000n, bytes: new Uint8Array(64) }],
  });
  assertSurvivesTruncation(read, small, small.length);
  assertSurvivesDamage(read, small, { start: 0, end: 120 }, 400);
});
