/**
 * What the command line of a kernel on trial has besides: the first act, and everything that makes a panic of a
 * kernel that would otherwise stand still. The values of before come back when it is confirmed.
 *
 * `sysctl.NAME=VALUE` is carried out by the kernel just before init (5.8+, Documentation/admin-guide/kernel-parameters.txt);
 * one that the kernel does not have is an error in its log and no more. systemd-sysctl comes later: see trial/hold-sysctls.ts.
 *
 * What is read before any sysctl, and has none, stays as it is until the confirmed kernel is started again: `rd.emergency`,
 * `rd.shell`, and `panic_force_cpu`, by which a panic is handed to the processor that the panic kernel can go home from.
 * @module
 */
import { commandLineValue, hasArgument } from '../command-line.ts';
import { FIRST_ACT_PATH } from './first-act-order.ts';

/** Seconds between a panic that no panic kernel takes, and the reset. */
export const PANIC_SECONDS = 10;

/** A task that waits as long for a slow disk or a file server is no reason to go home: twice the kernel's own time. */
export const HUNG_TASK_SECONDS = 240;

/** Sysctls of a trial, `kernel.` left out. */
export const TRIAL_SYSCTLS: Readonly<Record<string, string>> = {
  panic: `${PANIC_SECONDS}`,
  panic_on_oops: '1',
  softlockup_panic: '1',
  hardlockup_panic: '1',
  hung_task_timeout_secs: `${HUNG_TASK_SECONDS}`,
  hung_task_panic: '1',
  panic_on_rcu_stall: '1',
  unknown_nmi_panic: '1',
  panic_on_unrecovered_nmi: '1',
  panic_on_io_nmi: '1',
};

/** Early, before sysctls count; and where an initramfs would wait for a person, it reboots. */
const EARLY = [`panic=${PANIC_SECONDS}`, 'oops=panic', 'rd.emergency=reboot', 'rd.shell=0'];

/** Named on the command line, so that a kernel whose ticket cannot be read knows that it is on trial. */
export const TRIAL_PARAMETER = 'khop.trial';

/** What a trial is told. */
export interface TrialParameters {
  readonly id: string;
  /** Whether there is a first act: without an initramfs there is none. */
  readonly hasFirstAct: boolean;
  /** `crashkernel=...`; undefined without a panic kernel. */
  readonly reservation: string | undefined;
  /** `panic_force_cpu=...`; undefined where the kernel does not know it, or its panic kernel goes home from any processor. */
  readonly panicProcessor: string | undefined;
  /** Of the watchdog, e.g. `watchdog.open_timeout=120`. */
  readonly watchdog: readonly string[];
}

/** In the order in which they are appended. What the administrator has set already stays as it is. */
export function trialParameters(
  { id, hasFirstAct, reservation, panicProcessor, watchdog }: TrialParameters,
  commandLine: string,
): string[] {
  const sysctls = Object.entries(TRIAL_SYSCTLS).map(([name, value]) => `sysctl.kernel.${name}=${value}`);
  const early = [...(panicProcessor === undefined ? [] : [panicProcessor]), ...EARLY];
  return [
    `${TRIAL_PARAMETER}=${id}`,
    ...(hasFirstAct ? [`rdinit=${FIRST_ACT_PATH}`] : []),
    ...(reservation === undefined ? [] : [reservation]),
    ...early.filter((text) => !isSet(commandLine, text.split('=')[0]!)),
    ...sysctls.filter((text) => !hasArgument(commandLine, text.split('=')[0]!)),
    ...watchdog,
  ];
}

/** `panic=0` stands still for ever, which is what no trial may. */
function isSet(commandLine: string, name: string): boolean {
  if (name === 'panic' && commandLineValue(commandLine, name) === '0') return false;
  return hasArgument(commandLine, name);
}
