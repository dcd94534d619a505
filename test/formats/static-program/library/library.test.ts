import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import fc from 'fast-check';
import { fn } from '../../../../src/formats/static-program/functions.ts';
import { monotonicMs, sleepMs } from '../../../../src/formats/static-program/library/clock.ts';
import {
  appendByte,
  appendBytes,
  appendNumber,
  appendText,
  bytesOf,
  sizeOf,
  startText,
  textMemory,
} from '../../../../src/formats/static-program/library/growing-text.ts';
import { readAll, readFile } from '../../../../src/formats/static-program/library/input.ts';
import { LINUX } from '../../../../src/formats/static-program/library/linux.ts';
import { areSame, copyBytes, zeroBytes } from '../../../../src/formats/static-program/library/memory.ts';
import { writeAll } from '../../../../src/formats/static-program/library/output.ts';
import {
  decimalAt,
  findValue,
  hexAt,
  lengthOf,
} from '../../../../src/formats/static-program/library/text.ts';
import { giveBack, type Statement, set, when } from '../../../../src/formats/static-program/statements.ts';
import { bytesAt, load, sys, type Term, zeroed } from '../../../../src/formats/static-program/terms.ts';
import { inputs } from '../../../support/inputs.ts';
import { PROGRAM_RUNNERS, runProgram, runTerms } from '../../../support/static-programs.ts';

