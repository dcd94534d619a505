/**
 * Machines whose kernel, trust or state differ from the healthy one's, and what the checks say of them.
 * @module
 */
import type { KexecFacts, WatchdogFacts } from '../../../src/machine/facts.ts';
import type { KernelView } from '../../../src/plan/preflight/kernel-view.ts';
import type { PreflightInput } from '../../../src/plan/preflight/preflight-check.ts';
import {
  absent,
  healthyEfi,
  healthyMachine,
  read,
  restingWatchdog,
  unreadable,
} from '../../support/machine-facts.ts';
import { healthyInput, onMachine, withImage } from '../../support/preflight-input.ts';
import type { FindingCase } from './finding-case.ts';

function withKexec(kexec: Partial<KexecFacts>, input: Partial<PreflightInput> = {}): PreflightInput {
  const base = healthyMachine();
  return healthyInput({ machine: { ...base, kexec: { ...base.kexec, ...kexec } }, ...input });
}

function withWatchdog(facts: Partial<WatchdogFacts>, kexecWatchdogSec?: string): PreflightInput {
  const settings = new Map(kexecWatchdogSec === undefined ? [] : [['KExecWatchdogSec', kexecWatchdogSec]]);
  return onMachine({
    watchdogs: read([restingWatchdog(facts)]),
    systemdSettings: read(settings, '/etc/systemd/system.conf'),
  });
}

function running(commandLine: string): PreflightInput {
  return onMachine({ commandLine: read(commandLine, '/proc/cmdline') });
}

function asSegments(input: PreflightInput): PreflightInput {
  return { ...input, method: 'segments' };
}

const ima = (rule: string) => read([rule], '/sys/kernel/security/ima/policy');
const imaAppraises = ima('appraise func=KEXEC_KERNEL_CHECK appraise_type=imasig');

const SIGNED = { kind: 'signature', keyId: '1a2b3c4d' } as const;
const UNREADABLE = { imaMark: unreadable('security.ima of /boot/k') };

/** A kernel that a policy appraises. */
function appraised(image: Partial<KernelView>): PreflightInput {
  return { ...withImage(image), machine: healthyMachine({ imaPolicy: imaAppraises }) };
}

