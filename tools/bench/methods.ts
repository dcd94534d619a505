/**
 * The ways to load a kernel that are compared. Each is one row: what the guest types. All load the same
 * kernel, initramfs and command line, and all jump by the same system call.
 * @module
 */
import { quoteWord } from '../../src/lab/agent-channel.ts';
import { type BenchDisk, NEW_COMMAND_LINE } from './bench-disk.ts';

/** One row. */
export interface LoadMethod {
  readonly id: string;
  readonly title: string;
  /** A command for the guest's shell that leaves the kernel loaded. */
  readonly load: (disk: BenchDisk) => string;
}

function khop(disk: BenchDisk, ...options: readonly string[]): string {
  const words = ['--initrd', disk.initrd, '--command-line', NEW_COMMAND_LINE, ...options];
  return ['khop', 'load', disk.image, ...words].map(quoteWord).join(' ');
}

function kexecTools(disk: BenchDisk, ...options: readonly string[]): string {
  const words = [`--initrd=${disk.initrd}`, `--command-line=${NEW_COMMAND_LINE}`];
  return ['kexec-tools', ...options, disk.image, ...words].map(quoteWord).join(' ');
}

/** In the order of the report. */
export const METHODS: readonly LoadMethod[] = [
  { id: 'khop-fast', title: 'khop load --fast', load: (disk) => khop(disk, '--fast') },
  {
    id: 'khop-segments',
    title: 'khop load --method segments',
    load: (disk) => khop(disk, '--method', 'segments'),
  },
  { id: 'khop-file', title: 'khop load --method file', load: (disk) => khop(disk, '--method', 'file') },
  { id: 'kexec-l', title: 'kexec -l', load: (disk) => kexecTools(disk, '-l') },
  { id: 'kexec-l-i', title: 'kexec -l -i', load: (disk) => kexecTools(disk, '-l', '-i') },
  { id: 'kexec-s', title: 'kexec -s', load: (disk) => kexecTools(disk, '-s', '-l') },
];
