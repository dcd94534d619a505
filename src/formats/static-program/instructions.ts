/**
 * The machine between a program and a processor: two registers and a stack of words. Every step of it is a
 * handful of instructions on both architectures, always of the same length, so that a code generator is a table.
 *
 *   `first`    what was calculated last; what a call returns
 *   `second`   the right operand of `binary`, the value of `store`
 *   the stack  operands that wait, arguments of a call in their order, and below them the frame
 * @module
 */
import type { BinaryOperator, DataTerm, Width } from './terms.ts';

/** Rows `label`, `jump…` and `call` name each other by number. */
export type Label = number;

/** One step. */
export type Instruction =
  | { readonly op: 'label'; readonly label: Label }
  | { readonly op: 'constant'; readonly to: Register; readonly value: bigint }
  /** Becomes a `constant` as soon as data have addresses. */
  | { readonly op: 'address'; readonly to: Register; readonly of: DataTerm }
  | { readonly op: 'stack-pointer' }
  | { readonly op: 'read'; readonly to: Register; readonly variable: Variable }
  | { readonly op: 'write'; readonly variable: Variable }
  /** `first` onto the stack. */
  | { readonly op: 'push' }
  /** `first` becomes `second`, and the top of the stack `first`. */
  | { readonly op: 'pop' }
  /** `first` = `first` operator `second`. */
  | { readonly op: 'binary'; readonly operator: BinaryOperator }
  /** `first` = memory at `first`. */
  | { readonly op: 'load'; readonly width: Width | 's32' }
  /** Memory at `first` = `second`. */
  | { readonly op: 'store'; readonly width: Width }
  | { readonly op: 'jump'; readonly label: Label }
  | { readonly op: 'jump-if-zero'; readonly label: Label }
  | { readonly op: 'jump-unless-zero'; readonly label: Label }
  /** Takes its arguments off the stack. */
  | { readonly op: 'call'; readonly label: Label; readonly argumentCount: number }
  | { readonly op: 'system-call'; readonly number: number; readonly argumentCount: number }
  /** Makes a frame with zeroed local variables. */
  | { readonly op: 'enter'; readonly localCount: number }
  | { readonly op: 'return'; readonly parameterCount: number };

export type Register = 'first' | 'second';

/** The index-th local variable, or the parameter that so many others stand behind. */
export type Variable =
  | { readonly kind: 'local'; readonly index: number }
  | { readonly kind: 'parameter'; readonly behind: number };

/** A processor: how it says each instruction. */
export interface CodeGenerator {
  /** e_machine. */
  readonly machine: number;
  /**
   * The code of one instruction.
   * @param distance bytes from the start of this instruction to a label; the length must not depend on it
   */
  encode(
    instruction: Exclude<Instruction, { op: 'label' | 'address' }>,
    distance: (label: Label) => number,
  ): Uint8Array;
}
