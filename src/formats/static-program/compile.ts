/**
 * A program becomes instructions: depth first, operands before operators, as it is written. What is not reached
 * from the first function is not there.
 * @module
 */
import type { Architecture } from '../architecture.ts';
import { SYSCALL_NUMBERS } from '../syscall-numbers.ts';
import { type FunctionDefinition, MOST_ARGUMENTS } from './functions.ts';
import type { Instruction, Label, Register, Variable } from './instructions.ts';
import { refuse } from './refusal.ts';
import type { Statement } from './statements.ts';
import {
  type DataTerm,
  type Local,
  type Operator,
  type PerArchitecture,
  type Term,
  wordOf,
} from './terms.ts';

/** An operation as a term. */
type Operation = readonly [Term, Operator, Term];

/** Where `leaveLoop` and `nextRound` go. */
interface Loop {
  readonly behind: Label;
  readonly start: Label;
}

/** What is known while a program is compiled. */
interface Compilation {
  readonly architecture: Architecture;
  readonly output: Instruction[];
  /** Functions that are called, and where each will be. */
  readonly functions: Map<FunctionDefinition, Label>;
  /** The function being compiled. */
  current: FunctionDefinition | undefined;
  labelCount: number;
}

/**
 * All instructions of a program, from the kernel's jump to its entry on: `main` is called with the address of argc
 * on the initial stack, and what it gives back is the exit status.
 * @throws E_INTERNAL for a local variable of another function, a loop left outside of any, or a number that is none
 */
export function compileProgram(main: FunctionDefinition, architecture: Architecture): readonly Instruction[] {
  const compilation: Compilation = {
    architecture,
    output: [],
    functions: new Map(),
    current: undefined,
    labelCount: 0,
  };
  if (main.parameters.length !== 1) refuse(`${main.name} has to have one parameter, the initial stack`);
  compilation.output.push(
    { op: 'stack-pointer' },
    { op: 'push' },
    { op: 'call', label: labelOf(compilation, main), argumentCount: 1 },
    { op: 'push' },
    { op: 'system-call', number: SYSCALL_NUMBERS[architecture].exit_group, argumentCount: 1 },
  );
  // The map grows while functions are met; its order is that of the first calls.
  for (const [definition, label] of compilation.functions) compileFunction(compilation, definition, label);
  return compilation.output;
}

function compileFunction(compilation: Compilation, definition: FunctionDefinition, label: Label): void {
  compilation.current = definition;
  compilation.output.push({ op: 'label', label }, { op: 'enter', localCount: definition.locals.length });
  compileBlock(compilation, definition.body(), undefined);
  compilation.output.push(
    { op: 'constant', to: 'first', value: 0n },
    { op: 'return', parameterCount: definition.parameters.length },
  );
}

function compileBlock(
  compilation: Compilation,
  statements: readonly Statement[],
  innermost: Loop | undefined,
): void {
  for (const statement of statements) compileStatement(compilation, statement, innermost);
}

function compileStatement(compilation: Compilation, statement: Statement, innermost: Loop | undefined): void {
  const { output } = compilation;
  switch (statement.kind) {
    case 'set':
      compileTerm(compilation, statement.value);
      output.push({ op: 'write', variable: variableOf(compilation, statement.local) });
      return;
    case 'store':
      compileOperands(compilation, statement.address, statement.value);
      output.push({ op: 'store', width: statement.width });
      return;
    case 'when':
      compileWhen(compilation, statement, innermost);
      return;
    case 'loop':
      compileLoop(compilation, statement.condition, statement.body);
      return;
    case 'leave-loop':
    case 'next-round':
      if (innermost === undefined) refuse(`${nameOf(compilation)} has a ${statement.kind} outside of a loop`);
      output.push({
        op: 'jump',
        label: statement.kind === 'leave-loop' ? innermost.behind : innermost.start,
      });
      return;
    case 'give-back':
      compileTerm(compilation, statement.value);
      output.push({ op: 'return', parameterCount: compilation.current?.parameters.length ?? 0 });
      return;
    case 'call':
    case 'system-call':
      compileTerm(compilation, statement);
  }
}

function compileWhen(
  compilation: Compilation,
  { condition, then, otherwise }: Extract<Statement, { kind: 'when' }>,
  innermost: Loop | undefined,
): void {
  const { output } = compilation;
  const [other, end] = [newLabel(compilation), newLabel(compilation)];
  compileTerm(compilation, condition);
  output.push({ op: 'jump-if-zero', label: other });
  compileBlock(compilation, then, innermost);
  if (otherwise.length > 0) output.push({ op: 'jump', label: end });
  output.push({ op: 'label', label: other });
  compileBlock(compilation, otherwise, innermost);
  output.push({ op: 'label', label: end });
}

