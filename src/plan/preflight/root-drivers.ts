/**
 * Has the new kernel what it takes to mount the root: the file system, and the drivers below it, built in
 * or in the initrd?
 * @module
 */
import { valueOf } from '../../machine/reading.ts';
import { commandLineValue } from '../command-line.ts';
import { type ConfigAnswer, configAnswer, configEvidence, moduleName } from './conditions.ts';
import { isSameRoot, rootMountOf } from './device-names.ts';
import { type KernelView, moduleNamesOf } from './kernel-view.ts';
import type { PreflightCheck, PreflightInput, PreflightTarget } from './preflight-check.ts';
import { evidenceOf, listed, resultsOf } from './result.ts';

/** File system of /proc/mounts -> module and configuration symbol; a symbol is missing for what is never built in. */
const FILE_SYSTEMS: Record<string, { readonly module: string; readonly symbol?: string }> = {
  ext2: { module: 'ext4', symbol: 'EXT4_FS' },
  ext3: { module: 'ext4', symbol: 'EXT4_FS' },
  ext4: { module: 'ext4', symbol: 'EXT4_FS' },
  xfs: { module: 'xfs', symbol: 'XFS_FS' },
  btrfs: { module: 'btrfs', symbol: 'BTRFS_FS' },
  bcachefs: { module: 'bcachefs', symbol: 'BCACHEFS_FS' },
  f2fs: { module: 'f2fs', symbol: 'F2FS_FS' },
  jfs: { module: 'jfs', symbol: 'JFS_FS' },
  squashfs: { module: 'squashfs', symbol: 'SQUASHFS' },
  erofs: { module: 'erofs', symbol: 'EROFS_FS' },
  overlay: { module: 'overlay', symbol: 'OVERLAY_FS' },
  nfs: { module: 'nfs', symbol: 'NFS_FS' },
  nfs4: { module: 'nfsv4', symbol: 'NFS_V4' },
  cifs: { module: 'cifs', symbol: 'CIFS' },
  '9p': { module: '9p', symbol: '9P_FS' },
  virtiofs: { module: 'virtiofs', symbol: 'VIRTIO_FS' },
  zfs: { module: 'zfs' },
};

/** Names of drivers or modules of /sys -> module and symbol. */
const DRIVERS: Record<string, { readonly module: string; readonly symbol: string }> = {
  virtio_blk: { module: 'virtio_blk', symbol: 'VIRTIO_BLK' },
  virtio_scsi: { module: 'virtio_scsi', symbol: 'SCSI_VIRTIO' },
  virtio_pci: { module: 'virtio_pci', symbol: 'VIRTIO_PCI' },
  virtio_mmio: { module: 'virtio_mmio', symbol: 'VIRTIO_MMIO' },
  nvme: { module: 'nvme', symbol: 'BLK_DEV_NVME' },
  sd: { module: 'sd_mod', symbol: 'BLK_DEV_SD' },
  sd_mod: { module: 'sd_mod', symbol: 'BLK_DEV_SD' },
  ahci: { module: 'ahci', symbol: 'SATA_AHCI' },
  ata_piix: { module: 'ata_piix', symbol: 'ATA_PIIX' },
  xen_blkfront: { module: 'xen_blkfront', symbol: 'XEN_BLKDEV_FRONTEND' },
  vbd: { module: 'xen_blkfront', symbol: 'XEN_BLKDEV_FRONTEND' },
  hv_storvsc: { module: 'hv_storvsc', symbol: 'HYPERV_STORAGE' },
  vmw_pvscsi: { module: 'vmw_pvscsi', symbol: 'VMWARE_PVSCSI' },
  megaraid_sas: { module: 'megaraid_sas', symbol: 'MEGARAID_SAS' },
  mpt3sas: { module: 'mpt3sas', symbol: 'SCSI_MPT3SAS' },
  hpsa: { module: 'hpsa', symbol: 'SCSI_HPSA' },
  smartpqi: { module: 'smartpqi', symbol: 'SCSI_SMARTPQI' },
  mmcblk: { module: 'mmc_block', symbol: 'MMC_BLOCK' },
  mmc_block: { module: 'mmc_block', symbol: 'MMC_BLOCK' },
  usb_storage: { module: 'usb_storage', symbol: 'USB_STORAGE' },
  uas: { module: 'uas', symbol: 'USB_UAS' },
  dm_mod: { module: 'dm_mod', symbol: 'BLK_DEV_DM' },
  md_mod: { module: 'md_mod', symbol: 'BLK_DEV_MD' },
};

/** Modules that the initrd offers to this kernel; undefined when it could not be read. */
function initrdModules(target: PreflightTarget): ReadonlySet<string> | undefined {
  if (target.initrd.state === 'absent') return new Set();
  if (target.initrd.state === 'unreadable') return undefined;
  return moduleNamesOf(target.initrd.value, valueOf(target.image)?.release);
}

function keepsRoot(input: PreflightInput, target: PreflightTarget): boolean {
  const { machine } = input;
  const root = rootMountOf(machine);
  const types = root === undefined ? undefined : new Set([root.fileSystem]);
  return isSameRoot(valueOf(machine.commandLine), target.commandLine, types);
}

