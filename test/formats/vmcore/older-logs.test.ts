import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { readCrashLog } from '../../../src/formats/vmcore/crash-log.ts';
import type { KernelMemory } from '../../../src/formats/vmcore/kernel-memory.ts';
import { formatLogRecord } from '../../../src/formats/vmcore/log-record.ts';
import { outcomeOf } from '../../support/hostile-bytes.ts';
import { assertEndsSoon } from '../../support/processor-time.ts';
import { sparseKernel } from '../../support/sparse-kernel.ts';

const VARIABLES = 0xffff_ffff_8200_0000n;
const BUFFER = 0xffff_8880_0100_0000n;
const HEADER = 16;

interface LogEntry {
  readonly text: string;
  readonly dictionary: string;
  readonly nanoseconds: bigint;
  readonly level: number;
  readonly facility: number;
}

/** log_store() of linux 5.9: a record that does not fit before the end leaves a length of 0 there. */
function writeRecords(entries: readonly LogEntry[], size: number) {
  const ring = Buffer.alloc(size, 0xdd);
  let [first, next, firstIndex] = [0, 0, 0];
  const lengthOf = (entry: LogEntry) =>
    Math.ceil((HEADER + entry.text.length + entry.dictionary.length) / 4) * 4;
  const dropOldest = () => {
    first += lengthOf(entries[firstIndex++]!);
    if (ring.readUInt16LE(first + 8) === 0 || first + HEADER > size) first = 0;
  };
  for (const [index, entry] of entries.entries()) {
    const length = lengthOf(entry);
    const isEmpty = () => firstIndex === index;
    const hasRoom = () => {
      const free = next > first || isEmpty() ? Math.max(size - next, first) : first - next;
      return free >= length + HEADER;
    };
    while (!isEmpty() && !hasRoom()) dropOldest();
    if (isEmpty()) first = next;
    if (next + length + HEADER > size) {
      ring.fill(0, next, next + HEADER);
      if (isEmpty()) first = 0;
      next = 0;
    }
    ring.writeBigUInt64LE(entry.nanoseconds, next);
    ring.writeUInt16LE(length, next + 8);
    ring.writeUInt16LE(entry.text.length, next + 10);
    ring.writeUInt16LE(entry.dictionary.length, next + 12);
    ring[next + 14] = entry.facility;
    ring[next + 15] = entry.level << 5;
    ring.write(entry.text + entry.dictionary, next + HEADER, 'latin1');
    next += length;
  }
  return { ring, first, next, kept: entries.slice(firstIndex) };
}

function recordKernel(
  ring: Uint8Array,
  first: number,
  next: number,
  { structure = 'printk_log', size = ring.length } = {},
) {
  const variables = Buffer.alloc(64);
  variables.writeBigUInt64LE(BUFFER, 0);
  variables.writeUInt32LE(size, 8);
  variables.writeUInt32LE(first, 16);
  variables.writeUInt32LE(next, 24);
  const symbol = (offset: number) => (VARIABLES + BigInt(offset)).toString(16);
  return sparseKernel(
    [
      { start: VARIABLES, bytes: variables },
      { start: BUFFER, bytes: ring },
    ],
    new Map([
      ['SYMBOL(log_buf)', symbol(0)],
      ['SYMBOL(log_buf_len)', symbol(8)],
      ['SYMBOL(log_first_idx)', symbol(16)],
      ['SYMBOL(log_next_idx)', symbol(24)],
      [`SIZE(${structure})`, String(HEADER)],
      [`OFFSET(${structure}.ts_nsec)`, '0'],
      [`OFFSET(${structure}.len)`, '8'],
      [`OFFSET(${structure}.text_len)`, '10'],
    ]),
  );
}

const entry: fc.Arbitrary<LogEntry> = fc.record(
  {
    text: fc.string({ maxLength: 60 }),
    dictionary: fc.constantFrom('', 'SUBSYSTEM=usb\0DEVICE=+usb:1-1'),
    nanoseconds: fc.bigInt(0n, (1n << 63n) - 1n),
    level: fc.integer({ min: 0, max: 7 }),
    facility: fc.integer({ min: 0, max: 23 }),
  },
  { noNullPrototype: true },
);

test('the records of 3.5 to 5.9 are read from the first to the next, round the end, without their dictionaries', () => {
  fc.assert(
    fc.property(
      fc.array(entry, { minLength: 1, maxLength: 60 }),
      fc.constantFrom('printk_log', 'log'),
      (entries, structure) => {
        const { ring, first, next, kept } = writeRecords(entries, 1024);
        const log = readCrashLog(recordKernel(ring, first, next, { structure }));
        assert.deepEqual(log.lost, []);
        assert.deepEqual(
          log.records.map(({ text, nanoseconds, level, facility }) => ({
            text,
            nanoseconds,
            level,
            facility,
          })),
          kept.map(({ text, nanoseconds, level, facility }) => ({ text, nanoseconds, level, facility })),
        );
      },
    ),
  );
});

