/**
 * Hardware, boards and hypervisors that differ from the healthy machine's, and what the checks say of them.
 * @module
 */
import type { NetworkInterface, PciDevice } from '../../../src/machine/facts.ts';
import type { PreflightInput } from '../../../src/plan/preflight/preflight-check.ts';
import {
  absent,
  healthyArm64Machine,
  healthyEfi,
  healthyMachine,
  read,
  unreadable,
} from '../../support/machine-facts.ts';
import {
  healthyArm64Image,
  healthyInput,
  healthyKernel,
  healthyTarget,
  onArm64,
  onMachine,
} from '../../support/preflight-input.ts';
import type { FindingCase } from './finding-case.ts';

function withGpu(driver: string): PreflightInput {
  const device: PciDevice = {
    address: '0000:01:00.0',
    classCode: 0x030000,
    vendorId: 1,
    deviceId: 2,
    driver,
  };
  return onMachine({ pciDevices: read([device], '/sys/bus/pci/devices') });
}

function withNetwork(driver: string): PreflightInput {
  const network: NetworkInterface = { name: 'ens3', driver, operationalState: 'up' };
  return onMachine({ networkInterfaces: read([network], '/sys/class/net') });
}

function withStorage(driver: string): PreflightInput {
  const device: PciDevice = {
    address: '0000:02:00.0',
    classCode: 0x010400,
    vendorId: 1,
    deviceId: 2,
    driver,
  };
  return onMachine({ pciDevices: read([device], '/sys/bus/pci/devices') });
}

function asSegments(input: PreflightInput): PreflightInput {
  return { ...input, method: 'segments' };
}

const xen = read('xen', '/sys/hypervisor/type');

const platform: readonly FindingCase[] = [
  ['hypervisor', 'pass', 'KVM', healthyInput()],
  ['hypervisor', 'pass', 'bare metal', onMachine({ hypervisor: absent() })],
  ['hypervisor', 'pass', 'VMware on x86-64', onMachine({ hypervisor: read('vmware') })],
  ['hypervisor', 'warning', 'nobody can say', onMachine({ hypervisor: unreadable() })],
  ['hypervisor', 'refusal', 'Azure', onMachine({ hypervisor: read('microsoft') })],
  ['hypervisor', 'refusal', 'Google Compute Engine', onMachine({ hypervisor: read('google') })],
  ['hypervisor', 'refusal', 'Xen', onMachine({ hypervisor: xen, xenGuestType: read('HVM') })],
  [
    'hypervisor',
    'refusal',
    'bhyve',
    onMachine({ hypervisor: read('unknown'), dmi: { ...healthyMachine().dmi, productName: read('BHYVE') } }),
  ],
  ['hypervisor', 'refusal', 'VMware Fusion on arm64', onArm64({ hypervisor: read('vmware') })],
  ['confidential-guest', 'pass', 'an ordinary guest', healthyInput()],
  ['confidential-guest', 'warning', 'SEV-SNP, by file', onMachine({ confidentialGuest: read('sev-snp') })],
  ['confidential-guest', 'warning', 'nobody can say', onMachine({ confidentialGuest: unreadable() })],
  ['confidential-guest', 'refusal', 'TDX', onMachine({ confidentialGuest: read('tdx') })],
  [
    'confidential-guest',
    'refusal',
    'SEV-SNP, by segments',
    asSegments(onMachine({ confidentialGuest: read('sev-snp') })),
  ],
  ['snp-host', 'pass', 'no host of guests', healthyInput()],
  ['snp-host', 'pass', 'kvm_amd without SNP', onMachine({ sevSnpHost: read(false) })],
  ['snp-host', 'warning', 'a host of SNP guests', onMachine({ sevSnpHost: read(true) })],
  ['snp-host', 'warning', 'nobody can say', onMachine({ sevSnpHost: unreadable() })],
  ['known-bad-kernel', 'pass', 'nothing known', healthyInput()],
  ['known-bad-kernel', 'warning', '6.12.54 on x86-64', onMachine({ release: read('6.12.54-flatcar') })],
  ['known-bad-kernel', 'warning', 'no release', onMachine({ release: unreadable() })],
  ['known-bad-kernel', 'warning', '6.12.55 on arm64', onArm64({ release: read('6.12.55+deb13-arm64') })],
  ['known-bad-kernel', 'pass', '6.12.58 on arm64', onArm64({ release: read('6.12.58+deb13-arm64') })],
];

const tree = (text: string) => read(new Uint8Array(Buffer.from(text)), '/sys/firmware/fdt');
const cpuWith = (enableMethods: ReturnType<typeof read<readonly string[]>>, possible = 4) => ({
  cpu: { ...healthyArm64Machine().cpu, enableMethods, possible: read(possible) },
});
const log = (...lines: string[]) => read(lines, '/dev/kmsg');
const va52 = log('CPU features: detected: 52-bit Virtual Addressing (LPA2)');