export const rootFileSystem: PreflightCheck = {
  id: 'root-file-system',
  subject: 'whether the new kernel can mount the root file system',
  run(input) {
    const { machine, target, slot } = input;
    if (target?.image.state !== 'read' || slot === 'crash') return [];
    const results = resultsOf('root-file-system');
    const given = commandLineValue(target.commandLine, 'rootfstype')?.split(',')[0];
    const name = given ?? (keepsRoot(input, target) ? rootMountOf(machine)?.fileSystem : undefined);
    const known = name === undefined ? undefined : FILE_SYSTEMS[name];
    const evidence = [
      evidenceOf(machine.mounts, () => `/ is ${rootMountOf(machine)?.fileSystem ?? 'not listed'}`),
      ...(given === undefined ? [] : [`new command line: rootfstype=${given}`]),
    ];
    if (name === 'rootfs' || name === 'ramfs' || name === 'tmpfs')
      return results.pass('The root file system is in memory.', evidence);
    if (machine.mounts.state !== 'read' && given === undefined)
      return results.warning({
        title: 'Which file system the root has could not be read.',
        evidence,
        remedy: 'Mount /proc.',
      });
    if (known === undefined)
      return results.note({
        title: 'Which file system the new root has is not known beforehand.',
        evidence,
        remedy: 'Make sure that the initrd can mount it.',
      });
    return judgeFileSystem(target, name as string, known, evidence);
  },
};

function judgeFileSystem(
  target: PreflightTarget,
  name: string,
  known: { readonly module: string; readonly symbol?: string },
  given: readonly string[],
) {
  const results = resultsOf('root-file-system');
  const config = valueOf(target.image)?.config;
  const offered = initrdModules(target);
  const evidence = [
    ...given,
    ...(config === undefined || known.symbol === undefined ? [] : [configEvidence(config, [known.symbol])]),
    evidenceOf(
      target.initrd,
      () => `${known.module} ${offered?.has(known.module) ? 'is there' : 'is not there'}`,
    ),
  ];
  const answer =
    config === undefined || known.symbol === undefined ? 'unknown' : configAnswer(config, known.symbol);
  if (answer === 'built-in') return results.pass(`${name} is built into the new kernel.`, evidence);
  if (offered?.has(known.module)) return results.pass(`The initrd has ${name} for the new kernel.`, evidence);
  const remedy = `Make the initrd anew so that it holds ${known.module}, or take a kernel with it built in.`;
  if (offered === undefined || (answer === 'unknown' && known.symbol !== undefined))
    return results.warning({
      title: `Whether the new kernel can mount ${name} is not known.`,
      evidence,
      remedy,
    });
  return results.refusal({
    title: `The root file system is ${name}, which the new kernel has neither built in nor in the initrd.`,
    evidence,
    remedy,
    isOverridable: true,
  });
}

/** Modules and drivers below the root, by module name, each once. */
function neededDrivers(input: PreflightInput): string[] {
  const storage = valueOf(input.machine.rootStorage);
  if (storage === undefined) return [];
  const stacked = [
    ...(storage.blockDevices.some((name) => name.startsWith('dm-')) ? ['dm_mod'] : []),
    ...(storage.blockDevices.some((name) => /^md\d/.test(name)) ? ['md_mod'] : []),
    // With multipath the disk hangs below a subsystem in sysfs, out of sight of its controller's driver.
    ...(storage.devicePaths.some((path) => path.includes('/nvme-subsystem/')) ? ['nvme'] : []),
  ];
  // A driver that is no module and not in the table is built in everywhere: buses, bridges, ports.
  const drivers = [...storage.drivers, ...stacked].map(moduleName).filter((name) => name in DRIVERS);
  const names = [...drivers, ...storage.modules.map(moduleName)];
  return [...new Set(names.map((name) => DRIVERS[name]?.module ?? name))];
}

const SYMBOL_OF_MODULE = new Map(Object.values(DRIVERS).map(({ module, symbol }) => [module, symbol]));

function symbolsOf(modules: readonly string[]): string[] {
  return modules.flatMap((name) => SYMBOL_OF_MODULE.get(name) ?? []);
}

/** `unknown` also for a driver whose symbol is not in the table. */
function driverAnswer(config: KernelView['config'], name: string): ConfigAnswer {
  const symbol = SYMBOL_OF_MODULE.get(name);
  return symbol === undefined ? 'unknown' : configAnswer(config, symbol);
}

export const rootDriver: PreflightCheck = {
  id: 'root-driver',
  subject: 'whether the new kernel has the drivers below the root file system',
  run(input) {
    const { machine, target, slot } = input;
    if (target?.image.state !== 'read' || slot === 'crash' || !keepsRoot(input, target)) return [];
    const results = resultsOf('root-driver');
    const { rootStorage } = machine;
    const needed = neededDrivers(input);
    const storage = evidenceOf(rootStorage, () => listed(needed));
    if (rootStorage.state === 'unreadable')
      return results.warning({
        title: 'Which drivers carry the root file system could not be read.',
        evidence: [storage],
        remedy: 'Run khop as root, with /sys mounted.',
      });
    const { config } = target.image.value;
    const offered = initrdModules(target);
    const missing = needed.filter(
      (name) => driverAnswer(config, name) !== 'built-in' && offered?.has(name) !== true,
    );
    const evidence = [
      storage,
      configEvidence(config, symbolsOf(needed)),
      evidenceOf(target.initrd, () => (missing.length === 0 ? 'has the rest' : `lacks ${listed(missing)}`)),
    ];
    if (missing.length === 0) return results.pass('The new kernel has the drivers below its root.', evidence);
    const remedy =
      'Make the initrd anew on this machine (update-initramfs, dracut --add-drivers), or take a kernel with the drivers built in.';
    const certain = missing.filter((name) => driverAnswer(config, name) !== 'unknown');
    if (certain.length === 0 || offered === undefined)
      return results.warning({
        title: `Whether the new kernel has ${listed(missing)}, below the root file system, is not known.`,
        evidence,
        remedy,
      });
    return results.refusal({
      title: `The new kernel has ${listed(certain)}, which the root file system lies on, neither built in nor in the initrd.`,
      evidence,
      remedy,
      isOverridable: true,
    });
  },
};
