import type { PreflightInput } from '../../../src/plan/preflight/preflight-check.ts';
import { absent, healthyMachine, read, unreadable } from '../../support/machine-facts.ts';
import {
  HEALTHY_COMMAND_LINE,
  HEALTHY_CONFIG,
  healthyInput,
  healthyTarget,
  onMachine,
  withCommandLine,
  withImage,
  withInitrd,
  withoutInitrd,
} from '../../support/preflight-input.ts';
import type { FindingCase } from './finding-case.ts';

/** Only the command lines differ: the running one and the new one. */
function lines(running: string, next: string): PreflightInput {
  return {
    ...onMachine({ commandLine: read(running, '/proc/cmdline') }),
    target: healthyTarget({ commandLine: next }),
  };
}

function configured(
  symbols: Record<string, string | undefined>,
): ReturnType<typeof read<ReadonlyMap<string, string>>> {
  const config = new Map(HEALTHY_CONFIG);
  for (const [symbol, value] of Object.entries(symbols))
    if (value === undefined) config.delete(`CONFIG_${symbol}`);
    else config.set(`CONFIG_${symbol}`, value);
  return read(config, '/boot/config');
}

const UUID = 'root=UUID=2f3a4c1e-0000-4000-8000-000000000001';
const segments = (input: PreflightInput): PreflightInput => ({ ...input, method: 'segments' });
const remote = {
  mounts: read([{ mountPoint: '/', fileSystem: 'nfs4', source: '10.0.0.1:/root', options: [] }]),
};
const xfsRoot = { mounts: read([{ mountPoint: '/', fileSystem: 'xfs', source: '/dev/vda1', options: [] }]) };
const oddRoot = {
  mounts: read([{ mountPoint: '/', fileSystem: 'oddfs', source: '/dev/vda1', options: [] }]),
};
const inMemory = { mounts: read([{ mountPoint: '/', fileSystem: 'tmpfs', source: 'none', options: [] }]) };

const roots: readonly FindingCase[] = [
  ['root-device', 'pass', 'the running root', healthyInput()],
  ['root-device', 'pass', 'the mounted disk by its name', withCommandLine('root=/dev/vda1')],
  [
    'root-device',
    'note',
    'a disk that exists, written otherwise',
    withCommandLine('root=PARTUUID=deadbeef-01'),
  ],
  [
    'root-device',
    'note',
    'the running root, by its path',
    withCommandLine('root=/dev/disk/by-uuid/2F3A4C1E-0000-4000-8000-000000000001'),
  ],
  ['root-device', 'note', 'no root= before or after', lines('quiet', 'quiet')],
  ['root-device', 'warning', 'a mapped device that nobody knows', withCommandLine('root=/dev/mapper/other')],
  [
    'root-device',
    'warning',
    'the running root has lost its name',
    { ...healthyInput(), machine: healthyMachine({ diskNames: read(new Set(['UUID=other'])) }) },
  ],
  [
    'root-device',
    'warning',
    'no root=, and no /proc/cmdline',
    { ...withCommandLine('quiet'), machine: healthyMachine({ commandLine: unreadable() }) },
  ],
  [
    'root-device',
    'refusal',
    'a UUID that is nowhere',
    withCommandLine('root=UUID=00000000-dead-4000-8000-000000000000'),
  ],
  ['root-device', 'refusal', 'a device that is nowhere', withCommandLine('root=/dev/sdz9')],
  ['root-device', 'refusal', 'root= is lost', withCommandLine('ro quiet')],
  ['remote-root', 'pass', 'a local disk', healthyInput()],
  [
    'remote-root',
    'note',
    'NFS, with its arguments kept',
    {
      ...lines('root=/dev/nfs ip=dhcp', 'root=/dev/nfs ip=dhcp'),
      machine: healthyMachine({ ...remote, commandLine: read('root=/dev/nfs ip=dhcp') }),
    },
  ],
  [
    'remote-root',
    'warning',
    'NFS, and ip= lost',
    {
      ...withCommandLine('root=/dev/nfs'),
      machine: healthyMachine({ ...remote, commandLine: read('root=/dev/nfs ip=dhcp') }),
    },
  ],
  ['remote-root', 'warning', 'no mount table', onMachine({ mounts: unreadable() })],
  ['root-file-system', 'pass', 'ext4 in the initrd', healthyInput()],
  [
    'root-file-system',
    'pass',
    'ext4 built in',
    withoutInitrd(UUID, { config: configured({ EXT4_FS: 'y' }) }),
  ],
  ['root-file-system', 'pass', 'a root in memory', onMachine(inMemory)],
  [
    'root-file-system',
    'note',
    'a root in memory, and none that is named',
    { ...lines('quiet', 'quiet'), machine: healthyMachine({ ...inMemory, commandLine: read('quiet') }) },
  ],
  ['root-file-system', 'note', 'a file system that khop does not know', onMachine(oddRoot)],
  [
    'root-file-system',
    'warning',
    'xfs, and no configuration',
    { ...withImage({ config: absent() }), machine: healthyMachine(xfsRoot) },
  ],
  ['root-file-system', 'warning', 'no mount table', onMachine({ mounts: unreadable() })],
  [
    'root-file-system',
    'refusal',
    'xfs as a module, not in the initrd',
    { ...withImage({ config: configured({ XFS_FS: 'm' }) }), machine: healthyMachine(xfsRoot) },
  ],
  ['root-file-system', 'refusal', 'ext4 as a module, no initrd', withoutInitrd(UUID)],
  ['root-driver', 'pass', 'virtio_blk in the initrd', healthyInput()],
  [
    'root-driver',
    'pass',
    'virtio_blk built in',
    withoutInitrd(UUID, { config: configured({ VIRTIO_BLK: 'y', VIRTIO_PCI: 'y' }) }),
  ],
  ['root-driver', 'warning', 'not there, and no configuration', withoutInitrd(UUID, { config: absent() })],
  ['root-driver', 'warning', 'no way to see', onMachine({ rootStorage: unreadable() })],
  [
    'root-driver',
    'refusal',
    'virtio_blk as a module, not in the initrd',
    withInitrd({ paths: new Set(['init', 'usr/lib/modules/6.12.80+deb13-amd64/kernel/fs/ext4/ext4.ko']) }),
  ],
];

