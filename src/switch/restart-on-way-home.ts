/**
 * A known-good kernel that fails on its way home restarts the machine, where it would stand still: Debian's kernels wait
 * for ever after a panic (kernel.panic is 0), and an initramfs that finds no root waits for a person. The firmware then
 * starts the known-good kernel once more, without these parameters. They are for one start, and `khop arrive` takes back
 * what of them lasts longer than the start.
 * @module
 */
import type { MachineFacts } from '../machine/facts.ts';
import { type Reading, valueOf } from '../machine/reading.ts';
import { commandLineValue } from '../plan/command-line.ts';
import { addedParameters, withoutAddedParameters } from './added-parameters.ts';

/**
 * Seconds between a panic on the way home and the reset. Not the ten that administrators write into sysctl.conf: who finds
 * eleven in kernel.panic knows that nobody but khop has set it.
 */
export const HOME_PANIC_SECONDS = 11;

const PANIC = `panic=${HOME_PANIC_SECONDS}`;

/** initramfs-tools restarts by `panic=` where it would open a shell, dracut by `rd.emergency=`, unless `rd.shell` has one. */
const INITRAMFS = ['rd.emergency=reboot', 'rd.shell=0'];

/** Those of the parameters that `commandLine` does not say already. A time of the administrator's own stays. */
export function restartParameters(commandLine: string): string[] {
  return [
    ...(isRestarting(commandLineValue(commandLine, 'panic')) ? [] : [PANIC]),
    ...INITRAMFS.filter((text) => {
      const [name = '', value] = text.split('=');
      return commandLineValue(commandLine, name) !== value;
    }),
  ];
}

/**
 * Whether a kernel with this `panic=` restarts the machine. A negative time restarts at once; one that the kernel cannot
 * read counts for nothing.
 */
export function isRestarting(value: string | undefined): boolean {
  return /^-?\d+$/.test(value ?? '') && Number(value) !== 0;
}

/**
 * What kernel.panic would be had the kernel not been on its way home; undefined where it was not, or where somebody, such
 * as sysctl.conf, has set it since.
 * @param current its value now
 */
export function panicSettingAtHome(
  { commandLine, kernelConfig }: Pick<MachineFacts, 'commandLine' | 'kernelConfig'>,
  current: string | undefined,
): string | undefined {
  const line = valueOf(commandLine) ?? '';
  if (current !== `${HOME_PANIC_SECONDS}` || !addedParameters(line).includes(PANIC)) return undefined;
  if (commandLineValue(withoutAddedParameters(line), 'panic') === '0') return '0';
  return valueOf(kernelConfig)?.get('CONFIG_PANIC_TIMEOUT') ?? '0';
}

/** Settings of the running kernel, by names such as `kernel.panic`. */
export interface SysctlCalls {
  readonly read: (name: string) => Reading<string>;
  /** @throws the error of the file system */
  readonly write: (name: string, value: string) => void;
}

/** For a kernel that has arrived: a panic from now on does what it always does on this machine. @returns what went wrong */
export function restorePanicSetting(machine: MachineFacts, { read, write }: SysctlCalls): readonly string[] {
  const name = 'kernel.panic';
  const before = panicSettingAtHome(machine, valueOf(read(name)));
  if (before === undefined) return [];
  try {
    write(name, before);
    return [];
  } catch (error) {
    return [`${name} could not be set back to ${before}: ${(error as Error).message}`];
  }
}
