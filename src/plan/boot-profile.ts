/**
 * Boot parameters that shorten the start of a kernel on a machine that is already running, and cost nothing
 * that anybody would miss. Documentation/admin-guide/kernel-parameters.txt; figures are guest instructions
 * of Debian's 6.1 and 6.12 kernels with a small initramfs, of 1.60 and 1.70 thousand million.
 *
 * What weakens the kernel's defences is no part of it, however much time it saves, and neither is what takes
 * a function away without anybody being told.
 * @module
 */
import type { MachineFacts } from '../machine/facts.ts';
import { valueOf } from '../machine/reading.ts';
import { commandLineValue, hasArgument, kernelArguments } from './command-line.ts';
import type { KernelView } from './preflight/kernel-view.ts';

/** One argument to add to the command line. */
export interface ProfileParameter {
  /** As it is written. */
  readonly text: string;
  /** What it leaves out, and why that is safe here. */
  readonly why: string;
  readonly gain: string;
  /** What is lost by it, for the one line that a person reads. */
  readonly cost: string;
}

/** Something that is not added, and why. */
export interface ProfileNote {
  readonly text: string;
  readonly why: string;
}

export interface BootProfile {
  readonly parameters: readonly ProfileParameter[];
  readonly notes: readonly ProfileNote[];
}

/**
 * The profile for starting `kernel` on `machine`. What `commandLine`, the new kernel's, already has is left
 * as the person set it.
 */
export function warmProfile(
  kernel: Pick<KernelView, 'architecture' | 'config'>,
  machine: Pick<MachineFacts, 'hypervisor' | 'kernelLog'>,
  commandLine: string,
): BootProfile {
  const decisions = [
    cryptoSelfTests(kernel, commandLine),
    consoleLevel(machine, commandLine),
    timerCheck(kernel, machine, commandLine),
  ];
  return {
    parameters: decisions.filter((decision) => 'gain' in decision),
    notes: [...decisions.filter((decision) => !('gain' in decision)), ...LEFT_OUT],
  };
}

/** What became of one parameter: `gain` tells which. */
export type Decision = ProfileParameter | ProfileNote;

/** crypto/testmgr.c, alg_test(): skipped with `notests`, unless the kernel runs in FIPS mode. */
function cryptoSelfTests({ config }: Pick<KernelView, 'config'>, commandLine: string): Decision {
  const text = 'cryptomgr.notests';
  if (hasArgument(commandLine, text)) return { text, why: 'the command line has it already' };
  if (commandLineValue(commandLine, 'fips') === '1')
    return { text, why: 'fips=1 demands the tests, and the kernel runs them all the same' };
  const symbols = valueOf(config);
  // CONFIG_CRYPTO_SELFTESTS took the other one's place in 6.16.
  const hasTests =
    symbols?.get('CONFIG_CRYPTO_MANAGER_DISABLE_TESTS') !== 'y' &&
    symbols?.get('CONFIG_CRYPTO_SELFTESTS') !== 'n';
  if (!hasTests) return { text, why: 'the kernel is built without the tests' };
  return {
    text,
    why:
      'Algorithms are registered without computing their test vectors, so that one that computes wrongly, on a ' +
      'broken accelerator for instance, is not found out. The processor and its devices are those that the running ' +
      'kernel has used; `echo N >/sys/module/cryptomgr/parameters/notests` brings the tests back for modules that ' +
      'are loaded later.',
    gain: '0.87 of 1.60 thousand million instructions (6.1), 0.70 of 1.70 (6.12)',
    cost: 'the test that an algorithm computes rightly',
  };
}

const LEVEL_PARAMETERS = [
  'quiet',
  'loglevel',
  'debug',
  'ignore_loglevel',
  'earlyprintk',
  'earlycon',
  'initcall_debug',
];
const SERIAL_CONSOLE = /^(tty(?:S|AMA|USB|PS|MSM|mxc|SAC|LP|SC|O|STM)\d+),?(\d*)/;
/** Start bit, eight bits, stop bit. */
const BITS_PER_CHARACTER = 10;
/** Documentation/admin-guide/serial-console.rst. */
const DEFAULT_BAUD = 9600;
/** `[    0.000000] ` and the line's end. */
const PREFIX_LENGTH = 17;

/**
 * Lines for a serial console are written by the processor that prints, character by character. loglevel=4 is
 * what `quiet` sets, but init systems read `quiet` as well and hide what they do.
 */
function consoleLevel(
  { kernelLog, hypervisor }: Pick<MachineFacts, 'hypervisor' | 'kernelLog'>,
  commandLine: string,
): Decision {
  const text = 'loglevel=4';
  const given = LEVEL_PARAMETERS.find((name) => hasArgument(commandLine, name));
  if (given !== undefined) return { text, why: `the command line has ${given}` };
  const serial = kernelArguments(commandLine)
    .filter(({ name }) => name === 'console')
    .map(({ value }) => SERIAL_CONSOLE.exec(value ?? ''))
    .find((match) => match !== null);
  if (serial === undefined) return { text, why: 'there is no serial console to wait for' };
  const lines = valueOf(kernelLog) ?? [];
  const characters = lines.reduce((sum, line) => sum + line.length + PREFIX_LENGTH, 0);
  const baud = Number(serial[2] || DEFAULT_BAUD);
  const seconds = ((characters * BITS_PER_CHARACTER) / baud).toFixed(1);
  return {
    text,
    why:
      'Only warnings and worse go to the console while the kernel starts; the rest is in its log (dmesg), and a ' +
      'panic still shows everything from then on.',
    gain:
      hypervisor.state === 'read'
        ? `an exit to the hypervisor for each of the ${characters} characters of this kernel's log`
        : `up to ${seconds} s: the ${characters} characters of this kernel's log at ${baud} baud on ${serial[1]}`,
    cost: 'lines below a warning on the console; dmesg has them',
  };
}

/**
 * arch/x86/kernel/apic/io_apic.c, timer_irq_works() waits for ten ticks. Guests of KVM, VMware, Hyper-V and Xen
 * skip it by themselves; emulated QEMU machines, whose timer interrupt is no wiring of a board, do not.
 */
function timerCheck(
  { architecture }: Pick<KernelView, 'architecture'>,
  { hypervisor }: Pick<MachineFacts, 'hypervisor'>,
  commandLine: string,
): Decision {
  const text = 'no_timer_check';
  if (hasArgument(commandLine, text)) return { text, why: 'the command line has it already' };
  if (architecture !== 'x86-64' || valueOf(hypervisor) !== 'qemu')
    return {
      text,
      why: 'it finds boards with a broken timer interrupt, or the kernel leaves it out by itself',
    };
  return {
    text,
    why: 'The wait for ten interrupts of the timer finds boards that are wired wrongly; this is a virtual one.',
    gain: '0.012 of 1.60 thousand million instructions (6.1), 0.016 of 1.70 (6.12)',
    cost: 'nothing on a virtual board',
  };
}

/** Looked at, and left out for everybody. */
const LEFT_OUT: readonly ProfileNote[] = [
  {
    text: 'rcupdate.rcu_expedited=1',
    why:
      'The kernel expedites grace periods by itself until it starts init (since 4.11); this would go on after ' +
      'that and interrupt idle processors for as long as the system runs. Measured gain: none.',
  },
  {
    text: 'tsc=reliable',
    why: 'It ends the watch over the clock: a time stamp counter that drifts would go unnoticed. Measured gain: none.',
  },
  {
    text: 'lpj=',
    why: 'With a known timer frequency the loop is not calibrated at all. Measured gain: none.',
  },
];
