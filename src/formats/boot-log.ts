/**
 * What a kernel says of its machine while it starts. A ring that has turned over holds nothing of it.
 * Sources: init/version-timestamp.c (linux_banner), mm/mm_init.c (mem_init_print_info), kernel/smp.c (smp_init),
 * lib/dump_stack.c.
 * @module
 */
import type { KernelLogLine } from './kernel-log-text.ts';

/** What the text does not say is null. */
export interface BootLogFacts {
  readonly release: string | null;
  /** CPUs that were brought up. */
  readonly cpus: number | null;
  /** Memory that the kernel manages, KiB. */
  readonly memoryKib: number | null;
}

/** The facts that the lines hold; the first of a kind counts. */
export function parseBootLog(lines: readonly KernelLogLine[]): BootLogFacts {
  let release: string | null = null;
  let cpus: number | null = null;
  let memoryKib: number | null = null;
  for (const { text } of lines) {
    release ??= /^Linux version (\d+\.\d+\S*) /.exec(text)?.[1] ?? null;
    cpus ??= numberOf(/^smp: Brought up \d+ nodes?, (\d+) CPUs?/.exec(text)?.[1]);
    memoryKib ??= numberOf(/^Memory: \d+K\/(\d+)K available/.exec(text)?.[1]);
  }
  return { release, cpus, memoryKib };
}

function numberOf(text: string | undefined): number | null {
  return text === undefined ? null : Number(text);
}
