/**
 * Lockdown and Secure Boot: what the running kernel lets root do.
 * @module
 */
import { isLockedDown, likelyMethod } from './conditions.ts';
import type { PreflightCheck } from './preflight-check.ts';
import { evidenceOf, resultsOf } from './result.ts';

/** security/lockdown: kexec_load is refused at `integrity`; kexec_file_load then wants a signature. */
export const lockdown: PreflightCheck = {
  id: 'lockdown',
  subject: 'kernel lockdown',
  run(input) {
    const results = resultsOf('lockdown');
    const { machine } = input;
    const evidence = [evidenceOf(machine.lockdown)];
    if (machine.lockdown.state === 'unreadable')
      return results.warning({
        title: 'Whether the kernel is locked down is not known.',
        evidence,
        remedy: 'Mount securityfs on /sys/kernel/security and run khop as root.',
      });
    if (!isLockedDown(machine)) return results.pass('The kernel is not locked down.', evidence);
    if (likelyMethod(input) === 'segments')
      return results.refusal({
        title: 'Lockdown forbids kexec_load, also for unloading.',
        evidence: [...evidence, evidenceOf(machine.kexec.kexecFileLoad, (call) => call.state)],
        remedy: 'Use --method file with a signed kernel, or start without lockdown.',
        isOverridable: false,
      });
    return results.note({
      title: 'The kernel is locked down: only kexec_file_load with a trusted signature works.',
      evidence,
      remedy: 'Nothing to do while image-signature passes.',
    });
  },
};

export const secureBoot: PreflightCheck = {
  id: 'secure-boot',
  subject: 'UEFI Secure Boot',
  run({ machine }) {
    const results = resultsOf('secure-boot');
    const { efi } = machine;
    if (efi.state === 'absent')
      return results.pass('This machine was not started by UEFI.', [evidenceOf(efi, () => 'present')]);
    const evidence =
      efi.state === 'read'
        ? [evidenceOf(efi.value.secureBoot, (isOn) => (isOn ? 'on' : 'off'))]
        : [evidenceOf(efi, () => 'present')];
    if (efi.state === 'unreadable' || efi.value.secureBoot.state === 'unreadable')
      return results.warning({
        title: 'Whether Secure Boot is on is not known.',
        evidence,
        remedy: 'Mount efivarfs on /sys/firmware/efi/efivars and run khop as root.',
      });
    if (efi.value.secureBoot.state === 'absent' || !efi.value.secureBoot.value)
      return results.pass('Secure Boot is off.', evidence);
    return results.note({
      title: 'Secure Boot is on; firmware does not see the new kernel, the running one vouches for it.',
      evidence: [...evidence, evidenceOf(machine.lockdown)],
      remedy: 'Keep to kernels signed by the distribution or by an enrolled key.',
    });
  },
};
