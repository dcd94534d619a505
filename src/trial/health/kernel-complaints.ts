/**
 * What a kernel has complained of since its start, in words that mean the same in another kernel: without
 * addresses, lines of source, CPUs and numbers of processes.
 * @module
 */

import { parseOops } from '../../formats/oops.ts';
import type { OopsEvent } from '../../formats/oops-event.ts';
import type { KernelLogRecord } from '../../machine/kernel-log.ts';

export interface KernelComplaints {
  /** What was complained of (`warning in foo_probe [foo]`) -> how often. */
  readonly counts: Readonly<Record<string, number>>;
  /** False: the log has lost its beginning, so there may have been more. */
  readonly isWhole: boolean;
}

/** @param records of the kernel log, oldest first */
export function complaintsOf(records: readonly KernelLogRecord[]): KernelComplaints {
  const { event, earlier, later, panic } = parseOops(
    records.map(({ level, microseconds, text }) => ({
      level,
      seconds: microseconds / 1e6,
      caller: null,
      text,
    })),
  );
  const counts: Record<string, number> = {};
  for (const each of [...earlier, event, ...later, panic]) {
    if (each === null) continue;
    const words = wordsOf(each);
    counts[words] = (counts[words] ?? 0) + 1;
  }
  return { counts, isWhole: records[0] === undefined || records[0].sequence === 0 };
}

function wordsOf({ kind, instruction, comm }: OopsEvent): string {
  // An address without a symbol is another one in every kernel.
  const symbol = instruction?.symbol.startsWith('0x') ? undefined : instruction?.symbol;
  const module = instruction?.module ? ` [${instruction.module}]` : '';
  // What the compiler adds, and the numbers of kernel threads: `foo.isra.0`, `kworker/u8:3`.
  if (symbol !== undefined) return `${kind} in ${symbol.replace(/\..*$/, '')}${module}`;
  return comm === null ? kind : `${kind} of ${comm.replace(/[/:]?\d.*$/, '')}`;
}

/** What words are made of, for a person who names one of it. */
export function namesIn(words: string): readonly string[] {
  const found = /^(?<kind>\S+)(?: in (?<symbol>\S+)(?: \[(?<module>[^\]]*)\])?| of (?<comm>.*))?$/s.exec(
    words,
  )?.groups;
  return Object.values(found ?? {}).filter((name) => name !== undefined);
}

/** Of the same place: what is a module in one kernel may be built into the other. */
export function isSameComplaint(one: string, other: string): boolean {
  if (one === other) return true;
  const [bareOne, bareOther] = [one, other].map((words) => words.replace(/ \[[^\]]*\]$/, ''));
  const hasOnlyOneModule = (bareOne === one) !== (bareOther === other);
  return hasOnlyOneModule && bareOne === bareOther;
}
