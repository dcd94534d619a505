/**
 * The capture kernel's command line: what the running kernel was told about this hardware, without what it was told
 * about its user space, and with what keeps a kernel small and lets none of its failures last.
 * @module
 */
import { appendArguments, reusableCommandLine, withoutArguments } from '../command-line.ts';
import { CAPTURE_PARAMETERS } from './capture-parameters.ts';

/** Of user space, or larger than the reservation: a capture kernel mounts no root and runs one program. */
const DROPPED = [
  ...['root', 'rootflags', 'rootfstype', 'rootdelay', 'rootwait', 'ro', 'rw', 'resume', 'init', 'rdinit'],
  ...['quiet', 'splash', 'debug', 'loglevel', 'log_buf_len', 'ignore_loglevel', 'audit', 'ima_policy'],
  ...['hugepages', 'hugepagesz', 'default_hugepagesz', 'hugetlb_cma', 'swiotlb', 'slub_debug', 'cma'],
  ...['nr_cpus', 'maxcpus', 'isolcpus', 'nohz_full', 'rcu_nocbs', 'panic', 'khop.switch'],
];

/** Dropped whatever stands behind the dot. */
const DROPPED_PREFIX = /^(systemd|rd|udev|plymouth|luks|lvm)\./;

/** @param running the command line of the kernel that is guarded */
export function captureCommandLine(running: string): string {
  const reusable = withoutArguments(reusableCommandLine(running, 'crash'), DROPPED);
  const hardware = reusable
    .split(' ')
    .filter((argument) => !DROPPED_PREFIX.test(argument))
    .join(' ');
  return appendArguments(hardware, CAPTURE_PARAMETERS.map(({ text }) => text).join(' '));
}
