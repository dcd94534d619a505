/**
 * Who came home, with what, and by which way.
 * @module
 */
import type { VirtualMachine } from '../../../src/lab/virtual-machine.ts';
import { MOUNT_TARGET } from './bed.ts';

const COMMAND = { timeoutMs: 120_000 };
/** The kernel's own needs and the reservation's place differ a little from boot to boot. */
const TOLERANCE_KIB = 32 * 1024;

/** What must be the same after a crash as before. */
export interface Inventory {
  readonly release: string;
  readonly cpus: number;
  /** MemTotal. */
  readonly memoryKib: number;
}

/** The known-good kernel, as it is found. */
export interface Homecoming {
  readonly way: 'kexec' | 'firmware';
  readonly hasReport: boolean;
  /** What the report says of the crash, or why there is none. */
  readonly words: string;
  /** One sentence for each thing that is not as before. */
  readonly losses: readonly string[];
}

export async function takeInventory(machine: VirtualMachine): Promise<Inventory> {
  const { stdout } = await machine.run(
    'uname -r; nproc; sed -n "s/^MemTotal: *\\([0-9]*\\) kB/\\1/p" /proc/meminfo',
    COMMAND,
  );
  const [release = '', cpus, memory] = stdout.split('\n');
  return { release, cpus: Number(cpus), memoryKib: Number(memory) };
}

/**
 * One sentence for each thing that is less than before. What cannot be read is lost.
 * @param toleranceKib of memory that kernels may keep for themselves
 */
export function lossesSince(before: Inventory, after: Inventory, toleranceKib = TOLERANCE_KIB): string[] {
  const losses: string[] = [];
  if (after.cpus !== before.cpus) losses.push(`${after.cpus} of ${before.cpus} CPUs`);
  if (!(after.memoryKib >= before.memoryKib - toleranceKib))
    losses.push(`${after.memoryKib} of ${before.memoryKib} KiB`);
  return losses;
}

/**
 * Looks at the kernel that came up, and has it read the report.
 * @param repair what has to be done before a report can be written down here; undefined: nothing
 */
export async function inspect(
  machine: VirtualMachine,
  before: Inventory,
  repair?: (machine: VirtualMachine) => Promise<void>,
): Promise<Homecoming> {
  const after = await takeInventory(machine);
  const losses = lossesSince(before, after);
  if (after.release !== before.release) losses.unshift(`${after.release} runs, not ${before.release}`);
  // More than before: without the reservation, say.
  if (after.memoryKib > before.memoryKib + TOLERANCE_KIB)
    losses.push(`${after.memoryKib} KiB instead of ${before.memoryKib}`);
  const { status } = await machine.exec('grep -q khop.guard= /proc/cmdline', COMMAND);
  const way = status === 0 ? 'kexec' : 'firmware';
  return { way, losses, ...(await readReport(machine, repair)) };
}

interface Listed {
  readonly reports: readonly {
    readonly id: string;
    readonly panicLine: string | null;
    /** What went before the panic, e.g. an oops; with panic_on_oops the panic kernel starts right there. */
    readonly event: { readonly headline: string } | null;
    readonly logLines: number;
    readonly gaps: readonly string[];
  }[];
}

/** It may come home in memory too: then it is there although the disk is not, or cannot be written to. */
async function readReport(
  machine: VirtualMachine,
  repair: ((machine: VirtualMachine) => Promise<void>) | undefined,
): Promise<Pick<Homecoming, 'hasReport' | 'words'>> {
  const mounted = await machine.exec(MOUNT_TARGET, COMMAND);
  const isThere = mounted.status === 0;
  // Where it is mounted read-only, what is written there has to go to the folder below.
  if (!isThere) await machine.exec('umount /var/lib/khop', COMMAND);
  if (repair !== undefined) {
    await machine.exec('khop arrive', COMMAND);
    await repair(machine);
  }
  const listed = await machine.exec('khop arrive >&2; khop crashes list --json', COMMAND);
  const names = await machine.exec('ls /var/lib/khop/crashes', COMMAND);
  if (isThere) await machine.run('umount /var/lib/khop', COMMAND);
  const disk = isThere ? '' : `; ${mounted.stderr.trim().split('\n').at(-1)}`;
  if (listed.status !== 0) return { hasReport: false, words: listed.stderr.trim() + disk };
  // What a power cut left half written keeps that name; it may be shown, but it is no report.
  const whole = (JSON.parse(listed.stdout) as Listed).reports.filter(({ id }) => !id.endsWith('.partial'));
  const [report, ...more] = whole;
  const found = names.stdout.trim().split('\n').join(', ');
  if (report === undefined) return { hasReport: false, words: found + disk };
  const reason = report.panicLine ?? report.event?.headline;
  if (reason === undefined || more.length > 0)
    return { hasReport: false, words: `${found}: ${report.gaps.join('; ')}${disk}` };
  return { hasReport: true, words: `${reason} (${report.logLines} lines)${disk}` };
}
