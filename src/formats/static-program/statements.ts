/**
 * What a static program does, one thing after another: lists of statements. It ends with what its first function gives
 * back, or with `sys.exit_group(status)` anywhere.
 * @module
 */
import type { Call, Local, SystemCall, Term, Width } from './terms.ts';

/** One step. A call stands for itself; what it returns is then forgotten. */
export type Statement =
  | { readonly kind: 'set'; readonly local: Local; readonly value: Term }
  | { readonly kind: 'store'; readonly width: Width; readonly address: Term; readonly value: Term }
  | {
      readonly kind: 'when';
      readonly condition: Term;
      readonly then: readonly Statement[];
      readonly otherwise: readonly Statement[];
    }
  | { readonly kind: 'loop'; readonly condition: Term; readonly body: readonly Statement[] }
  | { readonly kind: 'leave-loop' }
  | { readonly kind: 'next-round' }
  | { readonly kind: 'give-back'; readonly value: Term }
  | Call
  | SystemCall;

/** Gives a local variable or parameter another value. */
export function set(local: Local, value: Term): Statement {
  return { kind: 'set', local, value };
}

function storer(width: Width): (address: Term, value: Term) => Statement {
  return (address, value) => ({ kind: 'store', width, address, value });
}

/** Memory written by width: the low bits of the value. The address is worked out first. */
export const store = {
  u8: storer('u8'),
  u16: storer('u16'),
  u32: storer('u32'),
  u64: storer('u64'),
} as const;

/** Does `then` when the condition is not 0, and otherwise the other, if there is one. */
export function when(
  condition: Term,
  then: readonly Statement[],
  otherwise: readonly Statement[] = [],
): Statement {
  return { kind: 'when', condition, then, otherwise };
}

/** Repeats until something leaves it. */
export function loop(body: readonly Statement[]): Statement {
  return { kind: 'loop', condition: 1, body };
}

/** Repeats as long as the condition, asked before each round, is not 0. */
export function loopWhile(condition: Term, body: readonly Statement[]): Statement {
  return { kind: 'loop', condition, body };
}

/** Goes on behind the innermost loop. */
export const leaveLoop: Statement = { kind: 'leave-loop' };

/** Begins the next round of the innermost loop. */
export const nextRound: Statement = { kind: 'next-round' };

/** Ends the function. */
export function giveBack(value: Term): Statement {
  return { kind: 'give-back', value };
}
