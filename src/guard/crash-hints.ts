/**
 * What is known about crashes that look like this one. A hint names the line of the log it goes by, and where what it
 * says comes from; without such a line there is no hint.
 * @module
 */
import type { KernelLogLine } from '../formats/kernel-log-text.ts';
import type { OopsReport } from '../formats/oops.ts';
import type { OopsKind } from '../formats/oops-headline.ts';
import type { CodePlace } from '../formats/stack-frame.ts';
import { GUARDIAN } from '../machine/guardian-words.ts';
import { DISPLAY_DRIVERS, NETWORK_DRIVERS, STORAGE_DRIVERS } from '../plan/preflight/known-drivers.ts';

/** One thing that is known. */
export interface CrashHint {
  readonly id: string;
  /** What it is, in a sentence. */
  readonly title: string;
  /** The line of the log that it goes by. */
  readonly evidence: string;
  readonly remedy: string;
  /** Where this is known from: a document, a source file, a thread. */
  readonly source: string;
}

interface Rule extends Omit<CrashHint, 'evidence'> {
  /** Only for these; absent: for any. */
  readonly kinds?: readonly OopsKind[];
  /** The line that tells. The last one that matches is the evidence. */
  readonly pattern: RegExp;
  /** Not where a rule before it has told more. */
  readonly unless?: string;
}

/** Its jump home asks every driver to stop. When that does not end, it presses the key. */
export const CRASH_OF_GUARDIAN = 'trial-guardian';

const HYPERVISOR =
  /^Hypervisor detected: |^Hardware name: (?:QEMU|VMware|innotek|Microsoft Corporation Virtual|Xen|Amazon EC2|Google)|Hardware name: .*\bKVM\b/;

