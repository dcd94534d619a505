import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { type CaptureMemoryRequest, captureMemoryNeed } from '../../../src/plan/capture/capture-memory.ts';
import {
  CAPTURE_PARAMETERS,
  captureParameters,
  DROPPED_FOR_CAPTURE,
} from '../../../src/plan/capture/capture-parameters.ts';
import { commandLineBytes, kernelArguments } from '../../../src/plan/command-line.ts';

const MIB = 1024 * 1024;

/** docs/decisions/capture-memory.md: Debian's kernels with an initramfs of one static program. */
const MEASURED = [
  { release: '6.1.0-56-amd64', kernel: 58, place: 63.59375, smallest: 68 },
  { release: '6.12.118+deb13-amd64', kernel: 50, place: 55.9296875, smallest: 60 },
  { release: '7.2.13+deb14-amd64', kernel: 56, place: 60.3046875, smallest: 72 },
] as const;

function requestFor(kernel: (typeof MEASURED)[number], more: Partial<CaptureMemoryRequest> = {}) {
  return {
    release: kernel.release,
    kernelBytes: kernel.kernel * MIB,
    placedBytes: kernel.place * MIB,
    packedBytes: 10_000,
    unpackedBytes: 12_288,
    keptBytes: 0,
    userBytes: 0,
    cpus: 1,
    ...more,
  };
}

test('the formula holds for three kernels: never below what was measured, and at most 8 MiB above', () => {
  for (const kernel of MEASURED) {
    const { bytes } = captureMemoryNeed(requestFor(kernel));
    const above = bytes / MIB - kernel.smallest;
    assert.ok(above >= 0 && above <= 8, `${kernel.release}: ${bytes / MIB} for ${kernel.smallest} MiB`);
  }
});

test('the terms of the deciding moment add up to the need', () => {
  const size = fc.integer({ min: 0, max: 1024 * MIB });
  fc.assert(
    fc.property(
      fc.tuple(size, size, size, size, size, size),
      ([kernel, place, packed, unpacked, kept, user]) => {
        const need = captureMemoryNeed({
          release: '6.12',
          kernelBytes: kernel,
          placedBytes: place,
          packedBytes: packed,
          unpackedBytes: unpacked,
          keptBytes: kept,
          userBytes: user,
          cpus: 2,
        });
        const sum = need[need.moment].reduce((all, { bytes }) => all + bytes, 0);
        assert.ok(need.bytes >= sum && need.bytes - sum < MIB);
        assert.equal(need.bytes % MIB, 0);
      },
    ),
  );
});

test('what is kept beside the capture counts once, what is unpacked counts in both forms', () => {
  const kernel = MEASURED[1];
  const base = captureMemoryNeed(requestFor(kernel)).bytes;
  const kept = captureMemoryNeed(requestFor(kernel, { keptBytes: 63 * MIB })).bytes;
  assert.equal(kept - base, 64 * MIB, 'with the page structs for it');
  const initramfs = { packedBytes: 5 * MIB, unpackedBytes: 16 * MIB };
  const larger = captureMemoryNeed(requestFor(kernel, initramfs)).bytes - base;
  assert.ok(larger >= 21 * MIB && larger <= 22 * MIB);
});

test('a large packed initramfs is decided by loading only when the image takes more room than the kernel', () => {
  assert.equal(captureMemoryNeed(requestFor(MEASURED[0])).moment, 'run');
  const need = captureMemoryNeed(requestFor(MEASURED[0], { placedBytes: 128 * MIB }));
  assert.equal(need.moment, 'load');
  assert.ok(need.bytes > 128 * MIB);
});

test('an unknown kernel counts as the hungriest', () => {
  const kernel = MEASURED[1];
  const unknown = captureMemoryNeed({ ...requestFor(kernel), release: undefined });
  assert.ok(unknown.bytes > captureMemoryNeed(requestFor(kernel)).bytes);
});

test('the parameters fit on any command line, each name once, none of those that are dropped twice', () => {
  const names = kernelArguments(captureParameters()).map(({ name }) => name);
  assert.equal(new Set(names).size, names.length);
  assert.equal(names.length, CAPTURE_PARAMETERS.length);
  // Half of the shortest limit, COMMAND_LINE_SIZE of x86 being 2048: the other half is for the report.
  assert.ok(commandLineBytes(captureParameters()).length < 1024);
  // A value of the crashed kernel must not come before or behind ours.
  for (const name of ['nr_cpus', 'panic', 'log_buf_len', 'cma'])
    assert.ok(DROPPED_FOR_CAPTURE.includes(name));
});
