/**
 * The capture kernel's command line: what the running kernel was told about this hardware, without what it was told
 * about its user space, and with what keeps a kernel small and lets none of its failures last.
 * @module
 */
import { appendArguments, reusableCommandLine, withoutArguments } from '../command-line.ts';
import { captureParameters, DROPPED_FOR_CAPTURE } from './capture-parameters.ts';

/** Of user space: a capture kernel mounts no root and runs one program. */
const USER_SPACE = [
  ...['root', 'rootflags', 'rootfstype', 'rootdelay', 'rootwait', 'ro', 'rw', 'resume', 'init', 'rdinit'],
  ...['splash', 'debug', 'loglevel', 'ignore_loglevel', 'ima_policy', 'khop.switch', 'khop.added'],
];

/** Whatever stands behind the dot. */
const USER_SPACE_PREFIX = /^(systemd|rd|udev|plymouth|luks|lvm)\./;

/** @param running the command line of the kernel that is guarded */
export function captureCommandLine(running: string): string {
  const reusable = withoutArguments(reusableCommandLine(running, 'crash'), [
    ...DROPPED_FOR_CAPTURE,
    ...USER_SPACE,
  ]);
  const hardware = reusable
    .split(' ')
    .filter((argument) => !USER_SPACE_PREFIX.test(argument))
    .join(' ');
  return appendArguments(hardware, captureParameters());
}
