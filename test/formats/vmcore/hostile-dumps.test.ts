import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import type { ByteSource } from '../../../src/formats/byte-source.ts';
import { rangeSize } from '../../../src/formats/range.ts';
import { readCrashLog } from '../../../src/formats/vmcore/crash-log.ts';
import type { CrashedMemory } from '../../../src/formats/vmcore/crashed-memory.ts';
import { readDumpFacts } from '../../../src/formats/vmcore/dump-facts.ts';
import { findVmcoreinfo } from '../../../src/formats/vmcore/find-vmcoreinfo.ts';
import { openKernelMemory } from '../../../src/formats/vmcore/kernel-memory.ts';
import { openDump } from '../../../src/formats/vmcore/open-dump.ts';
import { buildCrashedMachine } from '../../support/crashed-machine.ts';
import { encodeElfDump, encodeFlattened, encodeKdump, sourceOf } from '../../support/dump-writers.ts';
import { outcomeOf } from '../../support/hostile-bytes.ts';
import { inputs } from '../../support/inputs.ts';
import { assertEndsSoon } from '../../support/processor-time.ts';

const MACHINE = buildCrashedMachine(
  Array.from({ length: 40 }, (_none, index) => ({
    text: `line ${index}`,
    nanoseconds: BigInt(index),
    level: 6,
    facility: 0,
    callerId: 1,
  })),
);

/** Everything that `khop vmcore` does with a file. */
function readAll(source: ByteSource): void {
  const dump = openDump(source);
  readDumpFacts(dump);
  const vmcoreinfo = dump.vmcoreinfo ?? findVmcoreinfo(dump);
  const log = readCrashLog(openKernelMemory({ ...dump, vmcoreinfo }));
  assert.ok(log.records.length <= 64, 'more records than the ring can hold');
}

const FILES = {
  'an ELF dump': encodeElfDump(MACHINE),
  'an ELF dump with PN_XNUM': encodeElfDump(MACHINE, { usePnXnum: true }),
  'a kdump file of zlib': encodeKdump(MACHINE, { codec: 'zlib' }),
  'a kdump file of lzo': encodeKdump(MACHINE, { codec: 'lzo' }),
  'a kdump file of snappy': encodeKdump(MACHINE, { codec: 'snappy' }),
  'a kdump file of zstd': encodeKdump(MACHINE, { codec: 'zstd' }),
  'a flattened stream': encodeFlattened([{ offset: 0, bytes: encodeKdump(MACHINE) }]),
};

for (const [name, file] of Object.entries(FILES))
  test(`${name} with damaged bytes ends in a value, an honest gap or an error of khop`, () => {
    // Headers, tables and packed pages; the memory of an ELF dump is mostly zeros.
    const end = Math.min(file.length, 4096 * 24);
    const edit = fc.tuple(
      fc.integer({ min: 0, max: end - 1 }),
      fc.constantFrom(1, 2, 4, 8),
      fc.constantFrom(0x00, 0x01, 0x7f, 0x80, 0xff),
    );
    fc.assert(
      fc.property(fc.array(edit, { minLength: 1, maxLength: 6 }), (edits) => {
        const copy = Uint8Array.from(file);
        for (const [at, count, value] of edits) copy.fill(value, at, at + count);
        assertEndsSoon(() => outcomeOf((bytes) => readAll(sourceOf(bytes)), copy));
      }),
      inputs(150),
    );
  });

/** A file that is as large as its headers say, and zero where nobody wrote: nothing of it is on a disk. */
function sparse(head: Uint8Array, size: number): ByteSource {
  return {
    name: 'sparse',
    size,
    read: (offset, length) => {
      const bytes = new Uint8Array(Math.max(0, Math.min(length, size - offset)));
      if (offset < head.length) bytes.set(head.subarray(offset, offset + bytes.length));
      return bytes;
    },
  };
}

test('a kdump header that names 32 TiB of memory in a sparse file comes to an end', () => {
  const head = Buffer.from(encodeKdump(MACHINE).subarray(0, 8192));
  head.writeBigUInt64LE(2n ** 33n, 4096 + 96);
  head.writeUInt32LE(2 ** 19, 436);
  assertEndsSoon(() => outcomeOf(() => readAll(sparse(head, 2 ** 45)), head), 30_000);
});

test('program headers that all name the same memory do not slow reads down', () => {
  const count = 60_000;
  const head = Buffer.alloc(64 + count * 56);
  head.set(FILES['an ELF dump'].subarray(0, 64));
  head.writeUInt16LE(count, 0x38);
  for (let index = 0; index < count; index++) {
    const at = 64 + index * 56;
    head.writeUInt32LE(1, at);
    head.writeBigUInt64LE(BigInt(index), at + 8);
    head.writeBigUInt64LE(BigInt(index), at + 24);
    head.writeBigUInt64LE(2n ** 30n, at + 32);
    head.writeBigUInt64LE(2n ** 30n, at + 40);
  }
  assertEndsSoon(() => {
    const dump = openDump(sparse(head, 2 ** 31));
    for (let at = 0n; at < 1000n; at++) assert.equal(dump.readPhysical(at * 4096n, 8).state, 'read');
  });
});

