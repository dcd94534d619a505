import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { fn, type ProgramFunction } from '../../../src/formats/static-program/functions.ts';
import {
  giveBack,
  leaveLoop,
  loop,
  loopWhile,
  nextRound,
  type Statement,
  set,
  when,
} from '../../../src/formats/static-program/statements.ts';
import type { Local, Operator, Term } from '../../../src/formats/static-program/terms.ts';
import { inputs } from '../../support/inputs.ts';
import { PROGRAM_RUNNERS, runTerms } from '../../support/static-programs.ts';

/** A statement without calls, for a program and for `follow`. */
type Step =
  | { readonly kind: 'change'; readonly variable: number; readonly operator: Operator; readonly by: Operand }
  | { readonly kind: 'choose'; readonly asks: Operand; readonly yes: Step[]; readonly no: Step[] }
  | { readonly kind: 'repeat'; readonly isForever: boolean; readonly rounds: number; readonly body: Step[] }
  | { readonly kind: 'leave' | 'next' | 'end' };
type Operand = { readonly variable: number } | { readonly value: number };

const VARIABLES = 4;
/** Each `repeat` that is open counts its rounds in a variable of its own. */
const DEPTH = 4;

const variables = fc.nat({ max: VARIABLES - 1 });
const operands: fc.Arbitrary<Operand> = fc.oneof(
  fc.record({ variable: variables }),
  fc.record({ value: fc.integer({ min: -5, max: 300 }) }),
);

function stepsAt(depth: number, isInLoop: boolean): fc.Arbitrary<Step[]> {
  const changes: fc.Arbitrary<Step> = fc.record({
    kind: fc.constant('change' as const),
    variable: variables,
    operator: fc.constantFrom<Operator>('+', '-', '*', '^', '<', '&&'),
    by: operands,
  });
  const ends: fc.Arbitrary<Step> = fc.record({
    kind: isInLoop ? fc.constantFrom('leave', 'next', 'end') : fc.constant('end'),
  });
  if (depth === DEPTH) return fc.array(changes, { maxLength: 3 });
  const inner = stepsAt(depth + 1, isInLoop);
  const choices: fc.Arbitrary<Step> = fc.record({
    kind: fc.constant('choose' as const),
    asks: operands,
    yes: inner,
    no: inner,
  });
  const repeats: fc.Arbitrary<Step> = fc.record({
    kind: fc.constant('repeat' as const),
    isForever: fc.boolean(),
    rounds: fc.nat({ max: 4 }),
    body: stepsAt(depth + 1, true),
  });
  return fc.array(
    fc.oneof(
      { weight: 4, arbitrary: changes },
      { weight: 2, arbitrary: choices },
      { weight: 2, arbitrary: repeats },
      { weight: depth === 0 ? 0 : 1, arbitrary: ends },
    ),
    { maxLength: 5 },
  );
}

function operandOf(locals: readonly Local[], operand: Operand): Term {
  return 'variable' in operand ? locals[operand.variable]! : operand.value;
}

function statementsOf(steps: readonly Step[], locals: readonly Local[], depth: number): Statement[] {
  return steps.flatMap((step) => statementsFor(step, locals, depth));
}

function statementsFor(step: Step, locals: readonly Local[], depth: number): Statement[] {
  switch (step.kind) {
    case 'change': {
      const changed = locals[step.variable]!;
      return [set(changed, [changed, step.operator, operandOf(locals, step.by)])];
    }
    case 'choose': {
      const [yes, no] = [statementsOf(step.yes, locals, depth), statementsOf(step.no, locals, depth)];
      return [when(operandOf(locals, step.asks), yes, no)];
    }
    case 'repeat': {
      const round = locals[VARIABLES + depth]!;
      const body = [set(round, [round, '+', 1]), ...statementsOf(step.body, locals, depth + 1)];
      const repeat = step.isForever
        ? loop([when([round, '>=', step.rounds], [leaveLoop]), ...body])
        : loopWhile([round, '<', step.rounds], body);
      return [set(round, 0), repeat];
    }
    case 'leave':
      return [leaveLoop];
    case 'next':
      return [nextRound];
    case 'end':
      return [giveBack(resultOf(locals))];
  }
}

function resultOf(locals: readonly Local[]): Term {
  return locals.slice(0, VARIABLES).reduce<Term>((sum, local) => [[sum, '*', 31], '+', local], 7);
}

