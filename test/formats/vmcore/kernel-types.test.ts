import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { readBlockedTasks } from '../../../src/formats/vmcore/blocked-tasks.ts';
import { readKernelTypes } from '../../../src/formats/vmcore/btf.ts';
import type { KernelMemory } from '../../../src/formats/vmcore/kernel-memory.ts';
import { readKernelModules } from '../../../src/formats/vmcore/kernel-modules.ts';
import { readKernelSymbols } from '../../../src/formats/vmcore/kernel-symbols.ts';
import { readPointer } from '../../../src/formats/vmcore/kernel-values.ts';
import { encodeBtf, type StructureSpec } from '../../support/btf-writer.ts';
import { outcomeOf } from '../../support/hostile-bytes.ts';
import { inputs } from '../../support/inputs.ts';
import { encodeKallsyms, type SymbolSpec } from '../../support/kernel-image-builder.ts';
import { sparseKernel } from '../../support/sparse-kernel.ts';

const TEXT = 0xffff_ffff_8100_0000n;
const DATA = TEXT + 0x10_0000n;
const MODULE_CODE = 0xffff_ffff_c000_0000n;

const plain = (...names: readonly string[]) => names.map((name, index) => ({ name, offset: index * 16 }));
const STRUCTURES: StructureSpec[] = [
  {
    name: 'task_struct',
    size: 160,
    members: [
      ...plain('__state', 'pid', 'comm', 'tasks', 'signal', 'thread_node'),
      { name: 'thread', offset: 96, structure: 2 },
    ],
  },
  { name: 'signal_struct', size: 16, members: plain('thread_head') },
  { name: 'thread_struct', size: 16, members: [{ name: 'sp', offset: 8 }] },
  {
    name: 'module',
    size: 300,
    members: [
      ...plain('state', 'list'),
      { name: 'name', offset: 32 },
      { name: '', offset: 96, structure: 5 },
      { name: 'kallsyms', offset: 200 },
    ],
  },
  {
    name: 'module_memory',
    size: 24,
    members: [
      { name: 'base', offset: 0 },
      { name: 'size', offset: 8 },
    ],
  },
  { name: '', size: 100, members: [{ name: 'mem', offset: 8, structure: 4, isArray: true }] },
  {
    name: 'mod_kallsyms',
    size: 32,
    members: [
      { name: 'symtab', offset: 0 },
      { name: 'num_symtab', offset: 8 },
      { name: 'strtab', offset: 16 },
    ],
  },
];

/** Memory that is filled from the beginning. */
class Arena {
  readonly bytes = Buffer.alloc(0x20000);
  #free = 0x100;

  reserve(length: number): bigint {
    const at = this.#free;
    this.#free = Math.ceil((at + length) / 16) * 16;
    return DATA + BigInt(at);
  }

  put(content: Uint8Array): bigint {
    const address = this.reserve(content.length);
    this.bytes.set(content, Number(address - DATA));
    return address;
  }

  word(address: bigint, value: bigint): void {
    this.bytes.writeBigUInt64LE(BigInt.asUintN(64, value), Number(address - DATA));
  }

  text(address: bigint, value: string): void {
    this.bytes.write(`${value}\0`, Number(address - DATA), 'latin1');
  }
}

interface TaskSpec {
  readonly name: string;
  readonly pid: number;
  readonly state: number;
}