const boards: readonly FindingCase[] = [
  ['spin-table-cpus', 'pass', 'PSCI', onArm64({})],
  ['spin-table-cpus', 'pass', 'a spin table and one possible CPU', onArm64(cpuWith(read(['spin-table']), 1))],
  ['spin-table-cpus', 'warning', 'no way to see', onArm64(cpuWith(unreadable()))],
  ['spin-table-cpus', 'refusal', 'a spin table', onArm64(cpuWith(read(['spin-table'])))],
  [
    'spin-table-cpus',
    'refusal',
    'the kernel said so',
    onArm64({ kernelLog: log("Can't kexec: CPUs are stuck in the kernel.") }),
  ],
  ['arm64-page-size', 'pass', 'the same size', onArm64({})],
  ['arm64-page-size', 'pass', '4 KiB on a kernel of 64 KiB', onArm64({ pageSize: read(65536) })],
  [
    'arm64-page-size',
    'warning',
    'the image does not say',
    onArm64({}, { arm64Header: { pageSize: undefined, isBigEndian: false } }),
  ],
  [
    'arm64-page-size',
    'warning',
    '16 KiB, by file',
    { ...onArm64({}, { arm64Header: { pageSize: 16384, isBigEndian: false } }), method: 'file' },
  ],
  [
    'arm64-page-size',
    'refusal',
    '64 KiB, by segments',
    onArm64({}, { arm64Header: { pageSize: 65536, isBigEndian: false } }),
  ],
  ['gic-lpi-tables', 'pass', 'GICv2', onArm64({})],
  [
    'gic-lpi-tables',
    'pass',
    'GICv3 with UEFI',
    onArm64({ deviceTree: tree('arm,gic-v3-its'), efi: read(healthyEfi()) }),
  ],
  [
    'gic-lpi-tables',
    'pass',
    'GICv3 without LPIs',
    onArm64({
      deviceTree: tree('arm,gic-v3-its'),
      commandLine: read('irqchip.gicv3_nolpi=1 root=/dev/vda1'),
    }),
  ],
  [
    'gic-lpi-tables',
    'warning',
    'neither tree nor log',
    onArm64({ deviceTree: unreadable(), kernelLog: unreadable() }),
  ],
  ['gic-lpi-tables', 'refusal', 'GICv3 with ITS', onArm64({ deviceTree: tree('arm,gic-v3-its') })],
  [
    'gic-lpi-tables',
    'refusal',
    'the log names the tables',
    onArm64({ kernelLog: log('GICv3: CPU0: using allocated LPI pending table @0x43b10000') }),
  ],
  ['arm64-lpa2', 'pass', '48-bit addresses', onArm64({})],
  [
    'arm64-lpa2',
    'pass',
    '52-bit addresses on 7.2',
    onArm64({ kernelLog: va52, release: read('7.2.13-arm64') }),
  ],
  [
    'arm64-lpa2',
    'pass',
    '52-bit addresses switched off',
    onArm64({ kernelLog: va52, commandLine: read('arm64.nolva') }),
  ],
  [
    'arm64-lpa2',
    'warning',
    '52-bit addresses on 6.14',
    onArm64({ kernelLog: va52, release: read('6.14.2-arm64') }),
  ],
  [
    'arm64-lpa2',
    'warning',
    'no log, built for 52 bits',
    onArm64({ kernelLog: unreadable(), kernelConfig: read(new Map([['CONFIG_ARM64_VA_BITS_52', 'y']])) }),
  ],
  ['arm64-lpa2', 'refusal', '52-bit addresses on 6.12', onArm64({ kernelLog: va52 })],
  ['raspberry-pi', 'pass', 'another board', onArm64({})],
  [
    'raspberry-pi',
    'note',
    'a Raspberry Pi 4',
    onArm64({ deviceTree: tree('Raspberry Pi 4 Model B Rev 1.4') }),
  ],
  ['raspberry-pi', 'warning', 'no way to see', onArm64({ deviceTree: unreadable() })],
  [
    'raspberry-pi',
    'refusal',
    'a Raspberry Pi 5',
    onArm64({ deviceTree: tree('Raspberry Pi 5 Model B Rev 1.0') }),
  ],
  ['device-tree-handover', 'pass', 'the running tree', onArm64({})],
  [
    'device-tree-handover',
    'pass',
    'kexec_file_load sees to it',
    { ...onArm64({ deviceTree: unreadable() }), method: 'file' },
  ],
  [
    'device-tree-handover',
    'warning',
    'only the entry’s tree',
    {
      ...onArm64({ deviceTree: unreadable() }),
      target: healthyTarget({
        kernel: healthyKernel({ deviceTree: '/boot/board.dtb' }),
        image: read(healthyArm64Image()),
      }),
    },
  ],
  ['device-tree-handover', 'refusal', 'no tree', onArm64({ deviceTree: unreadable() })],
];