/** What the steps do, in JavaScript. */
function follow(steps: readonly Step[], values: bigint[]): 'done' | 'leave' | 'next' | 'end' {
  const valueOf = (operand: Operand) =>
    'variable' in operand ? values[operand.variable]! : BigInt.asUintN(64, BigInt(operand.value));
  for (const step of steps) {
    if (step.kind === 'change') {
      const [a, b] = [values[step.variable]!, valueOf(step.by)];
      const changed = {
        '+': a + b,
        '-': a - b,
        '*': a * b,
        '^': a ^ b,
        '<': BigInt.asIntN(64, a) < BigInt.asIntN(64, b) ? 1n : 0n,
        '&&': a !== 0n && b !== 0n ? 1n : 0n,
      }[step.operator as '+'];
      values[step.variable] = BigInt.asUintN(64, changed);
    } else if (step.kind === 'choose') {
      const outcome = follow(valueOf(step.asks) !== 0n ? step.yes : step.no, values);
      if (outcome !== 'done') return outcome;
    } else if (step.kind === 'repeat') {
      for (let round = 0; round < step.rounds; round++) {
        const outcome = follow(step.body, values);
        if (outcome === 'end') return outcome;
        if (outcome === 'leave') break;
      }
    } else return step.kind;
  }
  return 'done';
}

function resultAfter(steps: readonly Step[]): bigint {
  const values = Array<bigint>(VARIABLES).fill(0n);
  follow(steps, values);
  return values.reduce((sum, value) => BigInt.asUintN(64, sum * 31n + value), 7n);
}

const LOCALS = Array.from({ length: VARIABLES + DEPTH }, (_, index) => `v${index}`);

for (const runner of PROGRAM_RUNNERS) {
  const { architecture, skip } = runner;

  test(`${architecture}: random statements do what JavaScript does`, { skip }, () => {
    fc.assert(
      fc.property(fc.array(stepsAt(0, false), { minLength: 60, maxLength: 60 }), (lists) => {
        const functions = lists.map((steps, index) =>
          fn(`f${index}`, [], LOCALS, (locals) => {
            const all = LOCALS.map((name) => locals[name]!);
            return [...statementsOf(steps, all, 0), giveBack(resultOf(all))];
          }),
        );
        assert.deepEqual(
          runTerms(
            runner,
            functions.map((f) => f()),
          ),
          lists.map(resultAfter),
        );
      }),
      { ...inputs(5, 60_000), endOnFailure: true },
    );
  });

  test(`${architecture}: a function that calls itself has its own variables each time`, { skip }, () => {
    const fibonacci: ProgramFunction<readonly ['n']> = fn('fibonacci', ['n'], ['a'], ({ n, a }) => [
      when([n, '<', 2], [giveBack(n)]),
      set(a, fibonacci([n, '-', 1])),
      giveBack([a, '+', fibonacci([n, '-', 2])]),
    ]);
    assert.deepEqual(runTerms(runner, [fibonacci(20)]), [6765n]);
  });

  test(`${architecture}: all 32 variables and 6 parameters are apart from each other`, { skip }, () => {
    const names = Array.from({ length: 32 }, (_, index) => `v${index}`);
    const all = fn('all', ['a', 'b', 'c', 'd', 'e', 'f'], names, (variables) => {
      const { a, b, c, d, e, f } = variables;
      const locals = names.map((name) => variables[name]!);
      return [
        ...locals.map((local, index) => set(local, [local, '+', index])),
        ...[a, b, c, d, e, f].map((parameter) => set(parameter!, [parameter!, '+', 1000])),
        giveBack([...locals, a, b, c, d, e, f].reduce<Term>((sum, local) => [[sum, '*', 3], '+', local!], 0)),
      ];
    });
    const values = [...names.keys(), 1001, 1002, 1003, 1004, 1005, 1006];
    assert.deepEqual(runTerms(runner, [all(1, 2, 3, 4, 5, 6)]), [
      values.reduce((sum, value) => BigInt.asUintN(64, sum * 3n + BigInt(value)), 0n),
    ]);
  });

  test(`${architecture}: a function without an end gives back 0`, { skip }, () => {
    const nothing = fn('nothing', ['a'], [], ({ a }) => [set(a, 5)]);
    assert.deepEqual(runTerms(runner, [nothing(3)]), [0n]);
  });
}