function compileLoop(compilation: Compilation, condition: Term, body: readonly Statement[]): void {
  const { output } = compilation;
  const [start, behind] = [newLabel(compilation), newLabel(compilation)];
  output.push({ op: 'label', label: start });
  if (condition !== 1) {
    compileTerm(compilation, condition);
    output.push({ op: 'jump-if-zero', label: behind });
  }
  compileBlock(compilation, body, { start, behind });
  output.push({ op: 'jump', label: start }, { op: 'label', label: behind });
}

/** A term into `first`. */
function compileTerm(compilation: Compilation, term: Term): void {
  const { output, architecture } = compilation;
  if (isDirect(term)) output.push(directInstruction(compilation, term, 'first'));
  else if (isOperation(term)) compileOperation(compilation, term);
  else if (term.kind === 'load') {
    compileTerm(compilation, term.address);
    output.push({ op: 'load', width: term.width });
  } else if (term.kind === 'call') {
    const { callee, args } = term;
    compileArguments(compilation, callee.name, args, callee.parameters.length);
    output.push({ op: 'call', label: labelOf(compilation, callee), argumentCount: args.length });
  } else {
    const { name, args } = term;
    compileArguments(compilation, name, args, Math.min(args.length, MOST_ARGUMENTS));
    const number = SYSCALL_NUMBERS[architecture][name];
    output.push({ op: 'system-call', number, argumentCount: args.length });
  }
}

/** What takes one instruction and no register but the one it goes to. */
type DirectTerm = number | bigint | DataTerm | PerArchitecture | Local;

function isDirect(term: Term): term is DirectTerm {
  if (typeof term !== 'object') return true;
  return !isOperation(term) && term.kind !== 'load' && term.kind !== 'call' && term.kind !== 'system-call';
}

function directInstruction(compilation: Compilation, term: DirectTerm, to: Register): Instruction {
  requireDeclared(compilation, term);
  if (typeof term === 'number' || typeof term === 'bigint')
    return { op: 'constant', to, value: wordOf(term) };
  if (typeof term === 'string') return { op: 'address', to, of: term };
  if (term.kind === 'per-architecture')
    return { op: 'constant', to, value: wordOf(term.values[compilation.architecture]) };
  if (term.kind === 'local') return { op: 'read', to, variable: variableOf(compilation, term) };
  return { op: 'address', to, of: term };
}

/** Where types do not stop it, a variable that was not declared comes out of the others' record as undefined. */
function requireDeclared(compilation: Compilation, term: Term | undefined): void {
  if (term === undefined) refuse(`${nameOf(compilation)} uses a variable that it has not declared`);
}

function compileArguments(
  compilation: Compilation,
  callee: string,
  args: readonly Term[],
  expected: number,
): void {
  if (args.length !== expected)
    refuse(`${nameOf(compilation)} calls ${callee} with ${args.length} arguments instead of ${expected}`);
  for (const argument of args) {
    compileTerm(compilation, argument);
    compilation.output.push({ op: 'push' });
  }
}

function compileOperation(compilation: Compilation, [left, operator, right]: Operation): void {
  if (operator === '&&' || operator === '||') compileLogic(compilation, left, operator, right);
  else {
    compileOperands(compilation, left, right);
    compilation.output.push({ op: 'binary', operator });
  }
}

/** `left` into `first` and `right` into `second`, in this order. */
function compileOperands(compilation: Compilation, left: Term, right: Term): void {
  compileTerm(compilation, left);
  if (isDirect(right)) compilation.output.push(directInstruction(compilation, right, 'second'));
  else {
    compilation.output.push({ op: 'push' });
    compileTerm(compilation, right);
    compilation.output.push({ op: 'pop' });
  }
}

function compileLogic(compilation: Compilation, left: Term, operator: '&&' | '||', right: Term): void {
  const { output } = compilation;
  const decided = newLabel(compilation);
  compileTerm(compilation, left);
  output.push({ op: operator === '&&' ? 'jump-if-zero' : 'jump-unless-zero', label: decided });
  compileTerm(compilation, right);
  output.push(
    { op: 'label', label: decided },
    { op: 'constant', to: 'second', value: 0n },
    { op: 'binary', operator: '!=' },
  );
}

function isOperation(term: Term): term is Operation {
  return Array.isArray(term);
}

function variableOf(compilation: Compilation, local: Local): Variable {
  requireDeclared(compilation, local);
  const { name, owner } = local;
  if (owner !== compilation.current)
    refuse(`${nameOf(compilation)} uses ${name}, which is a variable of ${owner.name}`);
  const index = owner.locals.indexOf(name);
  if (index >= 0) return { kind: 'local', index };
  return { kind: 'parameter', behind: owner.parameters.length - 1 - owner.parameters.indexOf(name) };
}

function labelOf(compilation: Compilation, definition: FunctionDefinition): Label {
  const label = compilation.functions.get(definition) ?? newLabel(compilation);
  compilation.functions.set(definition, label);
  return label;
}

function newLabel(compilation: Compilation): Label {
  return compilation.labelCount++;
}

function nameOf(compilation: Compilation): string {
  return compilation.current?.name ?? 'the program';
}
