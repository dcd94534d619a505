/**
 * Functions of a static program. One is called as what it is in TypeScript too, a function:
 *
 *   const larger = fn('larger', ['a', 'b'], [], ({ a, b }) => [
 *     when([a, '>', b], [giveBack(a)]),
 *     giveBack(b),
 *   ]);
 *   … set(size, larger(size, 4096))
 *
 * So a call with too few arguments, or of a function that does not exist, is an error of types. A function that calls
 * itself needs its type written down: `const f: ProgramFunction<readonly ['n']> = fn(…)`.
 *
 * What TypeScript itself can do, it does while the program is written: flags are joined with `|`, a function that gives
 * a term or statements stands for them wherever it is called, and `map` unrolls a loop over what is known.
 * @module
 */
import { refuse } from './refusal.ts';
import type { Statement } from './statements.ts';
import type { Call, Local, Term } from './terms.ts';

/** The arguments of a system call and of a function: what both architectures have registers for. */
export const MOST_ARGUMENTS = 6;
/** What the shortest arm64 instruction for them reaches. A function with more is two functions. */
export const MOST_LOCALS = 32;

/** A function as data. */
export interface FunctionDefinition {
  /** For messages. */
  readonly name: string;
  readonly parameters: readonly string[];
  /** Local variables; each is 0 at the start of a call. */
  readonly locals: readonly string[];
  /** Asked for once, when a program is made of it. A function that comes to its end gives back 0. */
  readonly body: () => readonly Statement[];
}

/** What a call hands over: one term for each parameter. */
export type ArgumentsOf<Parameters extends readonly string[]> = {
  readonly [Index in keyof Parameters]: Term;
};

/** A function of the program, to be called in its terms and statements. */
export interface ProgramFunction<Parameters extends readonly string[]> {
  (...args: ArgumentsOf<Parameters>): Call;
  readonly definition: FunctionDefinition;
}

/** Defines a function: its name, its parameters, its local variables, and what it does with them. */
export function fn<const Parameters extends readonly string[], const Locals extends readonly string[]>(
  name: string,
  parameters: Parameters,
  locals: Locals,
  body: (variables: Readonly<Record<Parameters[number] | Locals[number], Local>>) => readonly Statement[],
): ProgramFunction<Parameters> {
  const definition: FunctionDefinition = {
    name,
    parameters,
    locals,
    body: () => body(variables as Readonly<Record<Parameters[number] | Locals[number], Local>>),
  };
  const names = [...parameters, ...locals];
  if (new Set(names).size < names.length) refuse(`${name} has two variables of one name`);
  if (parameters.length > MOST_ARGUMENTS) refuse(`${name} has more than ${MOST_ARGUMENTS} parameters`);
  if (locals.length > MOST_LOCALS) refuse(`${name} has more than ${MOST_LOCALS} local variables`);
  const variables = Object.fromEntries(
    names.map((variable) => [variable, { kind: 'local', name: variable, owner: definition }]),
  );
  const call = (...args: readonly Term[]): Call => ({ kind: 'call', callee: definition, args });
  return Object.assign(call, { definition }) as ProgramFunction<Parameters>;
}
