/**
 * kexec-tools as the oracle: what it printed and handed over for a real kernel on a real machine, against
 * khop's plan for the same. The live comparison, on kernels of three lines, is in test/vm.
 * @module
 */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { decodeBootParams } from '../../src/formats/boot-params.ts';
import { planToJson } from '../../src/plan/plan-json.ts';
import { assertAgrees, type ComparedPlan, parseKexecDebugOutput } from '../support/kexec-debug-output.ts';
import { segmentOf, segmentPlan } from '../support/load-requests.ts';
import { healthyMachine, read } from '../support/machine-facts.ts';

const RECORD = readFileSync(join(import.meta.dirname, 'fixtures', 'kexec-tools-6.1.txt'), 'utf8');
const INITRD_SIZE = 100_000;

/** The part of the record under `[name]`. */
function section(name: string): string {
  const text = RECORD.split(`[${name}]\n`)[1]?.split('\n[')[0];
  assert.ok(text !== undefined);
  return text;
}

/** Lines of `offset: bytes` in `size` bytes of zeros. */
function dumped(text: string, size: number): Uint8Array {
  const bytes = new Uint8Array(size);
  for (const [, offset, line] of text.matchAll(/^([0-9a-f]{4}): (.*)$/gm))
    bytes.set(Buffer.from(line!.replaceAll(' ', ''), 'hex'), Number.parseInt(offset!, 16));
  return bytes;
}

/** An image with the recorded header, as long as the real one; the code in it does not matter here. */
function recordedImage(): Uint8Array {
  const header = dumped(section('setup header'), 0x300);
  const kernelSize = Number(/^kernel: .*kernel_size: (0x[0-9a-f]+)$/m.exec(RECORD)?.[1]);
  const image = new Uint8Array(kernelSize);
  image.set(header.subarray(0x1f1, 0x290), 0x1f1);
  return image;
}

function recordedMachine() {
  const memory = [...section('debug').matchAll(/^([0-9a-f]+)-([0-9a-f]+) \(([01])\)$/gm)].slice(0, 5);
  const ranges = memory.map(([, first, last, type]) => ({
    start: BigInt(`0x${first}`) === 0x400n ? 0n : BigInt(`0x${first}`),
    end: BigInt(`0x${last}`) + 1n,
    type: type === '0' ? ('ram' as const) : ('reserved' as const),
  }));
  const iomem = ranges.map(({ start, end, type }) => ({
    name: type === 'ram' ? 'System RAM' : 'Reserved',
    start,
    end,
    children: [],
  }));
  return healthyMachine({
    firmwareMap: read(ranges),
    iomem: read(iomem),
    memoryTotalBytes: read(24n << 30n),
  });
}

function recordedPlan() {
  return segmentPlan({
    image: { name: 'vmlinuz', path: undefined, bytes: recordedImage() },
    initrds: [{ name: 'initrd', path: undefined, bytes: new Uint8Array(INITRD_SIZE) }],
    commandLine: 'console=ttyS0 root=/dev/vda',
    machine: recordedMachine(),
  });
}

test('khop and kexec-tools load the same bytes into as much memory, and tell of the same memory', () => {
  const plan = JSON.parse(JSON.stringify(planToJson(recordedPlan()))) as ComparedPlan;
  assertAgrees(plan, parseKexecDebugOutput(section('debug')));
});

/** Fields of the header in which the loaders may differ, with kexec-tools' habit. */
const LOADER_FIELDS: readonly (readonly [string, number, number])[] = [
  ['root_flags: it writes 0xffff, khop leaves the image’s 1', 0x1f2, 2],
  ['root_dev and the byte behind it, with which it damages boot_flag', 0x1fc, 4],
  ['loadflags: it writes 0', 0x211, 1],
  ['ramdisk_image', 0x218, 4],
  ['cmd_line_ptr', 0x228, 4],
  ['setup_data', 0x250, 8],
];

test('the setup header in boot_params is the same but for places and known habits', () => {
  const theirs = dumped(section('boot_params'), 4096);
  const ours = new Uint8Array(segmentOf(recordedPlan(), 'boot-params').bytes.subarray(0, 4096));
  for (const [, at, length] of LOADER_FIELDS)
    for (const page of [theirs, ours]) page.fill(0, at, at + length);
  assert.equal(
    Buffer.from(ours.subarray(0x1f1, 0x290)).toString('hex'),
    Buffer.from(theirs.subarray(0x1f1, 0x290)).toString('hex'),
  );
});

test('what boot_params say of memory, the loader and the initrd is the same', () => {
  const theirs = decodeBootParams(dumped(section('boot_params'), 4096));
  const plan = recordedPlan();
  const ours = decodeBootParams(segmentOf(plan, 'boot-params').bytes.subarray(0, 4096));
  assert.equal(ours.typeOfLoader, theirs.typeOfLoader);
  assert.equal(ours.initrdSize, theirs.initrdSize);
  assert.equal(ours.altMemK, 0xbff00000 / 1024);
  assert.equal(theirs.altMemK, 0x2ffbff, 'kexec-tools counts to the last byte, a KiB less');
  const extended = (page: { screenInfo: Uint8Array }) => Buffer.from(page.screenInfo).readUInt16LE(2);
  assert.equal(extended(ours), extended(theirs));
  assert.deepEqual(ours.e820.slice(1), theirs.e820.slice(1));
  assert.deepEqual(ours.e820[0], { ...theirs.e820[0], start: 0n });
  assert.deepEqual(
    [ours.efiInfo, ours.acpiRsdpAddress, ours.secureBoot, ours.ccBlobAddress],
    [theirs.efiInfo, theirs.acpiRsdpAddress, theirs.secureBoot, theirs.ccBlobAddress],
  );
});