/** Processes, each with its threads, and one module. */
function buildKernel(
  processes: readonly (readonly TaskSpec[])[],
  damage?: (bytes: Buffer) => void,
): KernelMemory {
  const arena = new Arena();
  const link = (nodes: readonly bigint[]) => {
    for (const [index, node] of nodes.entries()) arena.word(node, nodes[(index + 1) % nodes.length]!);
  };
  const leaders: bigint[] = [];
  for (const threads of processes) {
    const signal = arena.reserve(16);
    const tasks = threads.map((spec) => {
      const task = arena.reserve(160);
      const stack = arena.reserve(256);
      arena.word(task, BigInt(spec.state));
      arena.word(task + 16n, BigInt(spec.pid));
      arena.text(task + 32n, spec.name);
      arena.word(task + 64n, signal);
      arena.word(task + 96n + 8n, stack);
      // struct inactive_task_frame: bp, then where it goes on.
      arena.word(stack + 48n, TEXT + 0x110n);
      return task;
    });
    leaders.push(tasks[0]!);
    link([signal, ...tasks.map((task) => task + 80n)]);
  }
  link(leaders.map((task) => task + 48n));
  const modules = arena.reserve(16);
  const module = arena.reserve(300);
  link([modules, module + 16n]);
  arena.text(module + 32n, 'broken_driver');
  arena.word(module + 96n + 8n, MODULE_CODE);
  arena.word(module + 96n + 16n, 0x1000n);
  const kallsyms = arena.reserve(32);
  const strings = arena.put(Buffer.from('\0probe\0remove\0external\0', 'latin1'));
  const table = Buffer.alloc(4 * 24);
  for (const [index, [nameAt, section, value]] of [
    [0, 0, 0n],
    [7, 1, MODULE_CODE + 0x200n],
    [1, 1, MODULE_CODE + 0x40n],
    [14, 0, MODULE_CODE + 0x60n],
  ].entries() as Iterable<[number, [number, number, bigint]]>) {
    table.writeUInt32LE(nameAt, index * 24);
    table.writeUInt16LE(section, index * 24 + 6);
    table.writeBigUInt64LE(value, index * 24 + 8);
  }
  arena.word(kallsyms, arena.put(table));
  arena.word(kallsyms + 8n, 4n);
  arena.word(kallsyms + 16n, strings);
  arena.word(module + 200n, kallsyms);
  const btf = encodeBtf(STRUCTURES);
  const types = arena.put(btf);
  const symbols = [
    { name: '_stext', address: TEXT },
    { name: 'wait_for_disk', address: TEXT + 0x100n },
    { name: '_etext', address: TEXT + 0x1000n },
    { name: 'init_task', address: leaders[0]! },
    { name: 'modules', address: modules },
    { name: '__start_BTF', address: types },
    { name: '__stop_BTF', address: types + BigInt(btf.length) },
  ];
  return withSymbols(arena, symbols, damage);
}

function withSymbols(
  arena: Arena,
  symbols: readonly SymbolSpec[],
  damage: ((bytes: Buffer) => void) | undefined,
): KernelMemory {
  const tables = encodeKallsyms(symbols, 'relative', TEXT);
  const hex = (content: Uint8Array) => arena.put(content).toString(16);
  const info = new Map([
    ['SYMBOL(_stext)', TEXT.toString(16)],
    ['SYMBOL(kallsyms_names)', hex(tables.names)],
    ['SYMBOL(kallsyms_token_table)', hex(tables.tokenTable)],
    ['SYMBOL(kallsyms_token_index)', hex(tables.tokenIndex)],
    ['SYMBOL(kallsyms_offsets)', hex(tables.offsets(0n))],
    ['SYMBOL(kallsyms_num_syms)', hex(Uint8Array.of(symbols.length, 0, 0, 0))],
    ['SYMBOL(kallsyms_relative_base)', hex(Buffer.from(BigUint64Array.of(TEXT).buffer))],
  ]);
  damage?.(arena.bytes);
  return sparseKernel([{ start: DATA, bytes: arena.bytes }], info);
}

const IDLE = { name: 'swapper/0', pid: 0, state: 0 };
const PROCESSES: TaskSpec[][] = [
  [IDLE],
  [
    { name: 'database', pid: 100, state: 1 },
    { name: 'db-writer', pid: 101, state: 2 },
  ],
  [{ name: 'kworker/0:1', pid: 5, state: 0x402 }],
  [{ name: 'cp', pid: 200, state: 0x102 }],
];

test('tasks in uninterruptible sleep are found among all threads, without idle kernel threads', () => {
  const tasks = readBlockedTasks(buildKernel(PROCESSES));
  assert.deepEqual(
    tasks.map(({ name, pid }) => [name, pid]),
    [
      ['db-writer', 101],
      ['cp', 200],
    ],
  );
  const [frame] = tasks[0]!.trace.frames;
  assert.deepEqual(frame!.symbol, { name: 'wait_for_disk', offset: 0x10n, size: 0xf00n, module: undefined });
});

