import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { readCrashLog } from '../../../src/formats/vmcore/crash-log.ts';
import { openKernelMemory } from '../../../src/formats/vmcore/kernel-memory.ts';
import { formatLogRecord } from '../../../src/formats/vmcore/log-record.ts';
import { openDump } from '../../../src/formats/vmcore/open-dump.ts';
import { buildCrashedMachine, type CrashedMachine } from '../../support/crashed-machine.ts';
import { DESCRIPTOR_SIZE, INFO_SIZE, type RingRecord } from '../../support/descriptor-ring-writer.ts';
import { encodeElfDump, encodeKdump, type KdumpOptions, sourceOf } from '../../support/dump-writers.ts';
import { inputs } from '../../support/inputs.ts';

const record: fc.Arbitrary<RingRecord> = fc.record(
  {
    text: fc.string({
      unit: fc.integer({ min: 0, max: 255 }).map((code) => String.fromCharCode(code)),
      maxLength: 200,
    }),
    nanoseconds: fc.bigInt(0n, (1n << 63n) - 1n),
    level: fc.integer({ min: 0, max: 7 }),
    facility: fc.integer({ min: 0, max: 23 }),
    callerId: fc.integer({ min: 0, max: 0xffff_ffff }),
  },
  { noNullPrototype: true },
);

function logOf(machine: CrashedMachine) {
  return readCrashLog(openKernelMemory(openDump(sourceOf(encodeElfDump(machine)))));
}

test('the log is every record that the ring still has, however often it went round', () => {
  fc.assert(
    fc.property(fc.array(record, { minLength: 1, maxLength: 120 }), (records) => {
      const machine = buildCrashedMachine(records, { countBits: 5, sizeBits: 10 });
      const log = logOf(machine);
      assert.deepEqual(log.lost, []);
      assert.deepEqual(
        log.records.map(({ sequence, nanoseconds, level, facility, text }) => ({
          sequence,
          nanoseconds,
          level,
          facility,
          text,
        })),
        machine.kept.map((sequence) => {
          const { nanoseconds, level, facility, text } = records[sequence]!;
          return { sequence, nanoseconds, level, facility, text };
        }),
      );
    }),
    inputs(300),
  );
});

const plain = (text: string, more: Partial<RingRecord> = {}): RingRecord => ({
  text,
  nanoseconds: 5_000_123_456n,
  level: 6,
  facility: 0,
  callerId: 0x8000_0003,
  ...more,
});

test('an empty line is a record, and one for whose text there was no room is lost with its number', () => {
  const log = logOf(buildCrashedMachine([plain('a'), plain(''), plain('b', { isLost: true }), plain('c')]));
  assert.deepEqual(
    log.records.map(({ text }) => text),
    ['a', '', 'c'],
  );
  assert.deepEqual(log.lost, [{ sequence: 2, count: 1, reason: 'the ring had no room for its text' }]);
  assert.deepEqual(log.records[0]!.caller, { kind: 'cpu', id: 3 });
});

test('records whose text is not in the dump are lost, and the others are there', () => {
  const machine = buildCrashedMachine(
    Array.from({ length: 30 }, (_none, index) => plain(`${index} ${'x'.repeat(400)}`)),
    { sizeBits: 14 },
  );
  const readWith = (options: KdumpOptions) =>
    readCrashLog(openKernelMemory(openDump(sourceOf(encodeKdump(machine, options)))));
  const log = readWith({ excluded: [machine.places.text + 4096n] });
  assert.ok(log.records.length > 15 && log.records.length < 25);
  assert.equal(log.lost.length, 1);
  assert.match(log.lost[0]!.reason, /^excluded: /);
  assert.equal(log.lost[0]!.count + log.records.length, 30);
  assert.match(readWith({ lost: [machine.places.infos] }).lost[0]!.reason, /^lost: /);
  assert.throws(
    () => readWith({ excluded: [machine.places.prb] }),
    /printk_ringbuffer at 0x[0-9a-f]+ is excluded/,
  );
  assert.match(readWith({ excluded: [machine.places.tables] }).lost[0]!.reason, /page table/);
});

test('records that share one text have no more of it than the ring has room for, and the oldest are lost', () => {
  const machine = buildCrashedMachine(
    Array.from({ length: 200 }, () => plain('x')),
    { countBits: 8, sizeBits: 14 },
  );
  const bytes = Buffer.from(machine.bytes);
  const [descriptors, infos] = [machine.places.descriptors, machine.places.infos].map((place) =>
    Number(place - machine.base),
  );
  for (let slot = 0; slot < 256; slot++) {
    bytes.writeBigUInt64LE(0n, descriptors! + slot * DESCRIPTOR_SIZE + 8);
    bytes.writeBigUInt64LE(4096n, descriptors! + slot * DESCRIPTOR_SIZE + 16);
    bytes.writeUInt16LE(4000, infos! + slot * INFO_SIZE + 16);
  }
  const log = logOf({ ...machine, bytes });
  assert.deepEqual(
    log.records.map(({ sequence }) => sequence),
    [196, 197, 198, 199],
  );
  assert.deepEqual(log.lost, [
    { sequence: 0, count: 196, reason: 'newer records have more text than there can be' },
  ]);
});

test('a line has the form of makedumpfile: continuation lines are indented, unprintable bytes escaped', () => {
  const lines = logOf(buildCrashedMachine([plain('one\ntwo\x1b[31m\xc3\xa9\t|')])).records.map((each) =>
    formatLogRecord(each),
  );
  assert.deepEqual(lines, ['[    5.000123] one\n               two\\x1b[31m\\xc3\\xa9\t|']);
});