const gates: readonly FindingCase[] = [
  ['privileges', 'pass', 'root', healthyInput()],
  ['privileges', 'warning', 'capabilities cannot be read', onMachine({ capabilities: unreadable() })],
  ['privileges', 'refusal', 'an ordinary user', onMachine({ capabilities: read(new Set()) })],
  ['container', 'pass', 'no container', healthyInput()],
  ['container', 'warning', 'nobody can say', onMachine({ container: unreadable() })],
  ['container', 'refusal', 'docker', onMachine({ container: read('docker') })],
  ['kexec-syscalls', 'pass', 'both calls are there', healthyInput()],
  [
    'kexec-syscalls',
    'pass',
    'only kexec_file_load is there',
    withKexec({ kexecLoad: read({ state: 'missing' }) }),
  ],
  [
    'kexec-syscalls',
    'note',
    'only kexec_load is there',
    withKexec({ kexecFileLoad: read({ state: 'missing' }) }),
  ],
  [
    'kexec-syscalls',
    'warning',
    'the calls were not asked',
    withKexec({ kexecFileLoad: absent(), kexecLoad: absent() }),
  ],
  [
    'kexec-syscalls',
    'refusal',
    'neither is built in',
    withKexec({ kexecFileLoad: read({ state: 'missing' }), kexecLoad: read({ state: 'missing' }) }),
  ],
  [
    'kexec-syscalls',
    'refusal',
    'both are filtered',
    withKexec({
      kexecFileLoad: read({ state: 'denied', errno: 'EPERM' }),
      kexecLoad: read({ state: 'denied', errno: 'EPERM' }),
    }),
  ],
  [
    'kexec-syscalls',
    'refusal',
    'the one that is asked for is missing',
    withKexec({ kexecLoad: read({ state: 'missing' }) }, { method: 'segments' }),
  ],
  ['load-disabled', 'pass', 'the sysctl is 0', healthyInput()],
  ['load-disabled', 'pass', 'a kernel without the sysctl', withKexec({ loadDisabled: absent() })],
  ['load-disabled', 'warning', 'the sysctl cannot be read', withKexec({ loadDisabled: unreadable() })],
  ['load-disabled', 'refusal', 'the sysctl is 1', withKexec({ loadDisabled: read(true) })],
  ['load-limit', 'pass', 'no limit', healthyInput()],
  ['load-limit', 'warning', 'one load is left', withKexec({ loadLimitReboot: read(1) })],
  ['load-limit', 'warning', 'the limit cannot be read', withKexec({ loadLimitReboot: unreadable() })],
  ['load-limit', 'refusal', 'no load is left', withKexec({ loadLimitReboot: read(0) })],
  [
    'load-limit',
    'refusal',
    'no panic load is left',
    withKexec({ loadLimitPanic: read(0) }, { slot: 'crash' }),
  ],
  ['lockdown', 'pass', 'no lockdown', healthyInput()],
  ['lockdown', 'note', 'integrity, by file', onMachine({ lockdown: read('integrity') })],
  ['lockdown', 'warning', 'nobody can say', onMachine({ lockdown: unreadable() })],
  ['lockdown', 'refusal', 'integrity, by segments', asSegments(onMachine({ lockdown: read('integrity') }))],
  ['secure-boot', 'pass', 'started by BIOS', healthyInput()],
  ['secure-boot', 'pass', 'off', onMachine({ efi: read(healthyEfi()) })],
  ['secure-boot', 'note', 'on', onMachine({ efi: read(healthyEfi({ secureBoot: read(true) })) })],
  [
    'secure-boot',
    'warning',
    'efivarfs cannot be read',
    onMachine({ efi: read(healthyEfi({ secureBoot: unreadable() })) }),
  ],
  ['secure-boot', 'warning', 'nothing of UEFI can be read', onMachine({ efi: unreadable() })],
  ['ima-appraisal', 'pass', 'no IMA', onMachine({ imaPolicy: absent() })],
  [
    'ima-appraisal',
    'pass',
    'a policy that measures only',
    onMachine({ imaPolicy: ima('measure func=KEXEC_KERNEL_CHECK') }),
  ],
  ['ima-appraisal', 'note', 'a policy that is write-only', healthyInput()],
  [
    'ima-appraisal',
    'note',
    'a policy that appraises, no kernel named',
    { ...onMachine({ imaPolicy: imaAppraises }), target: undefined },
  ],
  ['ima-appraisal', 'warning', 'neither policy nor command line', onMachine({ commandLine: unreadable() })],
  [
    'ima-appraisal',
    'refusal',
    'a policy that appraises, an unsigned file',
    onMachine({ imaPolicy: imaAppraises }),
  ],
  ['ima-appraisal', 'pass', 'a policy that appraises, a signed file', appraised({ imaMark: read(SIGNED) })],
  ['ima-appraisal', 'warning', 'a policy that appraises, a mark that cannot be read', appraised(UNREADABLE)],
  [
    'ima-appraisal',
    'refusal',
    'a policy that appraises, a file with a digest only',
    appraised({ imaMark: read({ kind: 'digest' }) }),
  ],
  [
    'ima-appraisal',
    'refusal',
    'a policy that appraises, a file with a mark of EVM',
    appraised({ imaMark: read({ kind: 'other', type: 5 }) }),
  ],
  [
    'ima-appraisal',
    'refusal',
    'a policy that appraises, a file on vfat',
    appraised({ imaMark: read({ kind: 'unsupported' }) }),
  ],
  [
    'ima-appraisal',
    'refusal',
    'a policy that appraises, a signed UKI, whose kernel is loaded from a copy',
    appraised({ kind: 'uki', imaMark: read(SIGNED) }),
  ],
  [
    'ima-appraisal',
    'refusal',
    'a policy that appraises, a UKI whose mark cannot be read',
    appraised({ kind: 'uki', ...UNREADABLE }),
  ],
  [
    'ima-appraisal',
    'refusal',
    'a boot policy that appraises',
    running('root=/dev/vda1 ima_policy=secure_boot'),
  ],
  [
    'ima-appraisal',
    'refusal',
    'a policy that appraises, by segments',
    asSegments(onMachine({ imaPolicy: imaAppraises })),
  ],
];

