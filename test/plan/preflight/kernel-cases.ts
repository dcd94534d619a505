/**
 * Images, initrds and modules that differ from those that suit the healthy machine.
 * @module
 */
import type { KernelView } from '../../../src/plan/preflight/kernel-view.ts';
import type { PreflightInput } from '../../../src/plan/preflight/preflight-check.ts';
import { absent, healthyMachine, read, unreadable } from '../../support/machine-facts.ts';
import {
  HEALTHY_COMMAND_LINE,
  HEALTHY_CONFIG,
  healthyImage,
  healthyInitrd,
  healthyInput,
  healthyKernel,
  healthyTarget,
  onMachine,
  withCommandLine,
  withImage,
  withInitrd,
  withoutInitrd,
} from '../../support/preflight-input.ts';
import type { FindingCase } from './finding-case.ts';

const MIB = 1024 * 1024;
const GIB = 1024 * MIB;

function configured(
  symbols: Record<string, string | undefined>,
): ReturnType<typeof read<ReadonlyMap<string, string>>> {
  const config = new Map(HEALTHY_CONFIG);
  for (const [symbol, value] of Object.entries(symbols))
    if (value === undefined) config.delete(`CONFIG_${symbol}`);
    else config.set(`CONFIG_${symbol}`, value);
  return read(config, '/boot/config');
}

function header(overrides: Partial<NonNullable<KernelView['setupHeader']>>): PreflightInput {
  const setupHeader = healthyImage().setupHeader!;
  return withImage({ setupHeader: { ...setupHeader, ...overrides } });
}

const locked = { lockdown: read('integrity' as const, '/sys/kernel/security/lockdown') };
const verifierOff = read(new Map([['CONFIG_KEXEC_SIG_FORCE', 'y']]), '/boot/config');
const lockedWith = (image: Partial<KernelView>) => ({ ...withImage(image), machine: healthyMachine(locked) });

const images: readonly FindingCase[] = [
  ['image-signature', 'pass', 'no signature demanded', withImage({ signers: read([]) })],
  ['image-signature', 'pass', 'demanded, signed, key held', onMachine(locked)],
  [
    'image-signature',
    'note',
    'the running configuration is not known',
    onMachine({ kernelConfig: unreadable() }),
  ],
  ['image-signature', 'warning', 'demanded, table unreadable', lockedWith({ signers: unreadable() })],
  [
    'image-signature',
    'warning',
    'demanded, keyrings unreadable',
    onMachine({ ...locked, keyDescriptions: unreadable() }),
  ],
  ['image-signature', 'refusal', 'demanded, unsigned', lockedWith({ signers: read([]) })],
  [
    'image-signature',
    'refusal',
    'demanded, key not held',
    lockedWith({ signers: read([{ subject: 'me', issuer: 'my own CA' }]) }),
  ],
  [
    'image-signature',
    'refusal',
    'demanded, and nothing to check it with',
    onMachine({ kernelConfig: verifierOff }),
  ],
  ['entry-problems', 'pass', 'a whole entry', healthyInput()],
  [
    'entry-problems',
    'refusal',
    'an entry that lacks its initrd',
    healthyInput({
      target: healthyTarget({
        kernel: healthyKernel({ problems: ['initrd /boot/initrd.img does not exist'] }),
      }),
    }),
  ],
  ['image-readable', 'pass', 'a bzImage', healthyInput()],
  [
    'image-readable',
    'refusal',
    'a damaged file',
    healthyInput({ target: healthyTarget({ image: unreadable('/boot/vmlinuz', 'truncated') }) }),
  ],
  ['image-architecture', 'pass', 'the same', healthyInput()],
  ['image-architecture', 'refusal', 'arm64 on x86-64', withImage({ architecture: 'arm64' })],
  ['image-kind', 'pass', 'a bzImage', healthyInput()],
  ['image-kind', 'note', 'a UKI', withImage({ kind: 'uki' })],
  ['image-kind', 'note', 'a vmlinux', withImage({ kind: 'vmlinux', setupHeader: undefined })],
  ['image-kind', 'warning', 'not relocatable', header({ isRelocatable: false })],
  [
    'image-kind',
    'refusal',
    'a vmlinux by file',
    { ...withImage({ kind: 'vmlinux', setupHeader: undefined }), method: 'file' },
  ],
  ['image-kind', 'refusal', 'an old boot protocol', header({ protocol: 0x020a })],
  ['image-kind', 'refusal', '32-bit', header({ xloadFlags: 0 })],
  ['image-kind', 'refusal', 'tied below 4 GiB, by file', header({ xloadFlags: 0x31 })],
  ['load-plan', 'pass', 'there is a plan', healthyInput()],
  [
    'load-plan',
    'refusal',
    'there is none',
    healthyInput({ planProblem: { message: 'no free place for kernel', hint: 'Use --method file.' } }),
  ],
  ['five-level-paging', 'pass', 'off', header({ xloadFlags: 0x1f })],
  [
    'five-level-paging',
    'warning',
    'nobody can say',
    {
      ...header({ xloadFlags: 0x1f }),
      machine: healthyMachine({ cpu: { ...healthyMachine().cpu, fiveLevelPaging: unreadable() } }),
    },
  ],
  [
    'five-level-paging',
    'refusal',
    'on, and the image cannot',
    {
      ...header({ xloadFlags: 0x1f }),
      machine: healthyMachine({ cpu: { ...healthyMachine().cpu, fiveLevelPaging: read(true) } }),
    },
  ],
  ['efi-handover', 'pass', 'BIOS, and an image without the flag', header({ xloadFlags: 0x6f })],
];

