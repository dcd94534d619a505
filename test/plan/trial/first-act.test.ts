import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Architecture } from '../../../src/formats/architecture.ts';
import { parseElf } from '../../../src/formats/elf.ts';
import { joinBytes } from '../../../src/formats/join-bytes.ts';
import { ARM64_CODE } from '../../../src/formats/static-program/arm64.ts';
import { compileProgram } from '../../../src/formats/static-program/compile.ts';
import { type DataLayout, layOutData } from '../../../src/formats/static-program/data-layout.ts';
import {
  encodeExecutable,
  IMAGE_ADDRESS,
  ZEROED_ADDRESS,
} from '../../../src/formats/static-program/executable.ts';
import type { CodeGenerator, Instruction, Label } from '../../../src/formats/static-program/instructions.ts';
import { encodeStaticProgram } from '../../../src/formats/static-program/static-program.ts';
import { X86_64_CODE } from '../../../src/formats/static-program/x86-64.ts';
import { firstAct } from '../../../src/plan/trial/first-act.ts';
import { FIRST_ACT_PATH, type FirstActOrder } from '../../../src/plan/trial/first-act-order.ts';
import { guardian } from '../../../src/plan/trial/guardian.ts';
import { leaveTrial } from '../../../src/plan/trial/leave-trial.ts';
import { hex } from '../../support/encoding-listings.ts';

const ARCHITECTURES = ['x86-64', 'arm64'] as const;
/** Behind headers and what is written to. */
const IMAGE_OFFSET = 0x100;
const GENERATORS = { 'x86-64': X86_64_CODE, arm64: ARM64_CODE } as const;
/** What calls main and exits with what it gives back; `executable.test.ts` has it beside its text. */
const STARTS = {
  'x86-64': '48 89 e0 50 e8 16 00 00 00 50 5f 31 f6 31 d2 45 31 d2 45 31 c0 45 31 c9 b8 e7 00 00 00 0f 05',
  arm64: [
    'e0 03 00 91 e0 0f 1f f8 0b 00 00 94 ff 43 00 91 e0 0f 1f f8',
    'e0 07 41 f8 01 00 80 d2 02 00 80 d2 03 00 80 d2 04 00 80 d2 05 00 80 d2 c8 0b 80 d2 01 00 00 d4',
  ].join(' '),
} as const;
/** How any function ends, giving back 0; on x86-64 with the bytes of its parameters. */
const ENDS = {
  'x86-64': /b8 00 00 00 00 c9 c2 [0-3][08] 00$/,
  arm64: /00 00 80 d2 bf 03 00 91 fd 7b c1 a8 c0 03 5f d6$/,
} as const;
const DEADLINES = { bootDeadlineMs: 60_000, deadlineMs: 300_000, wayHomeMs: 90_000 };
const WATCHDOG = { modules: [], device: '/dev/watchdog0', timeoutSeconds: 60, leaveSeconds: 180 };

function orderFor(architecture: Architecture): FirstActOrder {
  return {
    ...DEADLINES,
    architecture,
    init: '/init',
    crash: undefined,
    home: undefined,
    watchdog: undefined,
  };
}

function programOf(order: FirstActOrder): Uint8Array {
  const [program] = firstAct(order).files;
  assert.equal(program?.path, FIRST_ACT_PATH);
  return program.bytes;
}

/** The code of each instruction, in their order. A label is where the code before it ends. */
function codesOf(
  { encode }: CodeGenerator,
  instructions: readonly Instruction[],
  addressOf: DataLayout['addressOf'],
) {
  const steps = instructions.map((step) =>
    step.op === 'address' ? ({ op: 'constant', to: step.to, value: addressOf(step.of) } as const) : step,
  );
  const labels = new Map<Label, number>();
  let end = 0;
  const starts = steps.map((step) => {
    const start = end;
    if (step.op === 'label') labels.set(step.label, start);
    else end += encode(step, () => 0).length;
    return start;
  });
  return steps.flatMap((step, index) =>
    step.op === 'label' ? [] : [encode(step, (label) => labels.get(label)! - starts[index]!)],
  );
}

for (const architecture of ARCHITECTURES) {
  test(`${architecture}: the first act is headers, constants, and code from its entry to its end`, () => {
    const file = programOf(orderFor(architecture));
    const { machine, entry, programHeaders } = parseElf(file);
    const image = file.subarray(IMAGE_OFFSET);
    const zeroedSize = Number(programHeaders[1]!.memorySize - programHeaders[1]!.fileSize);
    assert.equal(hex(file), hex(encodeExecutable({ machine, image, entry, zeroedSize })));

    const constants = Buffer.from(image.subarray(0, Number(entry - IMAGE_ADDRESS)));
    assert.ok(constants.toString().startsWith('mount proc\0proc\0/khop/proc\0'));
    assert.ok(constants.includes('\0/init\0start /init\0'));
    const code = hex(image.subarray(constants.length));
    assert.ok(code.startsWith(STARTS[architecture]));
    assert.match(code, ENDS[architecture]);
  });

  test(`${architecture}: the first act of the same order is the same bytes`, () => {
    const first = programOf(orderFor(architecture));
    const other = programOf({ ...orderFor(architecture), watchdog: WATCHDOG });
    assert.notEqual(hex(first), hex(other));
    assert.equal(hex(first), hex(programOf(orderFor(architecture))));
  });

  test(`${architecture}: the guardian as a program is the code of its instructions, one after the other`, () => {
    const main = guardian(DEADLINES, leaveTrial);
    const generator = GENERATORS[architecture];
    const instructions = compileProgram(main.definition, architecture);
    const terms = instructions.flatMap((step) => (step.op === 'address' ? [step.of] : []));
    const data = layOutData(terms, architecture, { constants: IMAGE_ADDRESS, zeroed: ZEROED_ADDRESS });
    const padding = new Uint8Array(-data.constants.length & 63);
    const codes = codesOf(generator, instructions, data.addressOf);
    assert.equal(
      hex(encodeStaticProgram(main, architecture)),
      hex(
        encodeExecutable({
          machine: generator.machine,
          image: joinBytes([data.constants, padding, ...codes]),
          entry: IMAGE_ADDRESS + BigInt(data.constants.length + padding.length),
          zeroedSize: data.zeroedSize,
        }),
      ),
    );
  });
}
