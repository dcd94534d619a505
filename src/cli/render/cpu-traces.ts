/**
 * What CPUs were doing, as text in the kernel's own form.
 * @module
 */

import type { BlockedTask } from '../../formats/vmcore/blocked-tasks.ts';
import type { CpuTrace } from '../../formats/vmcore/cpu-traces.ts';
import type { StackFrame, StackTrace } from '../../formats/vmcore/stack-trace.ts';
import type { CliContext } from '../context.ts';

/** A paragraph a CPU, the one that panicked first. */
export function renderCpuTraces(
  cpus: readonly CpuTrace[],
  options: Pick<CliContext, 'style'> & { readonly withRegisters: boolean },
): string {
  if (cpus.length === 0)
    return 'The dump has the registers of no CPU. Its log may have a trace: khop vmcore dmesg';
  return cpus
    .toSorted((a, b) => Number(b.hasPanicked) - Number(a.hasPanicked))
    .map((cpu) => renderCpu(cpu, options))
    .join('\n\n');
}

/** A paragraph a task. */
export function renderBlockedTasks(
  tasks: readonly BlockedTask[],
  { style }: Pick<CliContext, 'style'>,
): string {
  if (tasks.length === 0) return 'No task was in uninterruptible sleep.';
  return tasks
    .map(({ pid, name, trace }) =>
      [style('bold', `pid ${pid} (${name})`), ...renderTrace(trace, style)].join('\n'),
    )
    .join('\n\n');
}

function renderTrace(trace: StackTrace, style: CliContext['style']): string[] {
  return [...trace.frames.map(renderFrame), style('dim', `  (${trace.end})`)];
}

function renderCpu(
  cpu: CpuTrace,
  { style, withRegisters }: Pick<CliContext, 'style'> & { readonly withRegisters: boolean },
): string {
  const name = cpu.taskName === undefined ? '' : ` (${cpu.taskName})`;
  const task = cpu.pid === undefined ? '' : cpu.pid === 0 ? ', idle' : `, pid ${cpu.pid}${name}`;
  return [
    style('bold', `CPU ${cpu.cpu}${cpu.hasPanicked ? ', which panicked' : ''}${task}`),
    ...(withRegisters ? renderRegisters(cpu) : []),
    ...renderTrace(cpu.trace, style),
  ].join('\n');
}

/** As the kernel prints them: ` name+0x12/0x34 [module]`, with `? ` before a guess. */
function renderFrame({ address, symbol, certainty }: StackFrame): string {
  const place =
    symbol === undefined
      ? `0x${address.toString(16)}`
      : `${symbol.name}+0x${symbol.offset.toString(16)}/0x${symbol.size.toString(16)}${symbol.module === undefined ? '' : ` [${symbol.module}]`}`;
  return `  ${certainty === 'guess' ? '? ' : ''}${place}`;
}

/** Three to a line. */
function renderRegisters({ registers }: CpuTrace): string[] {
  const cells = [...registers.values].map(
    ([name, value]) => `${name.padStart(7)} ${value.toString(16).padStart(16, '0')}`,
  );
  return Array.from({ length: Math.ceil(cells.length / 3) }, (_none, row) =>
    cells.slice(row * 3, row * 3 + 3).join('  '),
  );
}
