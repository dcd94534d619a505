import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { encodeElfNotes } from '../../../src/formats/elf-notes.ts';
import { readCpuTraces } from '../../../src/formats/vmcore/cpu-traces.ts';
import type { KernelMemory } from '../../../src/formats/vmcore/kernel-memory.ts';
import { readKernelSymbols } from '../../../src/formats/vmcore/kernel-symbols.ts';
import { prstatusNote } from '../../support/dump-writers.ts';
import { outcomeOf } from '../../support/hostile-bytes.ts';
import { inputs } from '../../support/inputs.ts';
import {
  type AddressEncoding,
  encodeKallsyms,
  encodeOrc,
  type OrcLayout,
  type OrcSpec,
} from '../../support/kernel-image-builder.ts';
import { sparseKernel } from '../../support/sparse-kernel.ts';

const IMAGE = 0xffff_ffff_8100_0000n;
/** Functions of 256 bytes from the beginning of the text on. */
const THUNK = '__x86_indirect_thunk_array';
const FUNCTIONS = [
  '_stext',
  'start_function',
  'middle_function',
  'task_start',
  'asm_exc',
  'crashed_here',
  THUNK,
];
const functionAt = (name: string) => IMAGE + BigInt(FUNCTIONS.indexOf(name) * 256);
const DATA = IMAGE + 0x10000n;
const STACK = 0xffff_c900_0001_0000n;
const STACK_SIZE = 0x4000;

interface Options {
  readonly encoding?: AddressEncoding;
  readonly layout?: OrcLayout;
  readonly hasOrc?: boolean;
  /** Where the CPU is, and the offset of its stack pointer. */
  readonly at?: { readonly ip: bigint; readonly sp: bigint };
  readonly damage?: (bytes: Buffer) => void;
}

/**
 * crashed_here was called by middle_function with a frame of 24 bytes; that was interrupted code of start_function,
 * whose registers asm_exc has saved; task_start called it.
 */
function buildKernel({
  encoding = 'place-relative',
  layout = '7.2',
  hasOrc = true,
  at: { ip, sp } = { ip: functionAt('crashed_here') + 0x10n, sp: 0x100n },
  damage,
}: Options): KernelMemory {
  const data = Buffer.alloc(0x8000);
  let free = 0;
  const put = (bytes: Uint8Array) => {
    const at = free;
    data.set(bytes, at);
    free = Math.ceil((at + bytes.length) / 8) * 8;
    return DATA + BigInt(at);
  };
  const u32 = (value: number) => Buffer.from(Uint32Array.of(value).buffer);
  const u64 = (value: bigint) => Buffer.from(BigUint64Array.of(BigInt.asUintN(64, value)).buffer);
  const note = encodeElfNotes([prstatusNote(321, { ip, sp: STACK + sp })]);
  // The offset of CPU 1 leads from a variable's address to its own copy of it.
  const notesAt = put(Buffer.concat([note, Buffer.alloc(512 - note.length + 64)]));
  const base = 0x1_0000n;
  const crashNotes = put(u64(base));
  const perCpu = put(Buffer.concat([u64(DATA + 0x7000n - base), u64(notesAt - base)]));
  const variables = new Map([
    ['crash_notes', crashNotes],
    ['__per_cpu_offset', perCpu],
    ['nr_cpu_ids', put(u32(2))],
    ['panic_cpu', put(u32(1))],
  ]);
  const orc = encodeOrc(orcEntries(), layout, DATA + BigInt(free));
  const orcAddresses = put(orc.addresses);
  if (hasOrc) {
    variables.set('__start_orc_unwind_ip', orcAddresses);
    variables.set('__stop_orc_unwind_ip', orcAddresses + BigInt(orc.addresses.length));
    variables.set('__start_orc_unwind', put(orc.entries));
  }
  const symbols = [
    { name: 'a_variable_of_each_cpu', address: 0x40n },
    ...FUNCTIONS.map((name) => ({ name, address: functionAt(name) })),
    { name: '_etext', address: IMAGE + BigInt(FUNCTIONS.length * 256) },
    ...[...variables].map(([name, address]) => ({ name, address })),
  ];
  const relevant = encoding === 'absolute-percpu' ? symbols : symbols.slice(1);
  const tables = encodeKallsyms(relevant, encoding, IMAGE);
  const offsetsAt = DATA + BigInt(free);
  put(tables.offsets(offsetsAt));
  const info = new Map([
    ['SYMBOL(_stext)', IMAGE.toString(16)],
    ['SYMBOL(kallsyms_offsets)', offsetsAt.toString(16)],
    ['SYMBOL(kallsyms_names)', put(tables.names).toString(16)],
    ['SYMBOL(kallsyms_token_table)', put(tables.tokenTable).toString(16)],
    ['SYMBOL(kallsyms_token_index)', put(tables.tokenIndex).toString(16)],
    ['SYMBOL(kallsyms_num_syms)', put(u32(relevant.length)).toString(16)],
  ]);
  if (encoding !== 'place-relative') info.set('SYMBOL(kallsyms_relative_base)', put(u64(IMAGE)).toString(16));
  damage?.(data);
  return sparseKernel(
    [
      { start: DATA, bytes: data },
      { start: STACK, bytes: buildStack() },
    ],
    info,
  );
}

