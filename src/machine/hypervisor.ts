/**
 * Whether this machine is a guest, of whom, and whether its memory is hidden from the host.
 * @module
 */
import type { Architecture } from '../formats/architecture.ts';
import type { DmiFacts } from './facts.ts';
import { type Reading, valueOf } from './reading.ts';
import { mapReading, readNames, readText } from './source.ts';

/** What tells guests apart from other files. */
export interface GuestEvidence {
  readonly architecture: Architecture;
  readonly dmi: DmiFacts;
  readonly flags: Reading<ReadonlySet<string>>;
  readonly bootParams: Reading<Uint8Array>;
  readonly kernelLog: Reading<readonly string[]>;
}

/** First match counts: what the vendor, product and BIOS strings of SMBIOS say. */
const DMI_HYPERVISORS: readonly (readonly [RegExp, string])[] = [
  [/Google Compute Engine/, 'google'],
  [/Amazon EC2/, 'amazon'],
  [/Microsoft Corporation.*Virtual Machine/, 'microsoft'],
  [/VMware/, 'vmware'],
  [/innotek GmbH|VirtualBox/, 'oracle'],
  [/Xen/, 'xen'],
  [/Parallels/, 'parallels'],
  [/Apple Virtualization/, 'apple'],
  [/QEMU|KVM|OpenStack/, 'qemu'],
];

/** Clock sources that only guests of one hypervisor have. */
const CLOCK_HYPERVISORS: readonly (readonly [RegExp, string])[] = [
  [/\bkvm-clock\b/, 'kvm'],
  [/\bhyperv_clocksource/, 'microsoft'],
  [/\bxen\b/, 'xen'],
];

/** `compatible` of the device tree's /hypervisor node and root. */
const TREE_HYPERVISORS: readonly (readonly [RegExp, string])[] = [
  [/xen,xen/, 'xen'],
  [/linux,kvm/, 'kvm'],
  [/linux,dummy-virt/, 'qemu'],
];

const match = (table: readonly (readonly [RegExp, string])[], text: string): string | undefined =>
  table.find(([pattern]) => pattern.test(text))?.[1];

/**
 * Xen's own folder, SMBIOS, clock sources, device tree, and as `unknown` the CPU's flag; absent on bare
 * metal. SMBIOS alone does not make a guest: bare-metal machines of clouds carry the same vendor's name.
 */
export function readHypervisor(root: string, evidence: GuestEvidence): Reading<string> {
  const xen = readText(root, '/sys/hypervisor/type');
  if (xen.state === 'read' && xen.value !== '') return xen;
  const { dmi, flags } = evidence;
  const hasFlag = valueOf(flags)?.has('hypervisor');
  const isX86 = evidence.architecture === 'x86-64';
  if (isX86 && hasFlag === false) return { state: 'absent', source: '/proc/cpuinfo, flag hypervisor' };
  const words = [dmi.systemVendor, dmi.productName, dmi.biosVersion].map((reading) => valueOf(reading));
  const byDmi = match(DMI_HYPERVISORS, words.join(' '));
  const isMetal = /[.-]metal\b/.test(words[1] ?? '');
  if (byDmi !== undefined && !isMetal) return { state: 'read', value: byDmi, source: '/sys/class/dmi/id' };
  const clocks = readText(root, '/sys/devices/system/clocksource/clocksource0/available_clocksource');
  const byClock = match(CLOCK_HYPERVISORS, valueOf(clocks) ?? '');
  if (byClock !== undefined) return { state: 'read', value: byClock, source: clocks.source };
  const tree = '/sys/firmware/devicetree/base';
  for (const compatible of [`${tree}/hypervisor/compatible`, `${tree}/compatible`]) {
    const byTree = match(TREE_HYPERVISORS, valueOf(readText(root, compatible)) ?? '');
    if (byTree !== undefined) return { state: 'read', value: byTree, source: compatible };
  }
  if (hasFlag === true) return { state: 'read', value: 'unknown', source: flags.source };
  if (flags.state === 'unreadable') return flags;
  return { state: 'absent', source: '/proc/cpuinfo, /sys/class/dmi/id' };
}

/** /sys/hypervisor/guest_type. */
export function readXenGuestType(root: string): Reading<string> {
  return readText(root, '/sys/hypervisor/guest_type');
}

/** arch/x86/include/uapi/asm/bootparam.h: where the SEV-SNP firmware's secrets and CPUID pages are described. */
const CC_BLOB_ADDRESS = 0x13c;

/**
 * Attestation devices (drivers/virt/coco), the CC blob of boot_params, the kernel's own words, and the CPU's
 * flags. An AMD host shows the flags `sev` and `sev_snp` too: they only count in a guest.
 */
export function readConfidentialGuest(root: string, evidence: GuestEvidence): Reading<string> {
  const devices = readNames(root, '/dev');
  const has = (name: string) => valueOf(devices)?.includes(name) === true;
  const found = (value: string, source: string): Reading<string> => ({ state: 'read', value, source });
  const flags = valueOf(evidence.flags);
  if (has('tdx_guest')) return found('tdx', '/dev/tdx_guest');
  if (flags?.has('tdx_guest')) return found('tdx', evidence.flags.source);
  if (has('sev-guest')) return found('sev-snp', '/dev/sev-guest');
  const blob = valueOf(evidence.bootParams)?.subarray(CC_BLOB_ADDRESS, CC_BLOB_ADDRESS + 4);
  if (blob?.some((byte) => byte !== 0))
    return found('sev-snp', '/sys/kernel/boot_params/data, cc_blob_address');
  const active = valueOf(evidence.kernelLog)?.findLast((line) =>
    line.includes('Memory Encryption Features active:'),
  );
  if (active !== undefined && /TDX|SEV/.test(active))
    return found(
      /TDX/.test(active) ? 'tdx' : /SEV-SNP/.test(active) ? 'sev-snp' : 'sev',
      evidence.kernelLog.source,
    );
  if (flags?.has('hypervisor') && flags.has('sev'))
    return found(flags.has('sev_snp') ? 'sev-snp' : 'sev', evidence.flags.source);
  if (readNames(root, '/sys/devices/platform/arm-cca-dev').state === 'read')
    return found('cca', '/sys/devices/platform/arm-cca-dev');
  if (devices.state === 'unreadable') return devices;
  return { state: 'absent', source: '/dev, /sys/kernel/boot_params/data, the kernel log and /proc/cpuinfo' };
}

/** kvm_amd's parameter: this machine runs SEV-SNP guests. */
export function readSevSnpHost(root: string): Reading<boolean> {
  return mapReading(readText(root, '/sys/module/kvm_amd/parameters/sev_snp'), (text) =>
    /^[1Yy]$/.test(text) ? true : /^[0Nn]$/.test(text) ? false : undefined,
  );
}
