/**
 * Parameters of a panic kernel that goes on into normal user space and serves. It keeps the running kernel's command
 * line, with which that user space comes up, and gets what lets it live in a small part of the memory and beside
 * devices that nobody has shut down.
 *
 * Unlike in `capture-parameters.ts`, nothing is switched off that services may want: no security module, no cgroup
 * controller, no tracing; and address space randomisation stays.
 * Specification: linux Documentation/admin-guide/kernel-parameters.txt.
 * @module
 */
import { type CaptureParameter, DROPPED_FOR_CAPTURE } from './capture-parameters.ts';

/** By which user space knows that it runs in a panic kernel's memory, and by which arming. */
export const CONTINUE_PARAMETER = 'khop.continue';

/** What a person may choose. */
export interface ContinueChoice {
  /** Of the arming, 16 hex digits. */
  readonly id: string;
  /** CPUs that the system goes on with. */
  readonly cpus: number;
  /** Initial APIC id of the processor that the firmware started with; undefined where there is none. */
  readonly bootProcessor: number | undefined;
}

/** What the command line always has besides what the running kernel was told. */
export const CONTINUE_PARAMETERS: readonly CaptureParameter[] = [
  { text: 'reset_devices', reason: 'drivers reset what the crashed kernel has left running' },
  {
    text: 'irqfixup',
    reason:
      'an interrupt that the crashed kernel left pending has no handler; irqpoll would cost at every tick of a system that serves',
  },
  { text: 'log_buf_len=256K', reason: 'a larger log of the crashed kernel is no reason for one here' },
  {
    text: 'transparent_hugepage=never',
    reason: 'pages of 2 MiB are too large for this memory, and khugepaged keeps several free',
  },
  {
    text: 'cgroup.memory=nokmem',
    reason: 'the map from each word of per-CPU memory to the cgroup that pays for it takes 4 MiB',
  },
  { text: 'percpu_alloc=page', reason: 'per-CPU memory in pages as they are needed, not in units of 2 MiB' },
  { text: 'numa=off', reason: 'the reservation is one range on one node' },
  { text: 'cma=0', reason: 'a pool for devices that want contiguous memory, taken from little' },
  { text: 'kfence.sample_interval=0', reason: 'where it is on, its pool is 2 MiB' },
  { text: 'novmcoredd', reason: 'drivers would keep copies of their devices’ state in this memory' },
  { text: 'hest_disable', reason: 'firmware’s error sources reach into memory of the crashed kernel' },
  { text: 'acpi_no_memhotplug', reason: 'memory that ACPI announces belongs to the crashed kernel' },
  { text: 'noresume', reason: 'an image of a suspended system is of another memory than this one' },
  {
    text: 'panic=1',
    reason: 'a crash of this kernel, or a root that is not found, ends in the firmware and not in silence',
  },
];

/** As the end of a command line. */
export function continueParameters(choice: ContinueChoice): string {
  const all = [...cpuParameters(choice), ...CONTINUE_PARAMETERS].map(({ text }) => text);
  return [...all, `${CONTINUE_PARAMETER}=${choice.id}`].join(' ');
}

/**
 * The panic may have been on any CPU, and one that starts the firmware’s by an INIT restarts the machine. Kernels from
 * 6.9 on leave that one out by themselves; older ones have to be told.
 */
export function cpuParameters({ cpus, bootProcessor }: ContinueChoice): readonly CaptureParameter[] {
  const several = cpus > 1 && bootProcessor !== undefined;
  return [
    { text: `nr_cpus=${cpus}`, reason: 'each CPU takes memory for its stacks, its queues and its threads' },
    ...(several
      ? [
          {
            text: `disable_cpu_apicid=${bootProcessor}`,
            reason:
              'an INIT to the firmware’s processor restarts the machine; where it runs already it stays',
          },
        ]
      : []),
  ];
}

/** Parameters of the running kernel that must not reach one that goes on in little memory. */
export const DROPPED_TO_CONTINUE: readonly string[] = [
  ...DROPPED_FOR_CAPTURE.filter((name) => name !== 'quiet'),
  ...CONTINUE_PARAMETERS.map(({ text }) => text.replace(/=.*/, '')),
  ...['disable_cpu_apicid', 'resume', 'resume_offset', 'irqpoll', 'khop.guard', CONTINUE_PARAMETER],
];
