import assert from 'node:assert/strict';
import { test } from 'node:test';
import { readMachine } from '../../src/machine/read-machine.ts';
import type { Reading } from '../../src/machine/reading.ts';
import { bootParams } from '../support/machine-trees.ts';
import { buildTree, prefix, type TreeFiles } from '../support/tree-builder.ts';

const GUEST_CPU = { 'proc/cpuinfo': 'flags\t: fpu hypervisor\n', 'proc/sys/kernel/arch': 'x86_64\n' };
const METAL_CPU = { 'proc/cpuinfo': 'flags\t: fpu vmx\n', 'proc/sys/kernel/arch': 'x86_64\n' };
const ARM_CPU = { 'proc/cpuinfo': 'Features\t: fp asimd\n', 'proc/sys/kernel/arch': 'aarch64\n' };
const CLOCKS = 'sys/devices/system/clocksource/clocksource0/available_clocksource';
const dmi = (vendor: string, product: string): TreeFiles =>
  prefix('sys/class/dmi/id', { sys_vendor: `${vendor}\n`, product_name: `${product}\n` });

const shown = (reading: Reading<string>): string =>
  reading.state === 'read' ? reading.value : reading.state;

const hypervisors: readonly [name: string, files: TreeFiles, expected: string][] = [
  ['QEMU', { ...GUEST_CPU, ...dmi('QEMU', 'Standard PC (i440FX + PIIX, 1996)') }, 'qemu'],
  ['Google', { ...GUEST_CPU, ...dmi('Google', 'Google Compute Engine') }, 'google'],
  ['EC2 on Nitro', { ...GUEST_CPU, ...dmi('Amazon EC2', 'm5.large') }, 'amazon'],
  ['EC2 bare metal', { ...METAL_CPU, ...dmi('Amazon EC2', 'm5.metal') }, 'absent'],
  ['EC2 on Graviton', { ...ARM_CPU, ...dmi('Amazon EC2', 'm6g.large') }, 'amazon'],
  ['EC2 bare metal on Graviton', { ...ARM_CPU, ...dmi('Amazon EC2', 'm6g.metal') }, 'absent'],
  ['Azure', { ...GUEST_CPU, ...dmi('Microsoft Corporation', 'Virtual Machine') }, 'microsoft'],
  ['a Surface', { ...METAL_CPU, ...dmi('Microsoft Corporation', 'Surface Laptop 4') }, 'absent'],
  ['a PC that runs QEMU', { ...METAL_CPU, ...dmi('QEMU lovers', 'Desk') }, 'absent'],
  ['Xen', { ...GUEST_CPU, ...dmi('Xen', 'HVM domU'), 'sys/hypervisor/type': 'xen\n' }, 'xen'],
  ['Xen dom0', { ...METAL_CPU, ...dmi('Dell', 'R7'), 'sys/hypervisor/type': 'xen\n' }, 'xen'],
  ['a microVM without SMBIOS', { ...GUEST_CPU, [CLOCKS]: 'kvm-clock tsc acpi_pm\n' }, 'kvm'],
  ['a guest of nobody known', { ...GUEST_CPU, [CLOCKS]: 'tsc\n' }, 'unknown'],
  ['a cloud of KVM', { ...GUEST_CPU, ...dmi('Hetzner', 'vServer'), [CLOCKS]: 'kvm-clock tsc\n' }, 'kvm'],
  [
    'arm64 without SMBIOS',
    { ...ARM_CPU, 'sys/firmware/devicetree/base/compatible': 'linux,dummy-virt\0' },
    'qemu',
  ],
  [
    'arm64 on Xen',
    { ...ARM_CPU, 'sys/firmware/devicetree/base/hypervisor/compatible': 'xen,xen-4.17\0xen,xen\0' },
    'xen',
  ],
  ['bare metal', { ...METAL_CPU, ...dmi('Example', 'Desk 9000') }, 'absent'],
];

for (const [name, files, expected] of hypervisors)
  test(`the hypervisor of ${name} is ${expected}`, () => {
    using tree = buildTree(files);
    assert.equal(shown(readMachine(tree.root).hypervisor), expected);
  });

const guests: readonly [name: string, files: TreeFiles, log: string[], expected: string][] = [
  ['a guest of TDX with its device', { ...GUEST_CPU, 'dev/tdx_guest': '' }, [], 'tdx'],
  ['a guest of TDX by its flag', { 'proc/cpuinfo': 'flags\t: fpu hypervisor tdx_guest\n' }, [], 'tdx'],
  ['a guest of SEV-SNP with its device', { ...GUEST_CPU, 'dev/sev-guest': '' }, [], 'sev-snp'],
  [
    'a guest of SEV-SNP by the CC blob',
    { ...GUEST_CPU, 'sys/kernel/boot_params/data': bootParams({ 317: 0x10 }) },
    [],
    'sev-snp',
  ],
  ['a guest of SEV by the kernel log', GUEST_CPU, ['Memory Encryption Features active: AMD SEV'], 'sev'],
  ['a guest of SEV by its flag', { 'proc/cpuinfo': 'flags\t: fpu hypervisor sev\n' }, [], 'sev'],
  ['a host that offers SEV-SNP', { 'proc/cpuinfo': 'flags\t: fpu sev sev_es sev_snp\n' }, [], 'absent'],
  ['a host with memory encryption', METAL_CPU, ['Memory Encryption Features active: AMD SME'], 'absent'],
  ['an arm64 realm', { ...ARM_CPU, 'sys/devices/platform/arm-cca-dev/uevent': '' }, [], 'cca'],
];

for (const [name, files, log, expected] of guests)
  test(`${name} is, as a confidential guest, ${expected}`, () => {
    using tree = buildTree({ 'dev/null': '', ...files });
    const kernelLog = { state: 'read', value: log, source: '/dev/kmsg' } as const;
    assert.equal(shown(readMachine(tree.root, { kernelLog }).confidentialGuest), expected);
  });
