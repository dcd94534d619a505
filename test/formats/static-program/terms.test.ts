import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { fn } from '../../../src/formats/static-program/functions.ts';
import { giveBack, set, store } from '../../../src/formats/static-program/statements.ts';
import {
  bytesAt,
  load,
  type Operator,
  type Term,
  wordsAt,
  zeroed,
} from '../../../src/formats/static-program/terms.ts';
import { inputs } from '../../support/inputs.ts';
import { PROGRAM_RUNNERS, runTerms } from '../../support/static-programs.ts';

const word = (value: bigint) => BigInt.asUintN(64, value);
const signed = (value: bigint) => BigInt.asIntN(64, value);
const truth = (value: boolean) => (value ? 1n : 0n);

/** What each operator means, on unsigned words. */
const MEANING: Readonly<Record<Operator, (a: bigint, b: bigint) => bigint>> = {
  '+': (a, b) => a + b,
  '-': (a, b) => a - b,
  '*': (a, b) => a * b,
  '/': (a, b) => (b === 0n ? 0n : a / b),
  '%': (a, b) => (b === 0n ? a : a % b),
  '&': (a, b) => a & b,
  '|': (a, b) => a | b,
  '^': (a, b) => a ^ b,
  '<<': (a, b) => a << (b & 63n),
  '>>': (a, b) => a >> (b & 63n),
  '==': (a, b) => truth(a === b),
  '!=': (a, b) => truth(a !== b),
  '<': (a, b) => truth(signed(a) < signed(b)),
  '<=': (a, b) => truth(signed(a) <= signed(b)),
  '>': (a, b) => truth(signed(a) > signed(b)),
  '>=': (a, b) => truth(signed(a) >= signed(b)),
  '<u': (a, b) => truth(a < b),
  '<=u': (a, b) => truth(a <= b),
  '>u': (a, b) => truth(a > b),
  '>=u': (a, b) => truth(a >= b),
  '&&': (a, b) => truth(a !== 0n && b !== 0n),
  '||': (a, b) => truth(a !== 0n || b !== 0n),
};
const OPERATORS = Object.keys(MEANING) as Operator[];

/** Bytes to load from, and what a load at `offset` gives. */
const SAMPLE = Buffer.from('00ff7f8001fe55aa80ffffffffffffff7f00000080deadbeef', 'hex');
const LOADS = {
  u8: (at: number) => BigInt(SAMPLE.readUInt8(at)),
  u16: (at: number) => BigInt(SAMPLE.readUInt16LE(at)),
  u32: (at: number) => BigInt(SAMPLE.readUInt32LE(at)),
  s32: (at: number) => word(BigInt(SAMPLE.readInt32LE(at))),
  u64: (at: number) => SAMPLE.readBigUInt64LE(at),
} as const;

const subtractShifted = fn('subtractShifted', ['a', 'b'], ['c', 'd'], ({ a, b, c, d }) => [
  set(d, [c, '+', [a, '*', 3]]),
  set(a, [b, '>>', 1]),
  giveBack([d, '-', a]),
]);
const mixSix = fn('mixSix', ['a', 'b', 'c', 'd', 'e', 'f'], [], ({ a, b, c, d, e, f }) => [
  giveBack([[[a, '-', b], '^', [c, '*', d]], '+', [[e, '<<', 1], '-', f]]),
]);

/** A term and what it is worth. */
type Worth = readonly [Term, bigint];

const numbers = fc.oneof(
  fc.bigInt(0n, (1n << 64n) - 1n),
  fc.constantFrom(
    ...[0n, 1n, 2n, 63n, 64n, 0x7fn, 0x80n, 0xffffn, 0x10000n, 0x7fffffffn, 0x80000000n, 0xffffffffn],
    ...[1n << 32n, 1n << 63n, (1n << 63n) - 1n, (1n << 64n) - 1n, 0xffff_0000_ffff_0000n, 0xffff_1234_ffffn],
    ...[0xffff_ffff_8000_0000n, 0xffff_ffff_7fff_ffffn, 0x1234_0000_0000_0000n, 0xffff_ffff_ffff_1234n],
  ),
);
const constants = numbers.chain(
  (value): fc.Arbitrary<Worth> =>
    fc.constantFrom<Worth>(
      [value, value],
      [signed(value), value],
      [Number(value & 0xffffffffn), value & 0xffffffffn],
    ),
);
const loads = fc
  .tuple(fc.constantFrom('u8', 'u16', 'u32', 's32', 'u64'), fc.integer({ min: 0, max: SAMPLE.length - 8 }))
  .map(([width, at]): Worth => [load[width]([bytesAt(SAMPLE), '+', at]), LOADS[width](at)]);