const total = (bytes: number) => ({ memoryTotalBytes: read(BigInt(bytes)) });
const available = (bytes: number) => ({ memoryAvailableBytes: read(BigInt(bytes)) });
const ram = (end: bigint) => ({ iomem: read([{ name: 'System RAM', start: 0x100000n, end, children: [] }]) });
const segments = (input: PreflightInput): PreflightInput => ({ ...input, method: 'segments' });
function panic(crashSize: PreflightInput['machine']['kexec']['crashSize']): PreflightInput {
  return { ...onMachine({ kexec: { ...healthyMachine().kexec, crashSize } }), slot: 'crash' };
}

const load = { segmentBytes: 60 * MIB, neededBytes: 70 * MIB };

const memory: readonly FindingCase[] = [
  ['half-of-ram', 'pass', '2 GiB', healthyInput()],
  ['half-of-ram', 'warning', 'no /proc/meminfo', onMachine({ memoryTotalBytes: unreadable() })],
  ['half-of-ram', 'refusal', 'an initrd of 1 GiB', withInitrd({ packedBytes: GIB })],
  ['available-memory', 'pass', 'most is free', healthyInput()],
  ['available-memory', 'warning', 'just enough', onMachine(available(150 * MIB))],
  ['available-memory', 'warning', 'no /proc/meminfo', onMachine({ memoryAvailableBytes: unreadable() })],
  ['available-memory', 'refusal', 'too little', onMachine(available(100 * MIB))],
  ['available-memory', 'pass', 'too little, but for this plan', { ...onMachine(available(100 * MIB)), load }],
  ['available-memory', 'refusal', 'too little for this plan', { ...onMachine(available(60 * MIB)), load }],
  ['half-of-ram', 'refusal', 'more than half, of this plan', { ...onMachine(total(80 * MIB)), load }],
  ['initramfs-space', 'pass', 'room enough', healthyInput()],
  ['initramfs-space', 'warning', 'most of RAM', withInitrd({ unpackedBytes: 1500 * MIB })],
  ['initramfs-space', 'warning', 'no /proc/meminfo', onMachine({ memoryTotalBytes: unreadable() })],
  [
    'initramfs-space',
    'refusal',
    'more than RAM',
    { ...withInitrd({}), machine: healthyMachine(total(180 * MIB)) },
  ],
  [
    'initramfs-space',
    'refusal',
    'more than half of RAM, without root=',
    {
      ...withInitrd({ unpackedBytes: 1100 * MIB }),
      target: healthyTarget({
        commandLine: 'rdinit=/init',
        initrd: read(healthyInitrd({ unpackedBytes: 1100 * MIB })),
      }),
    },
  ],
  ['memory-map', 'pass', 'room, by segments', segments(healthyInput())],
  ['memory-map', 'refusal', 'addresses are hidden', segments(onMachine({ iomem: unreadable() }))],
  ['memory-map', 'refusal', 'no stretch is long enough', segments(onMachine(ram(0x2000000n)))],
  ['crash-reservation', 'pass', '512 MiB', panic(read(512n * 1048576n))],
  ['crash-reservation', 'warning', '256 MiB', panic(read(256n * 1048576n))],
  ['crash-reservation', 'warning', 'no way to see', panic(unreadable())],
  ['crash-reservation', 'refusal', 'none', panic(read(0n))],
  ['crash-reservation', 'refusal', '64 MiB', panic(read(64n * 1048576n))],
];

const UUID = 'root=UUID=2f3a4c1e-0000-4000-8000-000000000001';
const PLAIN = 'root=PARTUUID=deadbeef-01 ro';
const foreign = new Set(['init', 'usr/lib/modules/6.1.0-1-amd64/kernel/fs/ext4/ext4.ko']);