test('a ring of records that leads in a circle or nowhere ends, and says that records are lost', () => {
  const { ring } = writeRecords(
    [{ text: 'a', dictionary: '', nanoseconds: 1n, level: 6, facility: 0 }],
    1024,
  );
  // The record at 0 is followed by a length of 0, and log_next_idx is never met.
  ring.fill(0, 20);
  const log = readCrashLog(recordKernel(ring, 0, 1000));
  assert.equal(log.lost.length, 1);
  assert.ok(log.records.length < 5);
  fc.assert(
    fc.property(
      fc.uint8Array({ minLength: 256, maxLength: 256 }),
      fc.nat(300),
      fc.nat(300),
      (bytes, first, next) => {
        outcomeOf(() => readCrashLog(recordKernel(bytes, first, next)), bytes);
      },
    ),
  );
});

/** `memory` with a log that is `bytes` again and again, as page tables can have it. */
function repeatLog(memory: KernelMemory, bytes: Uint8Array): KernelMemory {
  const read: KernelMemory['read'] = (address, length) => {
    if (address >= VARIABLES) return memory.read(address, length);
    const at = Number(address - BUFFER) % bytes.length;
    return { state: 'read', bytes: bytes.subarray(at, at + length) };
  };
  return { ...memory, read };
}

test('a ring of records larger than any kernel has is an error, and too many records are lost', () => {
  const ring = Buffer.alloc(1024);
  for (let at = 0; at < ring.length; at += HEADER) ring.writeUInt16LE(HEADER, at + 8);
  assert.throws(
    () => readCrashLog(recordKernel(ring, 0, 1, { size: 0xffff_ffff })),
    /log_buf_len is 4294967295, which no kernel has/,
  );
  assertEndsSoon(() => {
    const log = readCrashLog(repeatLog(recordKernel(ring, 0, 1, { size: 2 ** 26 }), ring));
    assert.equal(log.records.length, 2 ** 20);
    assert.match(log.lost[0]!.reason, /more than the 1048576 records that khop reads/);
  });
});

function characterKernel(ring: Uint8Array, end: number) {
  const variables = Buffer.alloc(64);
  variables.writeBigUInt64LE(BUFFER, 0);
  variables.writeUInt32LE(ring.length, 8);
  variables.writeUInt32LE(end, 16);
  const symbol = (offset: number) => (VARIABLES + BigInt(offset)).toString(16);
  return sparseKernel(
    [
      { start: VARIABLES, bytes: variables },
      { start: BUFFER, bytes: ring },
    ],
    new Map([
      ['SYMBOL(log_buf)', symbol(0)],
      ['SYMBOL(log_buf_len)', symbol(8)],
      ['SYMBOL(log_end)', symbol(16)],
      ['SYMBOL(logged_chars)', symbol(24)],
    ]),
  );
}

test('the characters before 3.5 become lines with level and time, and the ring may have gone round', () => {
  const text = '<6>[    0.000000] Linux version 2.6.32\n<4>[   12.345678] a warning\n<6>no time\nplain\n';
  const whole = Buffer.alloc(256);
  whole.write(text, 'latin1');
  const lines = readCrashLog(characterKernel(whole, text.length)).records;
  assert.deepEqual(
    lines.map((record) => [record.level, formatLogRecord(record)]),
    [
      [6, '[    0.000000] Linux version 2.6.32'],
      [4, '[   12.345678] a warning'],
      [6, 'no time'],
      [undefined, 'plain'],
    ],
  );
  const size = 64;
  const ring = Buffer.alloc(size);
  for (const [index, code] of Buffer.from(text, 'latin1').entries()) ring[index % size] = code;
  const kept = readCrashLog(characterKernel(ring, text.length)).records;
  assert.deepEqual(
    kept.map((record) => formatLogRecord(record)),
    [text.slice(-size).split('\n')[0], '[   12.345678] a warning', 'no time', 'plain'],
  );
});

test('a ring of characters of an absurd size is an error', () => {
  assert.throws(() => readCrashLog(characterKernel(Buffer.alloc(0), 5)), /log_buf_len is 0/);
});

test('of a ring of more lines than khop reads the last ones are there, and the others are lost', () => {
  const text = `first\nsecond\n${'\n'.repeat(2 ** 20 - 1)}last\n`;
  assertEndsSoon(() => {
    const log = readCrashLog(characterKernel(Buffer.from(text), text.length));
    assert.equal(log.records.length, 2 ** 20);
    assert.deepEqual([log.records[0]!.text, log.records.at(-1)!.text], ['', 'last']);
    assert.deepEqual(
      log.lost.map(({ count }) => count),
      [2],
    );
  });
});