for (const runner of PROGRAM_RUNNERS) {
  const { architecture, skip } = runner;

  /** What `statements` leave in memory of `size` bytes. */
  const memoryAfter = (memory: Term, size: number, statements: readonly Statement[]): Buffer => {
    const main = fn('main', ['stack'], [], () => [...statements, giveBack(writeAll(1, memory, size))]);
    const { status, output } = runProgram(runner, main);
    assert.equal(status, 0);
    return output;
  };

  /** What `statements` add to a text with room for `size` bytes. */
  const textAfter = (size: number, statements: (text: Term) => readonly Statement[]): string => {
    const text = textMemory(size);
    const main = fn('main', ['stack'], [], () => [
      startText(text, size),
      ...statements(text),
      giveBack(writeAll(1, bytesOf(text), sizeOf(text))),
    ]);
    const { status, output } = runProgram(runner, main);
    assert.equal(status, 0);
    return output.toString();
  };

  test(`${architecture}: bytes are copied, cleared and compared, whatever their number and place`, {
    skip,
  }, () => {
    const sample = Buffer.from(Array.from({ length: 64 }, (_, index) => index + 1));
    const sizes = fc.record({ size: fc.nat(40), from: fc.nat(12), to: fc.nat(12) });
    fc.assert(
      fc.property(fc.array(sizes, { minLength: 40, maxLength: 40 }), (cases) => {
        const memory = zeroed(64 * cases.length);
        const at = (index: number, offset: number): Term => [memory, '+', 64 * index + offset];
        const output = memoryAfter(
          memory,
          64 * cases.length,
          cases.flatMap(({ size, from, to }, index) => [
            copyBytes(at(index, 0), bytesAt(sample), 64),
            copyBytes(at(index, to), [bytesAt(sample), '+', from], size),
            zeroBytes(at(index, to + 1), size >> 2),
          ]),
        );
        for (const [index, { size, from, to }] of cases.entries()) {
          const expected = Buffer.from(sample);
          sample.copy(expected, to, from, from + size);
          expected.fill(0, to + 1, to + 1 + (size >> 2));
          assert.deepEqual(output.subarray(64 * index, 64 * (index + 1)), expected);
        }
      }),
      inputs(4),
    );
    const changes = [0, 1, 7, 8, 9, 16, 22].map((at) => {
      const other = Buffer.from(sample.subarray(0, 23));
      other[at]! ^= 0x80;
      return areSame(bytesAt(sample), bytesAt(other), 23);
    });
    const results = runTerms(runner, [
      ...changes,
      areSame(bytesAt(sample), bytesAt(Buffer.from(sample)), 23),
      areSame(bytesAt(sample), 0, 0),
    ]);
    assert.deepEqual(results, [...changes.map(() => 0n), 1n, 1n]);
  });

  test(`${architecture}: a copy downwards may overlap`, { skip }, () => {
    const memory = zeroed(32);
    const output = memoryAfter(memory, 20, [
      copyBytes(memory, 'abcdefghijklmnopqrst', 20),
      copyBytes(memory, [memory, '+', 3], 17),
    ]);
    assert.equal(output.toString(), 'defghijklmnopqrstrst');
  });

  test(`${architecture}: numbers are read from texts`, { skip }, () => {
    const results = runTerms(runner, [
      lengthOf(''),
      lengthOf('twelve bytes'),
      decimalAt('0'),
      decimalAt('4096 kB'),
      decimalAt('18446744073709551615\n'),
      decimalAt('-1'),
      decimalAt('12:5'),
      hexAt('ffffffff81a0bC00\n'),
      hexAt('0'),
      hexAt('10g'),
      hexAt('@'),
      hexAt('`'),
    ]);
    assert.deepEqual(results, [
      ...[0n, 12n, 0n, 4096n, (1n << 64n) - 1n, 0n, 12n],
      ...[0xffffffff81a0bc00n, 0n, 16n, 0n, 0n],
    ]);
  });

  test(`${architecture}: the value of a key is found at the start of a word only`, { skip }, () => {
    const text = 'OSRELEASE=6.1\nOLDSIZE(list)=9\nSIZE(list)=16\nkhop.deadline=30 quiet khop.last=';
    const values = (key: string) => decimalAt(findValue(text, text.length, key));
    const results = runTerms(runner, [
      values('SIZE(list)='),
      values('OSRELEASE='),
      values('khop.deadline='),
      [findValue(text, text.length, 'khop.last='), '-', text],
      findValue(text, text.length, 'deadline='),
      findValue(text, text.length - 1, 'khop.last='),
      findValue(text, 0, 'OSRELEASE='),
      findValue(text, text.length, `${text} and more`),
    ]);
    assert.deepEqual(results, [16n, 6n, 30n, BigInt(text.length), 0n, 0n, 0n, 0n]);
    assert.deepEqual(runTerms(runner, [lengthOf(0), decimalAt(0), hexAt(0)]), [0n, 0n, 0n]);
  });

  test(`${architecture}: texts grow by texts, bytes and numbers`, { skip }, () => {
    const output = textAfter(200, (text) => [
      appendText(text, 'seconds '),
      appendNumber(text, 12, 10, 5, 32),
      appendByte(text, '.'.charCodeAt(0)),
      appendNumber(text, 345, 10, 6, '0'.charCodeAt(0)),
      appendBytes(text, ' at 0x...', 6),
      appendNumber(text, 0xffff_ffff_81a0_bc00n, 16, 1, 0),
      appendText(text, '; '),
      appendNumber(text, (1n << 64n) - 1n, 10, 0, 0),
      appendByte(text, 32),
      appendNumber(text, 0, 10, 0, 0),
      appendByte(text, 32),
      appendNumber(text, 5, 2, 100, '0'.charCodeAt(0)),
    ]);
    assert.equal(
      output,
      `seconds    12.000345 at 0xffffffff81a0bc00; 18446744073709551615 0 ${'101'.padStart(32, '0')}`,
    );
  });

  test(`${architecture}: numbers are written as JavaScript writes them`, { skip }, () => {
    const cases = fc.tuple(
      fc.bigInt(0n, (1n << 64n) - 1n),
      fc.nat(63),
      fc.constantFrom(8, 10, 16),
      fc.nat(32),
    );
    fc.assert(
      fc.property(fc.array(cases, { minLength: 50, maxLength: 50 }), (list) => {
        const output = textAfter(50 * 33, (text) =>
          list.flatMap(([value, shift, base, width]) => [
            appendNumber(text, value >> BigInt(shift), base, width, 46),
            appendByte(text, 10),
          ]),
        );
        const expected = list.map(([value, shift, base, width]) =>
          (value >> BigInt(shift)).toString(base).padStart(width, '.'),
        );
        assert.deepEqual(output.split('\n').slice(0, -1), expected);
      }),
      inputs(4),
    );
  });

  test(`${architecture}: what has no room in a text is left out`, { skip }, () => {
    const output = textAfter(10, (text) => [
      appendText(text, '1234567'),
      appendText(text, '89abc'),
      appendText(text, 'never'),
      appendNumber(text, 77, 10, 0, 0),
    ]);
    assert.equal(output, '123456789a');
  });

  test(`${architecture}: a write goes on after a short one, and says when it cannot`, { skip }, () => {
    const ends = zeroed(8);
    const size = 300_000;
    const memory = zeroed(size);
    // The pipe takes 64 KiB; without O_NONBLOCK a write waits, with it the rest is refused.
    const main = fn('main', ['stack'], [], () => [
      when(sys.pipe2(ends, LINUX.O_NONBLOCK), [giveBack(1)]),
      giveBack([0, '-', writeAll(load.u32([ends, '+', 4]), memory, size)]),
    ]);
    assert.equal(runProgram(runner, main).status, 11); // EAGAIN
    const toOutput = fn('toOutput', ['stack'], [], () => [giveBack(writeAll(1, memory, size))]);
    const result = runProgram(runner, toOutput);
    assert.equal(result.status, 0);
    assert.equal(result.output.length, size);
  });

  test(`${architecture}: a file is read to its end or as far as there is room`, { skip }, () => {
    const folder = mkdtempSync(join(tmpdir(), 'khop-program-'));
    try {
      writeFileSync(join(folder, 'short'), 'five\n');
      writeFileSync(join(folder, 'long'), 'x'.repeat(300));
      const memory = zeroed(100);
      const main = fn('main', ['stack'], ['size'], ({ size }) => [
        set(size, readFile('long', memory, 100)),
        when([[size, '!=', 99], '||', [lengthOf(memory), '!=', 99]], [giveBack(1)]),
        set(size, readFile('short', memory, 100)),
        when([[size, '!=', 5], '||', [lengthOf(memory), '!=', 5]], [giveBack(2)]),
        set(size, readFile('missing', memory, 100)),
        when([[size, '!=', -2], '||', [lengthOf(memory), '!=', 0]], [giveBack(3)]),
        when([readFile('.', memory, 100), '!=', -21], [giveBack(4)]), // EISDIR
        when([readAll(0, memory, 100), '!=', 70], [giveBack(5)]),
        giveBack(writeAll(1, memory, 70)),
      ]);
      const input = Buffer.from('y'.repeat(70));
      const result = runProgram(runner, main, { folder, input });
      assert.equal(result.status, 0);
      assert.deepEqual(result.output, input);
    } finally {
      rmSync(folder, { recursive: true });
    }
  });

  test(`${architecture}: a sleep takes its time by the clock`, { skip }, () => {
    const [slept, none] = runTerms(runner, [timed(120), timed(0)]);
    assert.ok(slept! >= 119n && slept! < 10_000n, `${slept} ms`);
    assert.ok(none! < 5_000n, `${none} ms`);
  });
}

const timed = fn('timed', ['ms'], ['start'], ({ ms, start }) => [
  set(start, monotonicMs()),
  sleepMs(ms),
  giveBack([monotonicMs(), '-', start]),
]);