const initrds: readonly FindingCase[] = [
  ['initrd-present', 'pass', 'there is one', healthyInput()],
  [
    'initrd-present',
    'pass',
    'one is built in',
    withoutInitrd(UUID, { config: configured({ INITRAMFS_SOURCE: 'root.cpio' }) }),
  ],
  ['initrd-present', 'note', 'the kernel can find its root alone', withoutInitrd(PLAIN)],
  ['initrd-present', 'refusal', 'root= is a UUID', withoutInitrd(UUID)],
  ['initrd-present', 'refusal', 'root= is an LVM volume', withoutInitrd('root=/dev/vg0/root')],
  ['initrd-present', 'refusal', 'no root= either', withoutInitrd('quiet')],
  ['initrd-readable', 'pass', 'it unpacks', healthyInput()],
  [
    'initrd-readable',
    'refusal',
    'it does not',
    healthyInput({ target: healthyTarget({ initrd: unreadable('/boot/initrd.img', 'truncated') }) }),
  ],
  [
    'initrd-readable',
    'warning',
    'there is no memory for it',
    healthyInput({ target: healthyTarget({ initrd: unreadable(), isInitrdLeftAlone: true }) }),
  ],
  [
    'available-memory',
    'pass',
    'enough for the plan, whatever is in the initrd',
    healthyInput({ target: healthyTarget({ initrd: unreadable(), isInitrdLeftAlone: true }), load }),
  ],
  ['initrd-modules-match', 'pass', 'modules of this kernel', healthyInput()],
  [
    'initrd-modules-match',
    'pass',
    'a kernel without modules',
    {
      ...withInitrd({ paths: new Set(['init']) }),
      target: healthyTarget({
        image: read(healthyImage({ config: configured({ MODULES: undefined }) })),
        initrd: read(healthyInitrd({ paths: new Set(['init']) })),
      }),
    },
  ],
  ['initrd-modules-match', 'note', 'no modules', withInitrd({ paths: new Set(['init']) })],
  ['initrd-modules-match', 'warning', 'an image without a release', withImage({ release: undefined })],
  ['initrd-modules-match', 'refusal', 'modules of another kernel', withInitrd({ paths: foreign })],
  ['initrd-has-init', 'pass', '/init', healthyInput()],
  [
    'initrd-has-init',
    'pass',
    'the program of rdinit=',
    withCommandLine(`${HEALTHY_COMMAND_LINE} rdinit=/bin/busybox`),
  ],
  [
    'initrd-has-init',
    'warning',
    'microcode alone, and a root the kernel finds',
    {
      ...withInitrd({}),
      target: healthyTarget({
        commandLine: PLAIN,
        initrd: read(healthyInitrd({ paths: new Set(['kernel/x86/microcode/GenuineIntel.bin']) })),
      }),
    },
  ],
  [
    'initrd-has-init',
    'refusal',
    'microcode alone',
    withInitrd({ paths: new Set(['kernel/x86/microcode/GenuineIntel.bin']) }),
  ],
  [
    'initrd-has-init',
    'refusal',
    'rdinit= names nothing',
    withCommandLine(`${HEALTHY_COMMAND_LINE} rdinit=/absent`),
  ],
  ['initrd-alignment', 'pass', 'aligned', healthyInput()],
  ['initrd-alignment', 'refusal', 'an archive at an odd place', withInitrd({ misalignedArchives: [4099] })],
];

const withModules = (names: readonly string[]) =>
  withImage({ modules: read(new Set(names), '/lib/modules/6.12.80+deb13-amd64') });
const unsignedTaint = read(1 << 13, '/proc/sys/kernel/tainted');
const complete = ['virtio_net', 'virtio_blk', 'virtio_pci', 'ext4'];

const modules: readonly FindingCase[] = [
  ['modules-folder', 'pass', 'there', healthyInput()],
  [
    'modules-folder',
    'pass',
    'a kernel without modules',
    withImage({ modules: absent(), config: configured({ MODULES: undefined }) }),
  ],
  ['modules-folder', 'warning', 'missing', withImage({ modules: absent() })],
  ['modules-folder', 'warning', 'not listable', withImage({ modules: unreadable() })],
  ['drivers-missing', 'pass', 'all are there', healthyInput()],
  [
    'drivers-missing',
    'note',
    'one that nothing hangs on',
    {
      ...withModules(complete),
      machine: healthyMachine({ loadedModules: read(new Set(['virtio_net', 'button'])) }),
    },
  ],
  ['drivers-missing', 'warning', 'the network driver is missing', withModules(['virtio_blk', 'ext4'])],
  ['drivers-missing', 'warning', 'no /proc/modules', onMachine({ loadedModules: unreadable() })],
  ['module-signature', 'pass', 'untainted', healthyInput()],
  ['module-signature', 'note', 'out-of-tree modules', onMachine({ taint: read(1 << 12) })],
  [
    'module-signature',
    'warning',
    'unsigned modules, and force',
    {
      ...withImage({ config: configured({ MODULE_SIG_FORCE: 'y' }) }),
      machine: healthyMachine({ taint: unsignedTaint }),
    },
  ],
  [
    'module-signature',
    'warning',
    'unsigned modules, and lockdown= on the line',
    {
      ...withCommandLine(`${HEALTHY_COMMAND_LINE} lockdown=integrity`),
      machine: healthyMachine({ taint: unsignedTaint }),
    },
  ],
  ['module-signature', 'warning', 'no way to see', onMachine({ taint: unreadable() })],
];

export const KERNEL_CASES: readonly FindingCase[] = [...images, ...memory, ...initrds, ...modules];
