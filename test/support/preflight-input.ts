/**
 * What a preflight is given, for a kernel that suits `healthyMachine`.
 * @module
 */
import type { Kernel } from '../../src/kernels/kernel.ts';
import type { MachineFacts } from '../../src/machine/facts.ts';
import type { InitrdView, KernelView } from '../../src/plan/preflight/kernel-view.ts';
import type { PreflightInput, PreflightTarget } from '../../src/plan/preflight/preflight-check.ts';
import { absent, healthyArm64Machine, healthyMachine, read } from './machine-facts.ts';

const MIB = 1024 * 1024;
const RELEASE = '6.12.80+deb13-amd64';
const IMAGE = `/boot/vmlinuz-${RELEASE}`;

export const HEALTHY_COMMAND_LINE =
  'root=UUID=2f3a4c1e-0000-4000-8000-000000000001 ro console=tty0 console=ttyS0,115200 quiet';

export function healthyKernel(overrides: Partial<Kernel> = {}): Kernel {
  return {
    id: RELEASE,
    title: `Debian GNU/Linux, with Linux ${RELEASE}`,
    release: RELEASE,
    image: IMAGE,
    initrds: [`/boot/initrd.img-${RELEASE}`],
    commandLine: HEALTHY_COMMAND_LINE,
    deviceTree: undefined,
    modules: `/lib/modules/${RELEASE}`,
    config: `/boot/config-${RELEASE}`,
    origin: { kind: 'grub', config: '/boot/grub/grub.cfg', entry: '0', menuPath: '0' },
    aliases: [],
    isRunning: false,
    isDefault: true,
    isNewest: true,
    problems: [],
    ...overrides,
  };
}

export const HEALTHY_CONFIG: ReadonlyMap<string, string> = new Map([
  ['CONFIG_MODULES', 'y'],
  ['CONFIG_BLK_DEV_INITRD', 'y'],
  ['CONFIG_INITRAMFS_SOURCE', ''],
  ['CONFIG_EXT4_FS', 'm'],
  ['CONFIG_VIRTIO_BLK', 'm'],
  ['CONFIG_VIRTIO_PCI', 'm'],
  ['CONFIG_BLK_DEV_SD', 'm'],
  ['CONFIG_X86_5LEVEL', 'y'],
]);

/** A Debian bzImage, signed. */
export function healthyImage(overrides: Partial<KernelView> = {}): KernelView {
  return {
    path: IMAGE,
    kind: 'bzimage',
    architecture: 'x86-64',
    release: RELEASE,
    fileBytes: 12 * MIB,
    memoryBytes: 54 * MIB,
    setupHeader: { protocol: 0x020f, xloadFlags: 0x7f, cmdlineSize: 2047, isRelocatable: true },
    arm64Header: undefined,
    signers: read(
      [{ subject: 'Debian Secure Boot Signer 2022 - linux', issuer: 'Debian Secure Boot CA' }],
      IMAGE,
    ),
    imaMark: { state: 'absent', source: `security.ima of ${IMAGE}` },
    config: read(HEALTHY_CONFIG, `/boot/config-${RELEASE}`),
    modules: read(new Set(['virtio_net', 'virtio_blk', 'virtio_pci', 'ext4']), `/lib/modules/${RELEASE}`),
    ...overrides,
  };
}

/** An arm64 Image, unsigned. */
export function healthyArm64Image(overrides: Partial<KernelView> = {}): KernelView {
  return healthyImage({
    kind: 'arm64-image',
    architecture: 'arm64',
    setupHeader: undefined,
    arm64Header: { pageSize: 4096, isBigEndian: false },
    signers: read([], IMAGE),
    ...overrides,
  });
}

function modulePath(name: string): string {
  return `usr/lib/modules/${RELEASE}/kernel/drivers/${name}.ko.xz`;
}

/** What update-initramfs makes, very much shortened. */
export function healthyInitrd(overrides: Partial<InitrdView> = {}): InitrdView {
  return {
    packedBytes: 36 * MIB,
    unpackedBytes: 160 * MIB,
    paths: new Set([
      'init',
      'bin/busybox',
      ...['virtio_blk', 'virtio_pci', 'ext4', 'sd_mod'].map(modulePath),
    ]),
    misalignedArchives: [],
    ...overrides,
  };
}

export function healthyTarget(overrides: Partial<PreflightTarget> = {}): PreflightTarget {
  return {
    kernel: healthyKernel(),
    image: read(healthyImage(), IMAGE),
    initrd: read(healthyInitrd(), `/boot/initrd.img-${RELEASE}`),
    commandLine: HEALTHY_COMMAND_LINE,
    ...overrides,
  };
}

export function healthyInput(overrides: Partial<PreflightInput> = {}): PreflightInput {
  return {
    machine: healthyMachine(),
    target: healthyTarget(),
    method: 'auto',
    planProblem: undefined,
    slot: 'normal',
    successfulSwitches: 1,
    usualDownMs: 3000,
    ...overrides,
  };
}

/** The healthy input on a machine that differs. */
export function onMachine(overrides: Partial<MachineFacts>): PreflightInput {
  return healthyInput({ machine: healthyMachine(overrides) });
}

/** The healthy input with an image that differs. */
export function withImage(overrides: Partial<KernelView>): PreflightInput {
  return healthyInput({ target: healthyTarget({ image: read(healthyImage(overrides), IMAGE) }) });
}

/** The healthy input with an initrd that differs. */
export function withInitrd(overrides: Partial<InitrdView>): PreflightInput {
  return healthyInput({
    target: healthyTarget({ initrd: read(healthyInitrd(overrides), `/boot/initrd.img-${RELEASE}`) }),
  });
}

/** The healthy input with more at the end of the new command line. */
export function withCommandLine(commandLine: string): PreflightInput {
  return healthyInput({ target: healthyTarget({ commandLine }) });
}

/** The healthy input without an initrd. */
export function withoutInitrd(commandLine: string, image: Partial<KernelView> = {}): PreflightInput {
  return healthyInput({
    target: healthyTarget({
      commandLine,
      image: read(healthyImage(image), IMAGE),
      initrd: absent('no initrd'),
    }),
  });
}

/** The healthy arm64 input on a board that differs. */
export function onArm64(overrides: Partial<MachineFacts>, image: Partial<KernelView> = {}): PreflightInput {
  return healthyInput({
    machine: healthyArm64Machine(overrides),
    target: healthyTarget({ image: read(healthyArm64Image(image), IMAGE) }),
  });
}