const long = (bytes: number) => `${UUID} ${'x'.repeat(bytes - UUID.length - 1)}`;
const reserving = `${HEALTHY_COMMAND_LINE} crashkernel=256M`;

const commandLines: readonly FindingCase[] = [
  ['command-line-length', 'pass', '2016 bytes by file', withCommandLine(long(2016))],
  ['command-line-length', 'refusal', '2017 bytes by file', withCommandLine(long(2017))],
  ['command-line-length', 'pass', '2047 bytes by segments', segments(withCommandLine(long(2047)))],
  ['command-line-length', 'refusal', '2048 bytes by segments', segments(withCommandLine(long(2048)))],
  ['command-line-length', 'refusal', 'a line break', withCommandLine(`${UUID}\nquiet`)],
  ['command-line-lost', 'pass', 'nothing is lost', healthyInput()],
  ['command-line-lost', 'note', 'quiet is lost', withCommandLine(HEALTHY_COMMAND_LINE.replace(' quiet', ''))],
  ['command-line-lost', 'warning', 'cryptdevice= is lost', lines(`${UUID} cryptdevice=UUID=x:root`, UUID)],
  ['command-line-lost', 'warning', 'no /proc/cmdline', onMachine({ commandLine: unreadable() })],
  ['command-line-stale', 'pass', 'nothing stale', healthyInput()],
  [
    'command-line-stale',
    'note',
    'BOOT_IMAGE= of another kernel',
    withCommandLine(`BOOT_IMAGE=/boot/vmlinuz-6.1.0 ${UUID}`),
  ],
  [
    'command-line-stale',
    'warning',
    'memmap=exactmap',
    withCommandLine(`${UUID} memmap=exactmap memmap=1G@0`),
  ],
  ['command-line-stale', 'refusal', 'elfcorehdr=', withCommandLine(`${UUID} elfcorehdr=0x7f000000`)],
  ['console-lost', 'pass', 'all are kept', healthyInput()],
  ['console-lost', 'note', 'the screen is lost', withCommandLine(`${UUID} console=ttyS0,115200`)],
  ['console-lost', 'warning', 'the serial console is lost', withCommandLine(`${UUID} console=tty0`)],
  ['console-lost', 'warning', 'no /proc/cmdline', onMachine({ commandLine: unreadable() })],
  [
    'framebuffer',
    'warning',
    'a DRM driver and nomodeset',
    {
      ...withCommandLine(`${HEALTHY_COMMAND_LINE} nomodeset`),
      machine: healthyMachine({ framebuffers: read(['i915drmfb']) }),
    },
  ],
  ['efi-handover', 'pass', 'noefi on a BIOS machine', withCommandLine(`${HEALTHY_COMMAND_LINE} noefi`)],
  ['hibernation-image', 'pass', 'no image', healthyInput()],
  [
    'hibernation-image',
    'note',
    'an image, and noresume',
    {
      ...withCommandLine(`${HEALTHY_COMMAND_LINE} noresume`),
      machine: healthyMachine({ hibernationImages: read(['/dev/vda2']) }),
    },
  ],
  ['hibernation-image', 'warning', 'no way to see', onMachine({ hibernationImages: unreadable() })],
  ['hibernation-image', 'refusal', 'an image', onMachine({ hibernationImages: read(['/dev/vda2']) })],
  ['resume-device', 'pass', 'it exists', withCommandLine(`${UUID} resume=/dev/vda1`)],
  ['resume-device', 'note', 'nobody can say', withCommandLine(`${UUID} resume=/dev/mapper/swap`)],
  ['resume-device', 'warning', 'it does not exist', withCommandLine(`${UUID} resume=UUID=gone`)],
  ['crashkernel-lost', 'pass', 'none before or after', healthyInput()],
  ['crashkernel-lost', 'pass', 'kept', lines(reserving, reserving)],
  ['crashkernel-lost', 'warning', 'lost', lines(reserving, HEALTHY_COMMAND_LINE)],
  ['crashkernel-lost', 'warning', 'no /proc/cmdline', onMachine({ commandLine: unreadable() })],
];

export const COMMAND_LINE_CASES: readonly FindingCase[] = [...roots, ...commandLines];