const RULES: readonly Rule[] = [
  {
    id: CRASH_OF_GUARDIAN,
    kinds: ['sysrq'],
    pattern: new RegExp(`^khop: ${GUARDIAN.verdict}`),
    title:
      'The guardian of a trial asked for this crash: its deadline was over, and its jump home did not get out of the drivers.',
    remedy:
      'khop history says why the trial was over; the lines behind this one say which device was being stopped.',
    source: 'khop: src/plan/trial/leave-trial.ts',
  },
  {
    id: 'sysrq',
    unless: CRASH_OF_GUARDIAN,
    kinds: ['sysrq'],
    pattern: /^sysrq: (?:SysRq : )?Trigger a crash|sysrq triggered crash/i,
    title: 'Somebody or something asked for this crash; nothing is wrong with the kernel.',
    remedy: 'If nobody did: look for who writes to /proc/sysrq-trigger, and for a BREAK on a serial console.',
    source: 'Documentation/admin-guide/sysrq.rst',
  },
  {
    id: 'capture-kernel',
    pattern: /^(?:Kernel command line|Command line): .*\belfcorehdr=/,
    title: 'This is the log of a capture kernel: the crash happened while another one was being saved.',
    remedy: 'Give the reservation more memory, or load fewer modules in the capture initramfs.',
    source: 'truenas/middleware#6809, harvester/harvester#1357: capture kernels that ran out of memory',
  },
  {
    id: 'machine-check',
    kinds: ['machine-check'],
    pattern: /\[Hardware Error\]|machine check|SError|Fatal hardware error/i,
    title: 'The processor, memory or bus reported an error: this is hardware, not the kernel’s code.',
    remedy: 'Decode it with rasdaemon or mcelog, test the memory, look into the event log of the BMC.',
    source: 'Documentation/arch/x86/x86_64/machinecheck.rst; Documentation/admin-guide/RAS',
  },
  {
    id: 'stack-overflow',
    kinds: ['stack-overflow', 'double-fault'],
    pattern: /stack guard page|stack overflow|guard hit|Insufficient stack space|double fault/,
    title:
      'The kernel’s stack of 16 KiB was used up: recursion, a large local variable, or layers of drivers.',
    remedy: 'Look for a function that repeats in the trace; stacked file systems and network devices add up.',
    source: 'Documentation/mm/vmalloced-kernel-stacks.rst',
  },
  {
    id: 'nmi-of-hypervisor',
    kinds: ['unknown-nmi'],
    pattern: HYPERVISOR,
    title:
      'In a virtual machine an NMI comes from outside: an operator (inject-nmi) or a watchdog of the host.',
    remedy: 'Look into the host’s log; a watchdog with the action inject-nmi fires when the guest hangs.',
    source: 'QEMU documentation, -action watchdog=inject-nmi; kernel.unknown_nmi_panic in sysctl/kernel.rst',
  },
  {
    id: 'nmi-of-management-controller',
    pattern: /^Modules linked in:.*\bhpwdt\b|An NMI occurred\. Depending on your system/,
    kinds: ['unknown-nmi'],
    title: 'hpwdt turns NMIs of the server’s management controller into panics.',
    remedy: 'The integrated management log of iLO says why it sent the NMI.',
    source: 'Documentation/watchdog/hpwdt.rst',
  },
  {
    id: 'starved-guest',
    kinds: ['soft-lockup', 'hard-lockup', 'rcu-stall'],
    pattern: HYPERVISOR,
    title: 'In a virtual machine a CPU also looks stuck when the host does not run it.',
    remedy: 'Compare with steal time and with the host’s load, its migrations and snapshots at that time.',
    source: 'Documentation/RCU/stallwarn.rst, “a hypervisor that preempts vCPUs”',
  },
  {
    id: 'disk-errors',
    kinds: ['hung-task', 'soft-lockup', 'init-killed', 'bug', 'panic'],
    pattern:
      /\bI\/O error, dev \S+, sector |\bI\/O error\b.*\bsector\b|nvme\d+: .*timeout|ata\d.*: (?:failed command|hard resetting link)/,
    title: 'A disk or its link failed before: what waits for it hangs, and what is not read kills.',
    remedy: 'Look at the disk first (smartctl -a, nvme smart-log), then at cable and controller.',
    source:
      'block/blk-mq.c, blk_print_req_error; Documentation/admin-guide/sysctl/kernel.rst, hung_task_panic',
  },
  {
    id: 'no-root',
    pattern: /^Kernel panic - not syncing: VFS: Unable to mount root fs/,
    title: 'The kernel found no root file system: its initramfs or the driver of its disk is missing.',
    remedy:
      'Compare root= and the initramfs with those of a kernel that works; khop check says what is missing.',
    source: 'init/do_mounts.c, mount_root_generic',
  },
  {
    id: 'init-gone',
    kinds: ['init-killed'],
    pattern: /Attempted to kill init! exitcode=0x(?:00000100|00007f00|0000000[0-9a-f]|0000008[0-9a-f])/,
    title:
      'PID 1 ended: 0x00007f00 is a program or library that is missing, 0x0000000b a segmentation fault of it.',
    remedy: 'The low 7 bits are a signal, the next byte up is an exit status: see wait(2).',
    source: 'kernel/exit.c, do_exit; wait(2)',
  },
  {
    id: 'out-of-memory',
    kinds: ['out-of-memory'],
    pattern: /vm\.panic_on_oom|panic_on_oom is enabled|System is deadlocked on memory|invoked oom-killer/,
    title: 'All memory was in use and the kernel was told, or forced, to panic instead of killing a process.',
    remedy: 'The table “Tasks state” before the panic names the processes; see vm.panic_on_oom.',
    source: 'mm/oom_kill.c; Documentation/admin-guide/sysctl/vm.rst, panic_on_oom',
  },
  {
    id: 'memory-corruption',
    pattern:
      /^BUG: (?:Bad page (?:state|map)|KASAN|KFENCE)|^list_(?:add|del) corruption|^slab error|^BUG \S+ \(.+\): |general protection fault, probably for non-canonical address 0x(?:dead|6b6b|5a5a)/,
    title:
      'Memory was used after it had been freed, or overwritten: the place of the crash need not be the culprit.',
    remedy: 'Run a memory test once; then boot with slub_debug=FZPU, or a kernel with KASAN or KFENCE.',
    source: 'Documentation/mm/slab.rst; include/linux/poison.h',
  },
  {
    id: 'panic-on-warn',
    pattern: /panic_on_warn set/,
    title:
      'The machine is set to panic on any warning (kernel.panic_on_warn); the warning itself was survivable.',
    remedy: 'Report the warning; on a machine that must stay up, set kernel.panic_on_warn=0.',
    source: 'Documentation/admin-guide/sysctl/kernel.rst, panic_on_warn',
  },
];

