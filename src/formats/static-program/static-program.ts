/**
 * Programs without libraries, written out by khop itself.
 *
 * Why a compiler lives here. Two moments of khop's work have no room for Node.js: after a kernel panic, when a small
 * kernel with a few MiB of memory has to save what it can, and the first act of a kernel on trial. A shell and its
 * tools would be megabytes of somebody else's, of some version, on the one path that is hard to try; a C program would
 * need a compiler on the machine, or a binary for each architecture in the package that nobody can read. What is
 * needed there is small: system calls, loops, and a little text. So such a program is a value in TypeScript
 * (`terms.ts`, `statements.ts`, `functions.ts`), tested like everything else, and becomes a file of some KiB that
 * is the same wherever it was made.
 *
 * How it becomes code. `compile.ts` turns functions into instructions of a machine with two registers and a stack
 * (`instructions.ts`), `data-layout.ts` gives data their addresses, and each instruction is then a row of a table for
 * the processor (`x86-64.ts`, `arm64.ts`). Nothing is optimised except that a constant or variable on the right
 * side is not put on the stack: a page of such a program is two or three KiB, and it waits for disks anyway.
 *
 * The calling convention. There is one data type, a word of 64 bits. Arguments are pushed in their order; the function
 * makes a frame in which its local variables are zero, and gives its result back in the first register. No
 * register is kept across anything, so there is nothing to save; only the stack and the frame register are restored.
 * The stack grows without a check: recursion is for small depths. The first function gets the address of argc,
 * behind which argv, envp and the auxiliary vector follow as the System V ABI says; `library/process.ts` finds them.
 *
 * What cannot be said: pointers to functions, signal handlers, threads (clone with memory shared), variables whose
 * address is taken (use `zeroed`), floating point.
 * @module
 */
import type { Architecture } from '../architecture.ts';
import { joinBytes } from '../join-bytes.ts';
import { ARM64_CODE } from './arm64.ts';
import { compileProgram } from './compile.ts';
import { type DataLayout, layOutData } from './data-layout.ts';
import { encodeExecutable, IMAGE_ADDRESS, ZEROED_ADDRESS } from './executable.ts';
import type { ProgramFunction } from './functions.ts';
import type { CodeGenerator, Instruction, Label } from './instructions.ts';
import { X86_64_CODE } from './x86-64.ts';

const GENERATORS: Readonly<Record<Architecture, CodeGenerator>> = {
  'x86-64': X86_64_CODE,
  arm64: ARM64_CODE,
};

/** Code begins on its own cache line. */
const CODE_ALIGNMENT = 64;

/**
 * The executable file of the program that `main` is. It is called with the address of argc and gives back the exit
 * status. The same program gives the same bytes.
 * @throws E_INTERNAL for a program that cannot be
 */
export function encodeStaticProgram(
  main: ProgramFunction<readonly [string]>,
  architecture: Architecture,
): Uint8Array {
  const generator = GENERATORS[architecture];
  const instructions = compileProgram(main.definition, architecture);
  const data = layOutData(
    instructions.flatMap((instruction) => (instruction.op === 'address' ? [instruction.of] : [])),
    architecture,
    { constants: IMAGE_ADDRESS, zeroed: ZEROED_ADDRESS },
  );
  const codeAddress =
    (IMAGE_ADDRESS + BigInt(data.constants.length + CODE_ALIGNMENT - 1)) & -BigInt(CODE_ALIGNMENT);
  const padding = new Uint8Array(Number(codeAddress - IMAGE_ADDRESS) - data.constants.length);
  return encodeExecutable({
    machine: generator.machine,
    image: joinBytes([data.constants, padding, ...assemble(instructions, data, generator)]),
    entry: codeAddress,
    zeroedSize: data.zeroedSize,
  });
}

/** Lengths do not depend on distances: what has one in it is encoded again when it is known where the labels are. */
function assemble(
  instructions: readonly Instruction[],
  data: DataLayout,
  generator: CodeGenerator,
): Uint8Array[] {
  const labels = new Map<Label, number>();
  const distant: (() => void)[] = [];
  const codes: Uint8Array[] = [];
  let at = 0;
  for (const instruction of instructions) {
    if (instruction.op === 'label') {
      labels.set(instruction.label, at);
      continue;
    }
    const step =
      instruction.op === 'address'
        ? ({ op: 'constant', to: instruction.to, value: data.addressOf(instruction.of) } as const)
        : instruction;
    const [start, index] = [at, codes.length];
    let isDistant = false;
    const code = generator.encode(step, () => {
      isDistant = true;
      return 0;
    });
    if (isDistant)
      distant.push(() => {
        codes[index] = generator.encode(step, (label) => labels.get(label)! - start);
      });
    codes.push(code);
    at += code.length;
  }
  for (const encodeAgain of distant) encodeAgain();
  return codes;
}
