/**
 * The ways to load a kernel that are compared. Each is one row: what the guest types. All load the same
 * kernel, initramfs and command line, and all jump by the same system call.
 * @module
 */
import { quoteWord } from '../../src/lab/agent-channel.ts';
import { OPTIMISATIONS } from '../../src/switch/optimisations.ts';
import { type BenchDisk, NEW_COMMAND_LINE } from './bench-disk.ts';

/** One row. */
export interface LoadMethod {
  readonly id: string;
  readonly title: string;
  /** Whether the report says where its instructions go. */
  readonly hasPhases?: boolean;
  /** What is done once per kernel, before any load; a load does it by itself where it was not done. */
  readonly prepare?: (disk: BenchDisk) => string;
  /** A command for the guest's shell that leaves the kernel loaded. @param more added to its command line */
  readonly load: (disk: BenchDisk, more?: string) => string;
}

function khop(...options: readonly string[]): LoadMethod['load'] {
  return (disk, more) => {
    const words = ['--initrd', disk.initrd, '--command-line', commandLine(more), ...options];
    return ['khop', 'load', disk.image, ...words].map(quoteWord).join(' ');
  };
}

function prepare(disk: BenchDisk): string {
  const words = ['--initrd', disk.initrd, '--command-line', commandLine()];
  return ['khop', 'prepare', disk.image, ...words].map(quoteWord).join(' ');
}

function kexecTools(...options: readonly string[]): LoadMethod['load'] {
  return (disk, more) => {
    const words = [`--initrd=${disk.initrd}`, `--command-line=${commandLine(more)}`];
    return ['kexec-tools', ...options, disk.image, ...words].map(quoteWord).join(' ');
  };
}

function commandLine(more = ''): string {
  return `${NEW_COMMAND_LINE} ${more}`.trim();
}

/** In the order of the report. */
export const METHODS: readonly LoadMethod[] = [
  { id: 'khop-fast', title: 'khop load --fast', hasPhases: true, prepare, load: khop('--fast') },
  {
    id: 'khop-fast-lean',
    title: 'khop load --fast --profile lean',
    prepare,
    load: khop('--fast', '--profile', 'lean'),
  },
  // What each of its parts is worth: all the others without it.
  ...OPTIMISATIONS.map((name) => ({
    id: `khop-fast-without-${name}`,
    title: `khop load --fast --without ${name}`,
    prepare,
    load: khop('--fast', '--without', name),
  })),
  {
    id: 'khop-segments',
    title: 'khop load --method segments',
    load: khop('--method', 'segments'),
  },
  { id: 'khop-file', title: 'khop load --method file', load: khop('--method', 'file') },
  { id: 'kexec-l', title: 'kexec -l', hasPhases: true, load: kexecTools('-l') },
  { id: 'kexec-l-i', title: 'kexec -l -i', hasPhases: true, load: kexecTools('-l', '-i') },
  { id: 'kexec-s', title: 'kexec -s', load: kexecTools('-s', '-l') },
];