function buildStack(): Buffer {
  const stack = Buffer.alloc(STACK_SIZE);
  const set = (offset: number, value: bigint) => stack.writeBigUInt64LE(BigInt.asUintN(64, value), offset);
  // A thunk that crashed_here has called, and that has called a part of itself.
  set(0xf0, functionAt(THUNK) + 5n);
  set(0xf8, functionAt('crashed_here') + 0x10n);
  // crashed_here: 16 bytes, then the return address into middle_function.
  set(0x108, functionAt('start_function') + 0x99n);
  set(0x110, functionAt('middle_function') + 0x20n);
  // middle_function: 24 bytes, then the return address into asm_exc.
  set(0x130, functionAt('asm_exc') + 0x20n);
  // struct pt_regs of asm_exc: the interrupted code of start_function, on the same stack.
  set(0x138 + 128, functionAt('start_function') + 0x80n);
  set(0x138 + 136, 0x10n);
  set(0x138 + 152, STACK + 0x300n);
  set(0x308, functionAt('task_start') + 0x30n);
  return stack;
}

/** Many entries that are alike, as in any kernel: the layout is told by the commonest. */
function orcEntries(): OrcSpec[] {
  const call = (name: string, offset: number): OrcSpec => ({
    address: functionAt(name),
    sp: ['sp', offset],
    bp: ['previous-sp', -16],
    type: 'call',
  });
  const filler = Array.from(
    { length: 100 },
    (_none, index): OrcSpec => ({
      address: IMAGE + BigInt(index),
      sp: ['sp', 8],
      type: 'call',
    }),
  );
  return [
    ...filler,
    call('start_function', 16),
    call('middle_function', 32),
    { address: functionAt('task_start'), sp: ['undefined', 0], type: 'end' },
    { address: functionAt('asm_exc'), sp: ['sp', 0], type: 'regs', isSignal: true },
    call('crashed_here', 24),
    { address: functionAt(THUNK), sp: ['undefined', 0], type: 'end' },
  ];
}

const TRACE = [
  'crashed_here+0x10/0x100',
  'middle_function+0x20/0x100',
  'asm_exc+0x20/0x100',
  'start_function+0x80/0x100',
  'task_start+0x30/0x100',
];

function linesOf(memory: KernelMemory): string[] {
  const [cpu] = readCpuTraces(memory);
  return cpu!.trace.frames.map(
    ({ symbol, certainty }) =>
      `${certainty === 'guess' ? '? ' : ''}${symbol!.name}+0x${symbol!.offset.toString(16)}/0x${symbol!.size.toString(16)}`,
  );
}

for (const layout of ['6.1', '6.3', '6.4', '7.2'] as const)
  test(`a stack is unwound through an exception to the task's first function, ORC as of ${layout}`, () => {
    const memory = buildKernel({ layout });
    assert.deepEqual(linesOf(memory), TRACE);
    const [cpu, ...others] = readCpuTraces(memory);
    assert.deepEqual(others, []);
    assert.deepEqual([cpu!.cpu, cpu!.pid, cpu!.hasPanicked], [1, 321, true]);
    assert.equal(cpu!.trace.end, 'the first function of the task');
  });

