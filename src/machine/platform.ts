/**
 * What kind of machine this is: firmware's names, hypervisor, container, confidential guest.
 * @module
 */
import type { DmiFacts } from './facts.ts';
import { type Reading, valueOf } from './reading.ts';
import { booleanOf, mapReading, readNames, readText } from './source.ts';

export function readDmi(root: string): DmiFacts {
  const field = (name: string) => readText(root, `/sys/class/dmi/id/${name}`);
  return {
    systemVendor: field('sys_vendor'),
    productName: field('product_name'),
    boardName: field('board_name'),
    biosVersion: field('bios_version'),
  };
}

/** First match counts: what the vendor and product strings of SMBIOS say. */
const DMI_HYPERVISORS: readonly (readonly [RegExp, string])[] = [
  [/Google Compute Engine/, 'google'],
  [/Amazon EC2/, 'amazon'],
  [/Microsoft Corporation.*Virtual Machine/, 'microsoft'],
  [/VMware/, 'vmware'],
  [/innotek GmbH|VirtualBox/, 'oracle'],
  [/Xen/, 'xen'],
  [/Parallels/, 'parallels'],
  [/QEMU|KVM|OpenStack/, 'qemu'],
];

/** /sys/hypervisor/type, else DMI, else the `hypervisor` flag of the CPU; absent on bare metal. */
export function readHypervisor(
  root: string,
  dmi: DmiFacts,
  flags: Reading<ReadonlySet<string>>,
): Reading<string> {
  const xen = readText(root, '/sys/hypervisor/type');
  if (xen.state === 'read' && xen.value !== '') return xen;
  const words = [valueOf(dmi.systemVendor), valueOf(dmi.productName), valueOf(dmi.biosVersion)].join(' ');
  const known = DMI_HYPERVISORS.find(([pattern]) => pattern.test(words));
  const source = '/sys/class/dmi/id and /proc/cpuinfo';
  const isGuest = valueOf(flags)?.has('hypervisor') === true;
  // EC2's bare-metal machines carry the same vendor name as its guests.
  if (known !== undefined && (isGuest || valueOf(flags) === undefined || known[1] !== 'amazon'))
    return { state: 'read', value: known[1], source };
  return isGuest ? { state: 'read', value: 'unknown', source } : { state: 'absent', source };
}

export function readXenGuestType(root: string): Reading<string> {
  return readText(root, '/sys/hypervisor/guest_type');
}

/** The devices of a confidential guest's attestation, drivers/virt/coco. */
export function readConfidentialGuest(root: string, flags: Reading<ReadonlySet<string>>): Reading<string> {
  const source = '/dev/sev-guest, /dev/tdx_guest and /proc/cpuinfo';
  const devices = readNames(root, '/dev');
  if (devices.state === 'unreadable') return devices;
  const has = (name: string) => valueOf(devices)?.includes(name) === true;
  const names = valueOf(flags);
  if (has('tdx_guest') || names?.has('tdx_guest')) return { state: 'read', value: 'tdx', source };
  if (has('sev-guest') || names?.has('sev_snp')) return { state: 'read', value: 'sev-snp', source };
  return { state: 'absent', source };
}

/** kvm_amd's parameter: this machine runs SEV-SNP guests. */
export function readSevSnpHost(root: string): Reading<boolean> {
  return mapReading(readText(root, '/sys/module/kvm_amd/parameters/sev_snp'), booleanOf);
}

/** The variable `container` of PID 1, else /run/systemd/container, else the marks of docker and podman. */
export function readContainer(root: string): Reading<string> {
  const named = readText(root, '/run/systemd/container');
  if (named.state === 'read' && named.value !== '') return named;
  const environment = readText(root, '/proc/1/environ');
  const variable = /(?:^|\0)container=([^\0]+)/.exec(valueOf(environment) ?? '')?.[1];
  if (variable !== undefined) return { state: 'read', value: variable, source: environment.source };
  for (const [path, name] of [
    ['/.dockerenv', 'docker'],
    ['/run/.containerenv', 'podman'],
  ] as const)
    if (readText(root, path).state === 'read') return { state: 'read', value: name, source: path };
  return { state: 'absent', source: '/run/systemd/container, /proc/1/environ, /.dockerenv' };
}