const { term: worths } = fc.letrec<{ term: Worth; operation: Worth; call: Worth; sixfold: Worth }>((tie) => ({
  term: fc.oneof(
    { maxDepth: 6, withCrossShrink: true },
    constants,
    loads,
    tie('operation'),
    tie('operation'),
    tie('call'),
    tie('sixfold'),
  ),
  operation: fc
    .tuple(tie('term'), fc.constantFrom(...OPERATORS), tie('term'))
    .map(([[a, x], operator, [b, y]]): Worth => [[a, operator, b], word(MEANING[operator](x, y))]),
  call: fc
    .tuple(tie('term'), tie('term'))
    .map(([[a, x], [b, y]]): Worth => [subtractShifted(a, b), word(x * 3n - (y >> 1n))]),
  sixfold: fc.array(tie('term'), { minLength: 6, maxLength: 6 }).map((six): Worth => {
    const [a, b, c, d, e, f] = six.map(([, value]) => value) as [
      bigint,
      bigint,
      bigint,
      bigint,
      bigint,
      bigint,
    ];
    const [ta, tb, tc, td, te, tf] = six.map(([term]) => term) as [Term, Term, Term, Term, Term, Term];
    return [mixSix(ta, tb, tc, td, te, tf), word((word(a - b) ^ word(c * d)) + ((e << 1n) - f))];
  }),
}));

for (const runner of PROGRAM_RUNNERS) {
  const { architecture, skip } = runner;

  test(`${architecture}: random terms are worth what BigInt says`, { skip }, () => {
    fc.assert(
      fc.property(fc.array(worths, { minLength: 150, maxLength: 150 }), (list) => {
        const results = runTerms(
          runner,
          list.map(([term]) => term),
        );
        for (const [index, [term, value]] of list.entries())
          assert.equal(results[index], value, JSON.stringify(term, replaceBigInt));
      }),
      { ...inputs(6, 60_000), endOnFailure: true },
    );
  });

  test(`${architecture}: every operator is right at the edges`, { skip }, () => {
    const edges = [0n, 1n, 63n, 64n, 65n, (1n << 63n) - 1n, 1n << 63n, (1n << 64n) - 1n];
    const cases = OPERATORS.flatMap((operator) =>
      edges.flatMap((a) => edges.map((b) => ({ operator, a, b, value: word(MEANING[operator](a, b)) }))),
    );
    const results = runTerms(
      runner,
      cases.map(({ a, operator, b }): Term => [a, operator, b]),
    );
    assert.deepEqual(
      results,
      cases.map(({ value }) => value),
    );
  });

  test(`${architecture}: a store changes as many bytes as its width says, aligned or not`, { skip }, () => {
    const memory = zeroed(64);
    const value = 0x8877_6655_4433_2211n;
    const results = runTerms(
      runner,
      [0, 8, 16, 24, 32].map((at) => load.u64([memory, '+', at])),
      [
        store.u8([memory, '+', 1], value),
        store.u16([memory, '+', 9], value),
        store.u32([memory, '+', 17], value),
        store.u64([memory, '+', 25], value),
      ],
    );
    assert.deepEqual(results, [0x1100n, 0x221100n, 0x4433221100n, 0x7766554433221100n, 0x88n]);
  });

  test(`${architecture}: what && and || need not ask is not done`, { skip }, () => {
    const counter = zeroed(8);
    const count = fn('count', ['answer'], [], ({ answer }) => [
      store.u64(counter, [load.u64(counter), '+', 1]),
      giveBack(answer),
    ]);
    const results = runTerms(runner, [
      [count(0), '&&', count(1)],
      load.u64(counter),
      [count(7), '||', count(1)],
      load.u64(counter),
      [count(7), '&&', count(8)],
      load.u64(counter),
    ]);
    assert.deepEqual(results, [0n, 1n, 1n, 2n, 1n, 4n]);
  });

  test(`${architecture}: texts end with NUL, tables hold addresses, memory is aligned and zero`, {
    skip,
  }, () => {
    const page = zeroed(4096, 4096);
    const table = wordsAt('one', -2, wordsAt('two', page));
    const results = runTerms(runner, [
      load.u32(load.u64(table)),
      load.u64([table, '+', 8]),
      load.u32(load.u64(load.u64([table, '+', 16]))),
      [load.u64([load.u64([table, '+', 16]), '+', 8]), '==', page],
      [page, '%', 4096],
      load.u64([page, '+', 4088]),
      ['one', '==', load.u64(table)],
    ]);
    const text = (value: string) => BigInt(Buffer.from(`${value}\0`).readUInt32LE());
    assert.deepEqual(results, [text('one'), word(-2n), text('two'), 1n, 0n, 0n, 1n]);
  });
}

function replaceBigInt(_key: string, value: unknown): unknown {
  return typeof value === 'bigint' ? `0x${value.toString(16)}` : value;
}