/** An ELF dump without notes, of `count` segments of which one begins where the one before ends. */
function headersOf(count: number, sizes: { readonly file: bigint; readonly memory: bigint }): Buffer {
  const head = Buffer.alloc(64 + count * 56);
  head.set(FILES['an ELF dump'].subarray(0, 64));
  head.writeUInt16LE(count, 0x38);
  for (let at = 64; at < head.length; at += 56) {
    head.writeUInt32LE(1, at);
    head.writeBigUInt64LE(BigInt((at - 64) / 56) * sizes.memory, at + 24);
    head.writeBigUInt64LE(sizes.file, at + 32);
    head.writeBigUInt64LE(sizes.memory, at + 40);
  }
  return head;
}

const savedSize = (dump: CrashedMemory) =>
  [...dump.savedRanges()].reduce((sum, range) => sum + rangeSize(range), 0n);

test('a kernel whose dump tells thousands of mappings is read as soon as any other', () => {
  const mappings = Array.from({ length: 200_000 }, (_none, index) => ({
    virtualAddress: 0xffff_8880_0000_0000n + BigInt(index * 4096),
    physicalAddress: MACHINE.base + BigInt((index % 64) * 4096),
    size: 4096n,
  })).reverse();
  const memory = openKernelMemory({ ...openDump(sourceOf(FILES['an ELF dump'])), mappings });
  assertEndsSoon(() => {
    for (let at = 0; at < 10_000; at++) {
      const read = memory.read(0xffff_8880_0000_0000n + BigInt(at * 4096 + 8), 8);
      const page = (at % 64) * 4096;
      assert.ok(
        read.state === 'read' &&
          MACHINE.bytes.subarray(page + 8, page + 16).every((byte, i) => byte === read.bytes[i]),
      );
    }
    assert.equal(memory.read(0xffff_8880_0000_0000n + 200_000n * 4096n, 8).state, 'absent');
  });
});

test('VMCOREINFO is looked for where the file holds memory, not wherever its headers name some', () => {
  const unbacked = openDump(sourceOf(headersOf(1, { file: 64n, memory: 2n ** 52n })));
  const cutOff = openDump(sourceOf(headersOf(1, { file: 2n ** 52n, memory: 2n ** 52n })));
  const shared = openDump(sparse(headersOf(1000, { file: 2n ** 20n, memory: 2n ** 20n }), 2 ** 20));
  const holes = [
    { offset: 0, bytes: headersOf(1, { file: 2n ** 50n, memory: 2n ** 50n }) },
    { offset: 2 ** 50, bytes: new Uint8Array(1) },
  ];
  const flattened = openDump(sourceOf(encodeFlattened(holes)));
  assert.deepEqual([unbacked, cutOff, shared, flattened].map(savedSize), [64n, 120n, 2n ** 20n, 4265n]);
  assertEndsSoon(() => {
    for (const dump of [unbacked, cutOff, shared, flattened]) assert.equal(findVmcoreinfo(dump), undefined);
  });
});

/** A kdump file whose bitmaps say that every other page is memory and saved, and that has no descriptors. */
function everyOtherPage(pages: number): Uint8Array {
  const file = Buffer.alloc(8192 + pages / 4, 0x55);
  file.set(encodeKdump(MACHINE).subarray(0, 8192));
  file.writeUInt32LE(1, 432);
  file.writeUInt32LE(pages / 4 / 4096, 436);
  file.writeBigUInt64LE(BigInt(pages), 4096 + 96);
  return file;
}

test('a bitmap with a run for every other page is an error, and no page without a descriptor is looked at', () => {
  const file = everyOtherPage(2 ** 23);
  assertEndsSoon(() => {
    const dump = openDump(sourceOf(Buffer.concat([file, Buffer.alloc(24 * 1000)])));
    assert.equal(savedSize(dump), 1000n * 4096n);
    assert.throws(() => readDumpFacts(dump), /its memory is in more than 65536 ranges/);
    assert.equal(findVmcoreinfo(dump), undefined);
  });
});

test('a log whose size is absurd is an error, and one whose head is nowhere near its tail as well', () => {
  const damaged = (offset: number, write: (bytes: Buffer, at: number) => void) => {
    const bytes = Buffer.from(MACHINE.bytes);
    write(bytes, Number(MACHINE.places.prb - MACHINE.base) + offset);
    return () => readCrashLog(openKernelMemory(openDump(sourceOf(encodeElfDump({ ...MACHINE, bytes })))));
  };
  assert.throws(
    damaged(0, (bytes, at) => bytes.writeUInt32LE(40, at)),
    /count_bits .* 40 is absurd/,
  );
  assert.throws(
    damaged(48, (bytes, at) => bytes.writeUInt32LE(63, at)),
    /size_bits .* 63 is absurd/,
  );
  assert.throws(
    damaged(32, (bytes, at) => bytes.writeBigUInt64LE(77n, at)),
    /head_id .* descriptors after tail_id/,
  );
  const large = damaged(0, (bytes, at) => bytes.writeUInt32LE(26, at))();
  assert.ok(large.lost.length > 0 || large.records.length > 0);
});
