/**
 * What a capture kernel is told besides what it has to know of the hardware.
 * @module
 */

/** One parameter and why. */
export interface CaptureParameter {
  readonly text: string;
  readonly why: string;
}

export const CAPTURE_PARAMETERS: readonly CaptureParameter[] = [
  { text: 'nr_cpus=1', why: 'every CPU has memory of its own, and starting one is a risk more' },
  { text: 'reset_devices', why: 'drivers find devices that nobody shut down' },
  { text: 'panic=1', why: 'a panic here ends in the firmware, and not in waiting' },
  { text: 'oops=panic', why: 'half a kernel must not go on' },
  { text: 'softlockup_panic=1', why: 'a hang becomes a panic' },
  { text: 'nmi_watchdog=panic', why: 'a hang with interrupts off becomes one, where there is a PMU' },
  { text: 'cgroup_disable=memory', why: 'its records are memory for each page' },
  { text: 'transparent_hugepage=never', why: 'nothing here needs 2 MiB at once' },
  { text: 'cryptomgr.notests', why: 'the algorithms were tested by the kernel that loaded this one' },
];