test('processes that all have the same thousands of threads end soon, and not each is traced', () => {
  const memory = buildKernel(PROCESSES);
  const first = readKernelSymbols(memory).find('init_task')! + 48n;
  const [tasks, signal] = [0xffff_9000_0000_0000n, 0xffff_a000_0000_0000n];
  const [leaders, threads] = [200n, 20_000n];
  /** Tasks of 256 bytes that wait: the first lead, and each of these has all of them as its threads. */
  const wordAt = (address: bigint) => {
    if (address === first) return tasks + 48n;
    if (address === signal) return tasks + 80n;
    const [index, member] = [(address - tasks) / 256n, (address - tasks) % 256n];
    if (member === 48n) return index + 1n < leaders ? address + 256n : first;
    if (member === 80n) return index + 1n < threads ? address + 256n : signal;
    return member === 64n ? signal : 2n;
  };
  let reads = 0;
  const read: KernelMemory['read'] = (address, length) => {
    reads++;
    if (address !== first && (address < tasks || address > signal)) return memory.read(address, length);
    const bytes = Buffer.alloc(Math.max(8, length));
    bytes.writeBigUInt64LE(wordAt(address));
    return { state: 'read', bytes: bytes.subarray(0, length) };
  };
  const found = readBlockedTasks({ ...memory, read });
  assert.ok(reads < 1_000_000, `${reads} reads`);
  assert.equal(found.length, 20_000);
  assert.match(found[4095]!.trace.end, /its stack is not in the dump/);
  assert.match(found[4096]!.trace.end, /it is not traced: 4096 tasks before it wait as well/);
});

test('members of nameless structures and of arrays are found by the types', () => {
  const memory = buildKernel(PROCESSES);
  const types = readKernelTypes(memory, readKernelSymbols(memory))!;
  assert.deepEqual(types.member('module', 'mem'), { offset: 104, elementSize: 24 });
  assert.deepEqual(types.member('task_struct', 'thread'), { offset: 96, elementSize: 16 });
  assert.deepEqual(types.member('task_struct', 'pid'), { offset: 16, elementSize: undefined });
  assert.equal(types.member('task_struct', 'state'), undefined);
  assert.equal(types.member('no_such_struct', 'pid'), undefined);
});

test('a module is known with its code and its own symbols, undefined ones left out', () => {
  const memory = buildKernel(PROCESSES);
  const symbols = readKernelSymbols(memory);
  const types = readKernelTypes(memory, symbols)!;
  const [module, ...others] = readKernelModules(memory, symbols, { types, orc: undefined });
  assert.deepEqual(others, []);
  assert.deepEqual(
    [module!.name, module!.start, module!.end],
    ['broken_driver', MODULE_CODE, MODULE_CODE + 0x1000n],
  );
  assert.deepEqual(module!.describe(MODULE_CODE + 0x68n), { name: 'probe', offset: 0x28n, size: 0x1c0n });
  assert.deepEqual(module!.describe(MODULE_CODE + 0x300n), { name: 'remove', offset: 0x100n, size: 0xe00n });
  assert.equal(module!.describe(MODULE_CODE + 0x10n), undefined);
});

test('modules that share one large table of symbols read it once, and then it is an error', () => {
  const memory = buildKernel(PROCESSES);
  const symbols = readKernelSymbols(memory);
  const node = readPointer(memory, symbols.find('modules')!, 'modules');
  const kallsyms = readPointer(memory, node + 184n, 'kallsyms');
  const table = Buffer.alloc(300_000 * 24);
  const read: KernelMemory['read'] = (address, length) => {
    if (length === table.length) return { state: 'read', bytes: table };
    // The module is the next one of itself.
    const word = address === node ? node : address === kallsyms + 8n ? 300_000n : undefined;
    if (word === undefined) return memory.read(address, length);
    return { state: 'read', bytes: Buffer.from(BigUint64Array.of(word).buffer).subarray(0, length) };
  };
  const types = readKernelTypes(memory, symbols)!;
  const [first, second] = readKernelModules({ ...memory, read }, symbols, { types, orc: undefined });
  assert.equal(first!.describe(MODULE_CODE), undefined);
  assert.throws(() => second!.describe(MODULE_CODE), /a module has 300000 symbols/);
});

test('damaged lists, types and symbols of modules give a value or an error of khop, and always an end', () => {
  const edit = fc.tuple(fc.integer({ min: 0x100, max: 0x1200 }), fc.constantFrom(0, 1, 0x10, 0x7f, 0xff));
  fc.assert(
    fc.property(fc.array(edit, { minLength: 1, maxLength: 10 }), (edits) => {
      const memory = buildKernel(PROCESSES, (bytes) => {
        for (const [at, value] of edits) bytes[at] = value;
      });
      outcomeOf(() => readBlockedTasks(memory), new Uint8Array());
    }),
    inputs(400),
  );
});