const noAcpi = healthyEfi({ systemTable: read(new Map()) });
const la57 = { cpu: { ...healthyMachine().cpu, fiveLevelPaging: read(true) } };

const firmware: readonly FindingCase[] = [
  ['rsdp-handover', 'pass', 'by file', onMachine({ efi: read(noAcpi) })],
  ['rsdp-handover', 'pass', 'BIOS, by segments', asSegments(healthyInput())],
  [
    'rsdp-handover',
    'pass',
    'UEFI with ACPI20, by segments',
    asSegments(onMachine({ efi: read(healthyEfi()) })),
  ],
  [
    'rsdp-handover',
    'refusal',
    'UEFI without an address, by segments',
    asSegments(onMachine({ efi: read(noAcpi) })),
  ],
  [
    'rsdp-handover',
    'refusal',
    'UEFI that cannot be read, by segments',
    asSegments(onMachine({ efi: unreadable() })),
  ],
  ['efi-handover', 'pass', 'BIOS', healthyInput()],
  ['efi-handover', 'pass', 'UEFI', onMachine({ efi: read(healthyEfi()) })],
  [
    'efi-handover',
    'warning',
    'no runtime map',
    onMachine({ efi: read(healthyEfi({ runtimeMap: absent() })) }),
  ],
  [
    'efi-handover',
    'warning',
    'an empty runtime map',
    onMachine({ efi: read(healthyEfi({ runtimeMap: read([]) })) }),
  ],
  [
    'efi-handover',
    'warning',
    '32-bit firmware',
    onMachine({ efi: read(healthyEfi({ platformSize: read(32) })) }),
  ],
  ['efi-handover', 'warning', 'nothing of UEFI can be read', onMachine({ efi: unreadable() })],
  ['five-level-paging', 'pass', 'both can', onMachine(la57)],
];

const state: readonly FindingCase[] = [
  ['watchdog', 'pass', 'armed over the jump', withWatchdog({}, '5min')],
  ['watchdog', 'note', 'no watchdog', healthyInput()],
  ['watchdog', 'note', 'a watchdog that rests', withWatchdog({})],
  ['watchdog', 'warning', 'armed too short', withWatchdog({}, '30s')],
  ['watchdog', 'warning', 'a time span that nobody understands', withWatchdog({}, 'soon')],
  ['watchdog', 'warning', 'active, and cannot be stopped', withWatchdog({ state: 'active', nowayout: true })],
  ['watchdog', 'warning', 'no way to see', onMachine({ watchdogs: unreadable() })],
  ['panic-kernel-memory', 'pass', 'an ordinary start', healthyInput()],
  [
    'panic-kernel-memory',
    'refusal',
    'started by a panic',
    onMachine({ commandLine: read('root=/dev/vda1 khop.continue=0123456789abcdef elfcorehdr=0x60000000') }),
  ],
  ['crash-image', 'pass', 'no panic kernel', healthyInput()],
  ['crash-image', 'note', 'a panic kernel is loaded', withKexec({ crashLoaded: read(true) })],
  ['crash-image', 'warning', 'no way to see', withKexec({ crashLoaded: unreadable() })],
  ['already-loaded', 'pass', 'nothing is loaded', healthyInput()],
  ['already-loaded', 'note', 'an image is loaded', withKexec({ loaded: read(true) })],
  ['already-loaded', 'warning', 'no way to see', withKexec({ loaded: unreadable() })],
  ['systemd-auto-kexec', 'pass', 'nothing is loaded', healthyInput()],
  ['systemd-auto-kexec', 'warning', 'an image is loaded', withKexec({ loaded: read(true) })],
  ['systemd-auto-kexec', 'warning', 'no way to see', withKexec({ loaded: unreadable() })],
  ['service-manager', 'pass', 'systemd', healthyInput()],
  ['service-manager', 'note', 'another init', onMachine({ serviceManager: read('runit') })],
  ['service-manager', 'warning', 'no way to see', onMachine({ serviceManager: unreadable() })],
  ['switch-history', 'pass', 'it came back before', healthyInput()],
  ['switch-history', 'note', 'the first switch', healthyInput({ successfulSwitches: 0 })],
];

export const MACHINE_CASES: readonly FindingCase[] = [...gates, ...firmware, ...state];
