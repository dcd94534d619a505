/**
 * Tasks that waited for something that did not come, when the kernel died of a hang: those in uninterruptible sleep.
 * Reference: linux include/linux/sched.h; arch/x86/include/asm/switch_to.h, struct inactive_task_frame.
 * @module
 */
import { ByteReader } from '../byte-reader.ts';
import { ELF_MACHINES } from '../elf.ts';
import { printableText } from '../printable-text.ts';
import type { KernelTypes } from './btf.ts';
import { openKernelCode, orUndefined } from './kernel-code.ts';
import type { KernelMemory } from './kernel-memory.ts';
import { readKernelBytes, readPointer, readU32 } from './kernel-values.ts';
import { type StackTrace, traceSleeper } from './stack-trace.ts';
import { requireKnown } from './vmcoreinfo.ts';

/** One task. */
export interface BlockedTask {
  readonly pid: number;
  readonly name: string;
  readonly trace: StackTrace;
}

/** kernel.pid_max is at most 4 Mi; a list that is longer than this goes in circles. */
const TASKS_LIMIT = 500_000;
/** More than anybody reads; each may have hundreds of calls. */
const TRACES_LIMIT = 4096;
/** TASK_UNINTERRUPTIBLE, and TASK_NOLOAD of kernel threads that are idle in it. */
const [UNINTERRUPTIBLE, IDLE] = [2, 0x400];
/** TASK_COMM_LEN. */
const NAME_SIZE = 16;

/** Offsets of members, bytes. */
interface TaskLayout {
  readonly state: bigint;
  readonly pid: bigint;
  readonly name: bigint;
  readonly tasks: bigint;
  readonly signal: bigint;
  readonly threads: bigint;
  readonly threadNode: bigint;
  readonly stackPointer: bigint;
}

/**
 * In the order of the kernel's list. A list that leaves the dump, or has more than 500,000 tasks, ends there.
 * @throws E_UNSUPPORTED for arm64, and for a kernel without BTF; E_UNSUPPORTED or E_FORMAT without symbols
 */
export function readBlockedTasks(memory: KernelMemory): BlockedTask[] {
  const code = openKernelCode(memory);
  const isKnown = memory.dump.machine === ELF_MACHINES.x86_64 ? true : undefined;
  requireKnown(isKnown, 'where tasks of this processor keep their registers while they sleep');
  const layout = readLayout(requireKnown(code.types, 'the types of its structures (BTF)'));
  const first = requireKnown(code.symbols.find('init_task'), 'where the tasks are');
  let traces = 0;
  const trace = (sp: bigint) => (traces++ < TRACES_LIMIT ? traceSleeper(code, sp) : UNTRACED);
  return listTasks(memory, layout, first).flatMap(
    (task) => orUndefined(() => readTask({ memory, layout, trace }, task)) ?? [],
  );
}

const UNTRACED: StackTrace = {
  frames: [],
  end: `it is not traced: ${TRACES_LIMIT} tasks before it wait as well`,
};

function readLayout(types: KernelTypes): TaskLayout {
  const place = (structure: string, ...names: readonly string[]) =>
    BigInt(
      requireKnown(
        names.map((name) => types.member(structure, name)?.offset).find((offset) => offset !== undefined),
        `OFFSET(${structure}.${names[0]})`,
      ),
    );
  return {
    // `state` before 5.14.
    state: place('task_struct', '__state', 'state'),
    pid: place('task_struct', 'pid'),
    name: place('task_struct', 'comm'),
    tasks: place('task_struct', 'tasks'),
    signal: place('task_struct', 'signal'),
    threads: place('signal_struct', 'thread_head'),
    threadNode: place('task_struct', 'thread_node'),
    stackPointer: place('task_struct', 'thread') + place('thread_struct', 'sp'),
  };
}

/** Every thread of every process: the list has the leaders, each with a list of its threads. */
function listTasks(memory: KernelMemory, layout: TaskLayout, first: bigint): bigint[] {
  const leaders = listOf(memory, first + layout.tasks, TASKS_LIMIT).map((node) => node - layout.tasks);
  const seen = new Set<bigint>();
  // Of visits, not of tasks: in a damaged dump many leaders may have the same threads.
  let left = TASKS_LIMIT;
  for (const leader of leaders) {
    seen.add(leader);
    const signal = orUndefined(() => readPointer(memory, leader + layout.signal, 'signal'));
    if (signal === undefined) continue;
    const nodes = listOf(memory, signal + layout.threads, left);
    for (const node of nodes) seen.add(node - layout.threadNode);
    left -= nodes.length;
    if (left <= 0) break;
  }
  return [...seen];
}

/** Nodes of a struct list_head, without the head. */
function listOf(memory: KernelMemory, head: bigint, limit: number): bigint[] {
  const nodes = new Set<bigint>();
  let at = orUndefined(() => readPointer(memory, head, 'list'));
  while (at !== undefined && at !== head && !nodes.has(at) && nodes.size < limit) {
    const node = at;
    nodes.add(node);
    at = orUndefined(() => readPointer(memory, node, 'list'));
  }
  return [...nodes];
}

/** What it takes to read one. */
interface TaskReader {
  readonly memory: KernelMemory;
  readonly layout: TaskLayout;
  readonly trace: (stackPointer: bigint) => StackTrace;
}

function readTask({ memory, layout, trace }: TaskReader, task: bigint): BlockedTask | undefined {
  const state = readU32(memory, task + layout.state, 'state');
  if ((state & UNINTERRUPTIBLE) === 0 || (state & IDLE) !== 0) return undefined;
  const name = new ByteReader(readKernelBytes(memory, task + layout.name, NAME_SIZE, 'comm'), 'comm');
  return {
    pid: readU32(memory, task + layout.pid, 'pid'),
    name: printableText(name.text(0, NAME_SIZE, 'comm')),
    trace: trace(readPointer(memory, task + layout.stackPointer, 'thread.sp')),
  };
}