const devices: readonly FindingCase[] = [
  ['framebuffer', 'pass', 'no screen', healthyInput()],
  ['framebuffer', 'pass', 'firmware’s framebuffer', onMachine({ framebuffers: read(['EFI VGA']) })],
  ['framebuffer', 'note', 'a DRM driver', onMachine({ framebuffers: read(['bochs-drmdrmfb']) })],
  [
    'framebuffer',
    'warning',
    'a DRM driver that the new kernel lacks',
    {
      ...withGpu('bochs-drm'),
      machine: { ...withGpu('bochs-drm').machine, framebuffers: read(['bochs-drmdrmfb']) },
    },
  ],
  ['framebuffer', 'warning', 'no way to see', onMachine({ framebuffers: unreadable() })],
  ['gpu-drivers', 'pass', 'no graphics', healthyInput()],
  ['gpu-drivers', 'pass', 'virtio', withGpu('virtio-pci')],
  ['gpu-drivers', 'note', 'i915', withGpu('i915')],
  ['gpu-drivers', 'warning', 'amdgpu', withGpu('amdgpu')],
  [
    'gpu-drivers',
    'warning',
    'nvidia, for computing',
    onMachine({ loadedModules: read(new Set(['nvidia'])) }),
  ],
  ['gpu-drivers', 'warning', 'no way to see', onMachine({ pciDevices: unreadable() })],
  ['network-drivers', 'pass', 'virtio', healthyInput()],
  ['network-drivers', 'note', 'mlx5', withNetwork('mlx5_core')],
  ['network-drivers', 'note', 'bnx2x', withNetwork('bnx2x')],
  ['network-drivers', 'warning', 'mlx4', withNetwork('mlx4_core')],
  ['network-drivers', 'warning', 'no way to see', onMachine({ networkInterfaces: unreadable() })],
  ['device-shutdown', 'pass', 'virtio', healthyInput()],
  ['device-shutdown', 'note', 'a RAID controller', withStorage('mpt3sas')],
  [
    'device-shutdown',
    'note',
    'NVMe, on a machine that was never switched',
    { ...withStorage('nvme'), usualDownMs: undefined },
  ],
  ['device-shutdown', 'warning', 'no way to see', onMachine({ pciDevices: unreadable() })],
  ['storage-drivers', 'pass', 'virtio', healthyInput()],
  ['storage-drivers', 'note', 'megaraid_sas', withStorage('megaraid_sas')],
  ['storage-drivers', 'note', 'hpsa', withStorage('hpsa')],
  [
    'storage-drivers',
    'warning',
    'root on USB',
    onMachine({
      rootStorage: read({
        blockDevices: ['sda1', 'sda'],
        drivers: ['sd', 'uas'],
        modules: [],
        devicePaths: [
          '/sys/devices/pci0000:00/0000:00:14.0/usb2/2-1/2-1:1.0/host6/target6:0:0/6:0:0:0/block/sda',
        ],
      }),
    }),
  ],
  ['storage-drivers', 'warning', 'no way to see', onMachine({ rootStorage: unreadable() })],
  ['iommu-dma', 'pass', 'a quiet log', healthyInput()],
  [
    'iommu-dma',
    'warning',
    'a fault of DMAR',
    onMachine({ kernelLog: log('DMAR: [DMA Read NO_PASID] Request device [00:1f.2] fault addr 0x0') }),
  ],
  ['iommu-dma', 'warning', 'a device given to a guest', withStorage('vfio-pci')],
  ['iommu-dma', 'warning', 'no log', onMachine({ kernelLog: unreadable() })],
  ['tpm-sealed-disk', 'pass', 'no encrypted disk', healthyInput()],
  ['tpm-sealed-disk', 'pass', 'no TPM, header unreadable', onMachine({ luksTokens: unreadable() })],
  [
    'tpm-sealed-disk',
    'warning',
    'crypttab names the TPM',
    onMachine({ crypttab: read(['root UUID=x none luks,tpm2-device=auto']) }),
  ],
  [
    'tpm-sealed-disk',
    'warning',
    'a token of clevis',
    onMachine({ luksTokens: read([{ device: 'vda3', type: 'clevis' }]) }),
  ],
  [
    'tpm-sealed-disk',
    'warning',
    'a TPM, header unreadable',
    onMachine({ luksTokens: unreadable(), hasTpm: read(true) }),
  ],
];

export const HARDWARE_CASES: readonly FindingCase[] = [...platform, ...boards, ...devices];