/** Known to fail in capture kernels, beyond what is known of any kexec. */
const CAPTURE_DRIVERS: Readonly<Record<string, { readonly trouble: string; readonly source: string }>> = {
  nouveau: { trouble: 'capture kernels panic in it on many machines', source: 'rhkdump/kdump-utils#65' },
  mlx5_core: {
    trouble: 'starting the adapter a second time hangs a capture kernel',
    source: 'lf-edge/eve#2794',
  },
  mlx4_core: {
    trouble: 'starting the adapter a second time hangs a capture kernel',
    source: 'lf-edge/eve#2794',
  },
  hyperv_fb: { trouble: 'the framebuffer driver hangs a capture kernel', source: 'LIS/lis-test#1098' },
};

/** Hints in the order of their weight, each with its evidence. */
export function findCrashHints(oops: OopsReport, lines: readonly KernelLogLine[]): CrashHint[] {
  const { event } = oops;
  const hints: CrashHint[] = [];
  for (const { kinds, pattern, unless, ...hint } of RULES) {
    if (unless !== undefined && hints.some(({ id }) => id === unless)) continue;
    if (kinds !== undefined && (event === null || !kinds.includes(event.kind))) continue;
    const line = lines.findLast(({ text }) => pattern.test(text.trim()));
    if (line !== undefined) hints.push({ ...hint, evidence: line.text.trim() });
  }
  return [...hints, ...driverHints(oops, lines), ...historyHints(oops)];
}

function driverHints(oops: OopsReport, lines: readonly KernelLogLine[]): CrashHint[] {
  const known = { ...DISPLAY_DRIVERS, ...NETWORK_DRIVERS, ...STORAGE_DRIVERS };
  const hints: CrashHint[] = [];
  for (const module of modulesInTraces(oops)) {
    const evidence = lines.find(({ text }) => text.includes(`[${module}`))?.text.trim() ?? '';
    const driver = Object.hasOwn(known, module) ? known[module] : undefined;
    const capture = Object.hasOwn(CAPTURE_DRIVERS, module) ? CAPTURE_DRIVERS[module] : undefined;
    const troubles = [driver?.trouble, capture?.trouble].filter((trouble) => trouble !== undefined);
    if (troubles.length > 0)
      hints.push({
        id: `driver-${module}`,
        title: `${module} is in the trace, and known for trouble around kexec: ${troubles.join('; ')}.`,
        evidence,
        remedy: driver?.remedy ?? 'Leave it out of the capture initramfs.',
        source: capture?.source ?? 'khop’s table of known drivers (src/plan/preflight/known-drivers.ts)',
      });
    const marks = oops.event?.modules.find(({ name }) => name === module)?.marks ?? '';
    if (/[OP]/.test(marks))
      hints.push({
        id: `foreign-module-${module}`,
        title: `${module} is in the trace and is not part of the kernel (${marks}).`,
        evidence,
        remedy: 'Ask its maker first, or try without it: the kernel’s developers cannot see its source.',
        source: 'Documentation/admin-guide/tainted-kernels.rst',
      });
  }
  return hints;
}

/** Of frames that can be relied on, innermost first, each once. */
function modulesInTraces({ event, panic }: OopsReport): string[] {
  const places: (CodePlace | null)[] = [event, panic].flatMap((each) =>
    each === null
      ? []
      : [
          each.instruction,
          ...each.traces.flatMap(({ frames }) => frames.filter(({ isReliable }) => isReliable)),
        ],
  );
  return [...new Set(places.flatMap((place) => place?.module ?? []))];
}

function historyHints({ event, earlier }: OopsReport): CrashHint[] {
  const first = earlier.find(({ kind }) => kind !== 'warning') ?? earlier[0];
  if (event === null || first === undefined || !/[DWL]/.test(event.taint ?? '')) return [];
  return [
    {
      id: 'earlier-trouble',
      title: 'The kernel had complained before: what came first may be the reason for what came last.',
      evidence: first.headline,
      remedy: 'Read the earlier warnings first.',
      source: 'Documentation/admin-guide/bug-hunting.rst',
    },
  ];
}
