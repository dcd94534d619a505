/**
 * The gates in front of both kexec system calls: built in, switched off, or used up.
 * Documentation/admin-guide/sysctl/kernel.rst, kexec_load_disabled and kexec_load_limit_*.
 * @module
 */
import type { SyscallAvailability } from '../../machine/facts.ts';
import type { Reading } from '../../machine/reading.ts';
import type { LoadMethod } from '../load-plan.ts';
import { callOf, configEvidence } from './conditions.ts';
import type { PreflightCheck, PreflightInput } from './preflight-check.ts';
import { evidenceOf, resultsOf } from './result.ts';

function describeAvailability(availability: SyscallAvailability): string {
  return availability.state === 'denied' ? `denied (${availability.errno})` : availability.state;
}

function readingOf(input: PreflightInput, method: LoadMethod): Reading<SyscallAvailability> {
  const { kexec } = input.machine;
  return method === 'file' ? kexec.kexecFileLoad : kexec.kexecLoad;
}

function isAvailable(input: PreflightInput, method: LoadMethod): boolean {
  const reading = readingOf(input, method);
  return reading.state === 'read' && reading.value.state === 'available';
}

/** What the system calls answer to arguments that can do nothing. */
export const kexecSyscalls: PreflightCheck = {
  id: 'kexec-syscalls',
  subject: 'kexec_file_load and kexec_load',
  run(input) {
    const results = resultsOf('kexec-syscalls');
    const wanted: readonly LoadMethod[] = input.method === 'auto' ? ['file', 'segments'] : [input.method];
    const evidence = [
      ...wanted.map((method) => evidenceOf(readingOf(input, method), describeAvailability)),
      configEvidence(input.machine.kernelConfig, ['KEXEC', 'KEXEC_FILE']),
    ];
    const usable = wanted.find((method) => isAvailable(input, method));
    if (usable === wanted[0]) return results.pass(`${callOf(usable as LoadMethod)} is there.`, evidence);
    if (wanted.some((method) => readingOf(input, method).state !== 'read'))
      return results.warning({
        title: 'Whether the running kernel can load another is not known.',
        evidence,
        remedy: 'Run khop as root, outside a container.',
      });
    if (usable !== undefined)
      return results.note({
        title: 'Only kexec_load is there; khop places the parts of the kernel itself.',
        evidence,
        remedy: 'Nothing to do.',
      });
    return results.refusal({
      title: `The running kernel does not offer ${wanted.map(callOf).join(' or ')}.`,
      evidence,
      remedy:
        input.method === 'auto'
          ? 'Start a kernel with CONFIG_KEXEC_FILE or CONFIG_KEXEC through the firmware; where the calls are denied, see privileges and lockdown, and lift seccomp filters such as SystemCallFilter=.'
          : 'Try --method auto.',
      isOverridable: false,
    });
  },
};

export const loadDisabled: PreflightCheck = {
  id: 'load-disabled',
  subject: 'the sysctl kernel.kexec_load_disabled',
  run({ machine }) {
    const results = resultsOf('load-disabled');
    const reading = machine.kexec.loadDisabled;
    const evidence = [evidenceOf(reading, (value) => (value ? '1' : '0'))];
    if (reading.state === 'unreadable')
      return results.warning({
        title: 'Whether loading is switched off is not known.',
        evidence,
        remedy: 'Run khop as root.',
      });
    if (reading.state === 'absent' || !reading.value)
      return results.pass('Loading is not switched off.', evidence);
    return results.refusal({
      title: 'Loading is switched off until the next boot through firmware.',
      evidence,
      remedy: 'Remove kernel.kexec_load_disabled=1 from sysctl.d and reboot; it cannot be set back to 0.',
      isOverridable: false,
    });
  },
};

/** Since 6.3; every attempt counts, also one that fails. */
export const loadLimit: PreflightCheck = {
  id: 'load-limit',
  subject: 'the sysctls kernel.kexec_load_limit_reboot and kernel.kexec_load_limit_panic',
  run({ machine, slot }) {
    const results = resultsOf('load-limit');
    const reading = slot === 'crash' ? machine.kexec.loadLimitPanic : machine.kexec.loadLimitReboot;
    const evidence = [evidenceOf(reading)];
    if (reading.state === 'unreadable')
      return results.warning({
        title: 'How many loads are left is not known.',
        evidence,
        remedy: 'Run khop as root.',
      });
    if (reading.state === 'absent' || reading.value < 0)
      return results.pass('The number of loads is not limited.', evidence);
    if (reading.value > 0)
      return results.warning({
        title: `${reading.value} more ${reading.value === 1 ? 'load is' : 'loads are'} allowed; failed ones and unloads count.`,
        evidence,
        remedy: 'Load once, with the final options.',
      });
    return results.refusal({
      title: 'No further load is allowed until the next boot through firmware.',
      evidence,
      remedy: 'Reboot through the firmware; the limit can only be lowered.',
      isOverridable: false,
    });
  },
};
