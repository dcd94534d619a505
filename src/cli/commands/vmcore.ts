/**
 * `khop vmcore`.
 * @module
 */
import type { Command } from 'commander';
import type { CliContext } from '../context.ts';
import { withExamples } from '../examples.ts';

interface VmcoreOptions {
  readonly json?: boolean;
}

interface DmesgOptions extends VmcoreOptions {
  readonly decode?: boolean;
}

interface TraceOptions extends VmcoreOptions {
  readonly registers?: boolean;
  readonly blocked?: boolean;
}

const FILE = 'a dump: ELF, kdump-compressed, or either as a stream of makedumpfile -F; /proc/vmcore too';

export function addVmcoreCommand(program: Command, context: CliContext): void {
  const vmcore = program
    .command('vmcore')
    .summary('read the memory dump of a kernel that crashed')
    .description(
      'Read the memory dump of a kernel that crashed, of any machine: by kdump, makedumpfile or QEMU. No file\n' +
        'with debugging information is needed. What the dump does not have is said, never made up.',
    );
  const dmesg = vmcore
    .command('dmesg')
    .argument('<file>', FILE)
    .summary('print its kernel log')
    .description(
      'Print the kernel log of the dump, also what `dmesg -C` had hidden, as makedumpfile --dump-dmesg does.\n' +
        'Records that are lost are named on stderr. Exit status 1 when there is no log to be had.',
    )
    .option('-x, --decode', 'put facility, level and the task (T) or CPU (C) that wrote it before each line')
    .option('--json', 'print the result as JSON')
    .action(async (file: string, options: DmesgOptions) => showLog(context, file, options));
  withExamples(dmesg, [
    ['khop vmcore dmesg /var/crash/202611290312/dump', 'what did the kernel say before it died?'],
    ['khop vmcore dmesg --decode vmcore', 'the same with levels and callers'],
  ]);
  const info = vmcore
    .command('info')
    .argument('<file>', FILE)
    .summary('say what it is and whether it is complete')
    .description('Say which kernel crashed when, what memory the dump has, and whether all of it is there.')
    .option('--json', 'print the result as JSON')
    .action(async (file: string, options: VmcoreOptions) => showInfo(context, file, options));
  withExamples(info, [['khop vmcore info vmcore', 'is this dump worth keeping?']]);
  const bt = vmcore
    .command('bt')
    .argument('<file>', FILE)
    .summary('show what each CPU was doing')
    .description(
      'Show the calls that led to where each CPU was, the one that panicked first. The names come from the\n' +
        'dump itself (since Linux 6.0). A line with `?` is a guess: a word on the stack that may be of a call.',
    )
    .option('--registers', 'show the registers of each CPU, too')
    .option('--blocked', 'show the tasks that waited in uninterruptible sleep instead: what did it hang on?')
    .option('--json', 'print the result as JSON')
    .action(async (file: string, options: TraceOptions) =>
      options.blocked === true ? showBlocked(context, file, options) : showTraces(context, file, options),
    );
  withExamples(bt, [
    ['khop vmcore bt vmcore', 'where did it panic, and what did the other CPUs do?'],
    ['khop vmcore bt --registers vmcore', 'the same with the registers'],
    ['khop vmcore bt --blocked vmcore', 'which tasks were stuck, and where?'],
  ]);
  withExamples(vmcore, [
    ['khop vmcore dmesg vmcore', 'print the log of the kernel that crashed'],
    ['khop vmcore bt vmcore', 'show what each CPU was doing'],
    ['khop vmcore info vmcore', 'say what the dump has'],
  ]);
}

async function showLog(context: CliContext, path: string, options: DmesgOptions): Promise<void> {
  const { withDumpFile } = await import('../dump-file.ts');
  const { openKernelMemory } = await import('../../formats/vmcore/kernel-memory.ts');
  const { readCrashLog } = await import('../../formats/vmcore/crash-log.ts');
  const { crashLogToJson, renderCrashLog, renderLostRecords } = await import('../render/crash-log.ts');
  const [log, problems] = withDumpFile(path, context, (dump) => [
    readCrashLog(openKernelMemory(dump)),
    dump.problems,
  ]);
  if (options.json) {
    const { renderJson } = await import('../render/json.ts');
    context.print(renderJson({ ...(crashLogToJson(log) as object), problems }));
    return;
  }
  if (log.records.length > 0) context.print(renderCrashLog(log, options.decode === true));
  for (const line of renderLostRecords(log.lost)) context.remark(line);
  for (const problem of problems) context.remark(`note: ${problem}`);
}

async function showInfo(context: CliContext, path: string, options: VmcoreOptions): Promise<void> {
  const { withDumpFile } = await import('../dump-file.ts');
  const { readDumpFacts } = await import('../../formats/vmcore/dump-facts.ts');
  const { findPanicCpu } = await import('../../formats/vmcore/cpu-traces.ts');
  const { openKernelMemory } = await import('../../formats/vmcore/kernel-memory.ts');
  const facts = withDumpFile(path, context, (dump, fileSize) => ({
    ...readDumpFacts(dump),
    fileSize,
    panicCpu: dump.vmcoreinfo === undefined ? undefined : findPanicCpu(openKernelMemory(dump)),
  }));
  if (options.json) {
    const { renderJson } = await import('../render/json.ts');
    context.print(renderJson(facts));
    return;
  }
  const { renderDumpFacts } = await import('../render/dump-facts.ts');
  context.print(renderDumpFacts(facts, context));
}

async function showTraces(context: CliContext, path: string, options: TraceOptions): Promise<void> {
  const { withDumpFile } = await import('../dump-file.ts');
  const { openKernelMemory } = await import('../../formats/vmcore/kernel-memory.ts');
  const { readCpuTraces } = await import('../../formats/vmcore/cpu-traces.ts');
  const [cpus, problems] = withDumpFile(path, context, (dump) => [
    readCpuTraces(openKernelMemory(dump)),
    dump.problems,
  ]);
  if (options.json) {
    const { renderJson } = await import('../render/json.ts');
    context.print(renderJson({ cpus, problems }));
    return;
  }
  const { renderCpuTraces } = await import('../render/cpu-traces.ts');
  context.print(renderCpuTraces(cpus, { style: context.style, withRegisters: options.registers === true }));
  for (const problem of problems) context.remark(`note: ${problem}`);
}

async function showBlocked(context: CliContext, path: string, options: TraceOptions): Promise<void> {
  const { withDumpFile } = await import('../dump-file.ts');
  const { openKernelMemory } = await import('../../formats/vmcore/kernel-memory.ts');
  const { readBlockedTasks } = await import('../../formats/vmcore/blocked-tasks.ts');
  const [tasks, problems] = withDumpFile(path, context, (dump) => [
    readBlockedTasks(openKernelMemory(dump)),
    dump.problems,
  ]);
  if (options.json) {
    const { renderJson } = await import('../render/json.ts');
    context.print(renderJson({ tasks, problems }));
    return;
  }
  const { renderBlockedTasks } = await import('../render/cpu-traces.ts');
  context.print(renderBlockedTasks(tasks, context));
  for (const problem of problems) context.remark(`note: ${problem}`);
}
