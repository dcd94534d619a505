/**
 * Guests and hosts where a start without firmware is known to go wrong.
 * @module
 */
import type { MachineFacts } from '../../machine/facts.ts';
import { valueOf } from '../../machine/reading.ts';
import { likelyMethod } from './conditions.ts';
import type { PreflightCheck } from './preflight-check.ts';
import { evidenceOf, resultsOf } from './result.ts';

/** What is known to go wrong under a hypervisor, or undefined. */
function hypervisorTrouble(machine: MachineFacts, name: string): string | undefined {
  // bhyve has no name of its own in the facts: its DMI says it.
  const product = valueOf(machine.dmi.productName) ?? '';
  if (/\bBHYVE\b/i.test(product)) return 'under bhyve the jump powers the guest off (omni#1582)';
  switch (name) {
    case 'microsoft':
      return 'on Hyper-V and Azure the new kernel can wait for devices of VMBus for ever (systemd#20072, nixos-anywhere#400)';
    case 'google':
      return 'on Google Compute Engine guests can hang at the jump (talos#8838)';
    case 'xen':
      return `under Xen (${valueOf(machine.xenGuestType) ?? 'type of guest unknown'}) guests come up again with the old system or not at all (nixos-anywhere#139, #164)`;
    case 'vmware':
      return machine.architecture === 'arm64'
        ? 'under VMware Fusion on arm64 guests do not come up again (talos#4677, talos-vmtoolsd#51)'
        : undefined;
    default:
      return undefined;
  }
}

export const hypervisor: PreflightCheck = {
  id: 'hypervisor',
  subject: 'the hypervisor below',
  run({ machine }) {
    const results = resultsOf('hypervisor');
    const evidence = [
      evidenceOf(machine.hypervisor),
      evidenceOf(machine.dmi.systemVendor),
      evidenceOf(machine.dmi.productName),
    ];
    if (machine.hypervisor.state === 'unreadable')
      return results.warning({
        title: 'Which hypervisor is below is not known.',
        evidence,
        remedy: 'Mount /sys and /proc.',
      });
    const name = valueOf(machine.hypervisor);
    const trouble = name === undefined ? undefined : hypervisorTrouble(machine, name);
    if (trouble === undefined)
      return results.pass(
        name === undefined ? 'This is no virtual machine.' : `Nothing is known against kexec under ${name}.`,
        evidence,
      );
    return results.refusal({
      title: `Kexec is known to go wrong here: ${trouble}.`,
      evidence: name === 'xen' ? [...evidence, evidenceOf(machine.xenGuestType)] : evidence,
      remedy: 'Try it on a machine that may hang, with its console open; where it works, accept this check.',
      isOverridable: true,
    });
  },
};

export const confidentialGuest: PreflightCheck = {
  id: 'confidential-guest',
  subject: 'whether the memory is hidden from the host',
  run(input) {
    const { machine } = input;
    const results = resultsOf('confidential-guest');
    const reading = machine.confidentialGuest;
    const evidence = [evidenceOf(reading)];
    if (reading.state === 'absent') return results.pass('This is no confidential guest.', evidence);
    if (reading.state === 'unreadable')
      return results.warning({
        title: 'Whether this is a confidential guest is not known.',
        evidence,
        remedy: 'Run khop as root.',
      });
    const isSegments = likelyMethod(input) === 'segments';
    if (reading.value === 'tdx' || isSegments)
      return results.refusal({
        title: isSegments
          ? `In a ${reading.value} guest kexec_load cannot hand over what the new kernel needs to decrypt its memory.`
          : 'In a TDX guest the other CPUs can be woken once only; kernels before 6.11 do not survive kexec.',
        evidence: [...evidence, evidenceOf(machine.release)],
        remedy:
          'Use --method file with recent kernels on both sides; the launch measurement does not cover the new kernel.',
        isOverridable: true,
      });
    return results.warning({
      title: `In a ${reading.value} guest kexec works only between recent kernels, and attestation no longer describes what runs.`,
      evidence: [...evidence, evidenceOf(machine.release)],
      remedy: 'Try it on a guest that may hang first.',
    });
  },
};

export const snpHost: PreflightCheck = {
  id: 'snp-host',
  subject: 'whether this is a host of SEV-SNP guests',
  run({ machine }) {
    const results = resultsOf('snp-host');
    const reading = machine.sevSnpHost;
    const evidence = [evidenceOf(reading, (isOn) => (isOn ? 'on' : 'off'))];
    if (reading.state === 'unreadable')
      return results.warning({
        title: 'Whether SEV-SNP is on could not be read.',
        evidence,
        remedy: 'Run khop as root.',
      });
    if (reading.state === 'absent' || !reading.value)
      return results.pass('SEV-SNP is not in use on this host.', evidence);
    return results.warning({
      title:
        'SEV-SNP is on: memory that the security processor still owns faults in the new kernel (AMDESE/linux#5).',
      evidence,
      remedy: 'Stop all guests and unload kvm_amd and ccp, or reboot through the firmware.',
    });
  },
};
