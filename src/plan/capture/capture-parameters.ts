/**
 * Parameters of the kernel that captures a crash. It lives in a few dozen MiB and for a few seconds, so it gets
 * what saves memory, and what keeps it from trouble with devices that nobody has shut down.
 * Specification: linux Documentation/admin-guide/kernel-parameters.txt; figures: docs/decisions/capture-memory.md.
 * @module
 */

/** One parameter, and why it is there. */
export interface CaptureParameter {
  readonly text: string;
  readonly reason: string;
}

/** What the command line of the capture kernel has besides its console, its `init` and where its report goes. */
export const CAPTURE_PARAMETERS: readonly CaptureParameter[] = [
  {
    text: 'cgroup.memory=nokmem',
    reason:
      'the map from each word of per-CPU memory to the cgroup that pays for it takes 4 MiB; cgroup_disable=memory alone leaves it there',
  },
  {
    text: 'cgroup_disable=memory',
    reason: 'no page is charged to a cgroup: a pointer for each page less',
  },
  {
    text: 'percpu_alloc=page',
    reason: 'per-CPU memory in pages as they are needed, not in units of 2 MiB',
  },
  {
    text: 'initcall_blacklist=tracer_init_tracefs',
    reason: 'up to Linux 6.5 tracefs makes an inode and a dentry for each of thousands of events: 8 MiB',
  },
  {
    text: 'lsm=lockdown',
    reason:
      'no policies and no integrity measurements for one program of ours; what lockdown forbids stays forbidden',
  },
  { text: 'nr_cpus=1', reason: 'one CPU writes the report; each further one takes about 1 MiB' },
  {
    text: 'transparent_hugepage=never',
    reason: 'khugepaged raises the memory that is kept free to several blocks of 2 MiB',
  },
  { text: 'numa=off', reason: 'the reservation is one range on one node' },
  { text: 'log_buf_len=128K', reason: 'a larger log of the crashed kernel is no reason for one here' },
  { text: 'audit=0', reason: 'nobody reads an audit log here' },
  { text: 'cma=0', reason: 'a pool for devices that want contiguous memory, which no report needs' },
  { text: 'kfence.sample_interval=0', reason: 'where it is on, its pool is 2 MiB' },
  { text: 'novmcoredd', reason: 'drivers would keep copies of their devices’ state in this memory' },
  {
    text: 'nokaslr',
    reason: 'a random place would need room around the kernel, and hides nothing for seconds',
  },
  { text: 'reset_devices', reason: 'drivers reset what the crashed kernel has left running' },
  { text: 'irqpoll', reason: 'an interrupt that the crashed kernel left pending has no handler' },
  { text: 'mce=off', reason: 'a machine check that comes late must not end the capture' },
  { text: 'hest_disable', reason: 'firmware’s error sources reach into memory of the crashed kernel' },
  { text: 'acpi_no_memhotplug', reason: 'memory that ACPI announces belongs to the crashed kernel' },
  { text: 'pcie_ports=compat', reason: 'no hot plug and no error recovery while the report is written' },
  { text: 'oops=panic', reason: 'half a kernel must not go on' },
  { text: 'softlockup_panic=1', reason: 'a hang becomes a panic, and a panic ends' },
  { text: 'nmi_watchdog=panic', reason: 'so does a hang with interrupts off, where there is a PMU' },
  { text: 'cryptomgr.notests', reason: 'the algorithms were tested by the kernel that loaded this one' },
  { text: 'panic=1', reason: 'a crash of the capture itself ends in the firmware, not in silence' },
];

/** All of them as one text. */
export function captureParameters(): string {
  return CAPTURE_PARAMETERS.map(({ text }) => text).join(' ');
}

/**
 * Parameters of the crashed kernel that must not reach the capture kernel: memory set aside, large buffers, and
 * what would end it over something that is no harm here.
 */
export const DROPPED_FOR_CAPTURE: readonly string[] = [
  'crashkernel',
  'hugepages',
  'hugepagesz',
  'default_hugepagesz',
  'hugetlb_cma',
  'slub_debug',
  'slab_debug',
  'log_buf_len',
  'swiotlb',
  'cma',
  'page_owner',
  'trace_buf_size',
  'trace_event',
  'ftrace',
  'movablecore',
  'kernelcore',
  'mem',
  'memmap',
  'quiet',
  'panic',
  'panic_on_warn',
  'isolcpus',
  'nohz_full',
  'rcu_nocbs',
  'maxcpus',
  'nr_cpus',
];