test('a thunk of which the tables say that nothing has called it is left for its caller', () => {
  const inside = (offset: bigint, sp: bigint) =>
    linesOf(buildKernel({ layout: '6.1', at: { ip: functionAt(THUNK) + offset, sp } }));
  assert.deepEqual(inside(0n, 0xf8n), [`${THUNK}+0x0/0x100`, ...TRACE]);
  assert.deepEqual(inside(9n, 0xf0n), [`${THUNK}+0x9/0x100`, `${THUNK}+0x5/0x100`, ...TRACE]);
});

for (const encoding of ['absolute-percpu', 'relative', 'place-relative'] as const)
  test(`symbols are found and named, addresses ${encoding}`, () => {
    const symbols = readKernelSymbols(buildKernel({ encoding }));
    assert.equal(symbols.find('middle_function'), functionAt('middle_function'));
    assert.equal(symbols.find('no_such_function'), undefined);
    assert.deepEqual(symbols.describe(functionAt('asm_exc') + 5n), {
      name: 'asm_exc',
      offset: 5n,
      size: 256n,
    });
    if (encoding === 'absolute-percpu') assert.equal(symbols.find('a_variable_of_each_cpu'), 0x40n);
    assert.deepEqual(linesOf(buildKernel({ encoding })), TRACE);
  });

test('without ORC tables only the instruction itself is certain, and the rest is marked as guessed', () => {
  const lines = linesOf(buildKernel({ hasOrc: false }));
  assert.equal(lines[0], TRACE[0]);
  assert.ok(lines.slice(1).every((line) => line.startsWith('? ')));
  assert.deepEqual(
    TRACE.slice(1).filter((line) => !lines.includes(`? ${line}`)),
    [],
  );
});

test('of more registers than Linux has CPUs no more are traced', () => {
  const memory = buildKernel({ damage: (bytes) => bytes.fill(0, 0, 12) });
  const note = prstatusNote(1, { ip: 0x1000n, sp: 0n });
  const dump = { ...memory.dump, notes: new Array(9000).fill(note) };
  const traces = readCpuTraces({ ...memory, dump });
  assert.equal(traces.length, 8192);
  assert.equal(traces[0]!.trace.end, 'it was in user space');
});

test('names of up to 16383 tokens have their length in two bytes', () => {
  const long = 'x'.repeat(300);
  const tables = encodeKallsyms(
    [
      { name: long, address: IMAGE },
      { name: '_stext', address: IMAGE },
    ],
    'relative',
    IMAGE,
  );
  const bytes = Buffer.alloc(0x4000);
  const at = (offset: number, part: Uint8Array) => {
    bytes.set(part, offset);
    return (DATA + BigInt(offset)).toString(16);
  };
  const info = new Map([
    ['SYMBOL(_stext)', IMAGE.toString(16)],
    ['SYMBOL(kallsyms_names)', at(0, tables.names)],
    ['SYMBOL(kallsyms_token_table)', at(0x1000, tables.tokenTable)],
    ['SYMBOL(kallsyms_token_index)', at(0x2000, tables.tokenIndex)],
    ['SYMBOL(kallsyms_offsets)', at(0x3000, tables.offsets(DATA + 0x3000n))],
    ['SYMBOL(kallsyms_num_syms)', at(0x3800, Uint8Array.of(2, 0, 0, 0))],
    ['SYMBOL(kallsyms_relative_base)', at(0x3808, Buffer.from(BigUint64Array.of(IMAGE).buffer))],
  ]);
  const symbols = readKernelSymbols(sparseKernel([{ start: DATA, bytes }], info));
  assert.equal(symbols.find(long), IMAGE);
});

test('damaged tables give a trace or an error of khop, and always an end', () => {
  fc.assert(
    fc.property(
      fc.constantFrom<OrcLayout>('6.1', '7.2'),
      fc.array(fc.tuple(fc.integer({ min: 0, max: 0x1fff }), fc.constantFrom(0, 1, 0x7f, 0x80, 0xff)), {
        minLength: 1,
        maxLength: 12,
      }),
      (layout, edits) => {
        const memory = buildKernel({
          layout,
          damage: (bytes) => {
            for (const [at, value] of edits) bytes[at] = value;
          },
        });
        outcomeOf(() => readCpuTraces(memory), new Uint8Array());
      },
    ),
    inputs(500),
  );
});
