/**
 * Modules that stay whatever devices there are now: what a person at a rescue shell needs, and what programs of
 * an initramfs ask for without a device.
 * @module
 */
import type { DeviceAlias } from '../../machine/device-aliases.ts';

/** Modules by name or by folder, and why they stay. */
export interface StandingRule {
  readonly why: string;
  readonly names?: ReadonlySet<string>;
  /** Of paths below /lib/modules/RELEASE. */
  readonly folders?: RegExp;
}

const MD_FOLDER = /^kernel\/drivers\/md\//;
const CRYPTO_FOLDERS =
  /^kernel\/(?:crypto|lib\/crypto|arch\/[^/]+\/(?:lib\/)?crypto|drivers\/(?:crypto|char\/tpm))\//;
const NETWORK_FOLDERS = /^kernel\/(?:net|fs)\//;

/** USB and Bluetooth keyboards come and go; those on other buses are there now, and ask by their modalias. */
const USB_KEYBOARDS: StandingRule = {
  why: 'a keyboard for a rescue shell',
  names: new Set([
    ...['hid', 'hid_generic', 'usbhid', 'hid_apple', 'hid_cherry', 'hid_lenovo', 'hid_logitech'],
    ...['hid_logitech_dj', 'hid_logitech_hidpp', 'hid_microsoft'],
  ]),
};

/** A device on the bus, or a host controller: PCI class 0c03. */
const USB = /^usb:|^pci:.*bc0Csc03/;

const ALWAYS: readonly StandingRule[] = [
  { why: 'a keyboard for a rescue shell', names: new Set(['evdev', 'atkbd', 'i8042', 'libps2']) },
  {
    why: 'a console',
    names: new Set([
      'simpledrm',
      'efifb',
      'vesafb',
      'vga16fb',
      'fbcon',
      'virtio_console',
      'hyperv_fb',
      'xen_fbfront',
    ]),
    folders: /^kernel\/drivers\/(?:tty|video\/console)\//,
  },
  {
    why: 'programs of an initramfs ask for it by name',
    names: new Set([
      ...[
        'unix',
        'af_packet',
        'ipv6',
        'autofs4',
        'loop',
        'efivarfs',
        'qemu_fw_cfg',
        'dmi_sysfs',
        'virtio_rng',
      ],
      ...['configfs', 'tpm', 'rtc_cmos'],
    ]),
    folders: /^kernel\/(?:drivers\/char\/tpm|fs\/nls)\//,
  },
];

/** What the root's stack, and all other stacks of this machine, are made of. */
export interface StorageStack {
  /** Names under /sys/class/block. */
  readonly blockDevices: Iterable<string>;
  /** Uuids of device-mapper devices. */
  readonly mappings: readonly string[];
  /** Of `/` and `/usr`. */
  readonly fileSystems: Iterable<string>;
}

/** What block devices and mappings decide by being there at all. */
export const STORAGE_KINDS = ['stacked', 'multipath', 'encrypted'] as const;

export type StorageKind = (typeof STORAGE_KINDS)[number];

/** Those that a machine has. */
export function storageKinds({
  blockDevices,
  mappings,
}: Pick<StorageStack, 'blockDevices' | 'mappings'>): StorageKind[] {
  const isThere: Record<StorageKind, boolean> = {
    stacked: stackedDevice(blockDevices) !== undefined,
    multipath: mappings.some((uuid) => uuid.startsWith('mpath-')),
    encrypted: mappings.some((uuid) => uuid.startsWith('CRYPT-')),
  };
  return STORAGE_KINDS.filter((kind) => isThere[kind]);
}

function stackedDevice(blockDevices: Iterable<string>): string | undefined {
  return [...blockDevices].find((name) => /^(?:dm-|md|bcache)/.test(name));
}

const NETWORK_FILE_SYSTEMS = new Set([
  'nfs',
  'nfs4',
  'cifs',
  'smb3',
  'ceph',
  '9p',
  'virtiofs',
  'glusterfs',
  'afs',
]);

/** The rules for a machine with this storage. */
export function standingRules({
  blockDevices,
  mappings,
  fileSystems,
  devices,
}: StorageStack & { readonly devices: readonly DeviceAlias[] }): StandingRule[] {
  const rules = [...ALWAYS];
  const kinds = storageKinds({ blockDevices, mappings });
  if (devices.some(({ modalias }) => modalias !== undefined && USB.test(modalias))) rules.push(USB_KEYBOARDS);
  const stacked = stackedDevice(blockDevices);
  if (stacked !== undefined) rules.push({ why: `part of ${stacked}'s kind of device`, folders: MD_FOLDER });
  if (kinds.includes('multipath'))
    rules.push({ why: 'a path of a multipath device', folders: /^kernel\/drivers\/scsi\/device_handler\// });
  // dm-crypt asks for ciphers, modes and hashes by name, and a TPM may hold the key.
  if (kinds.includes('encrypted'))
    rules.push({ why: 'encrypted volumes may ask for it', folders: CRYPTO_FOLDERS });
  const remote = [...fileSystems].find((type) => NETWORK_FILE_SYSTEMS.has(type));
  if (remote !== undefined) rules.push({ why: `${remote} may ask for it`, folders: NETWORK_FOLDERS });
  return rules;
}

/** Block devices behind a network: their drivers ask for digests by name. */
const NETWORK_DISKS = new Set([
  'iscsi_tcp',
  'nvme_tcp',
  'nvme_rdma',
  'nvme_fc',
  'rbd',
  'nbd',
  'drbd',
  'cxgb4i',
]);

/** Whether this module, when it is loaded, is a reason to keep ciphers, in the initramfs or not. */
export function isNetworkDisk(module: string): boolean {
  return NETWORK_DISKS.has(module);
}

/**
 * Tells ciphers and hashes that can wait for the modules on the root itself. Every processor with AES asks for
 * its driver, and a running system has it loaded, whether or not anything is encrypted; in an initramfs the
 * kernel loads it before init, for nobody, and that takes as long as a third of the whole start. What a module
 * that stays depends on, softly or not, is no such thing.
 */
export function spareCiphers(
  { blockDevices, mappings, fileSystems }: StorageStack,
  loadedModules: ReadonlySet<string>,
): (path: string) => boolean {
  const mayAsk =
    storageKinds({ blockDevices, mappings }).includes('encrypted') ||
    [...fileSystems].some((type) => NETWORK_FILE_SYSTEMS.has(type)) ||
    [...loadedModules].some(isNetworkDisk);
  return (path) => !mayAsk && CRYPTO_FOLDERS.test(path) && !path.includes('/tpm/');
}

/** Why a module stays by `rules`, or undefined. */
export function standingReason(
  rules: readonly StandingRule[],
  name: string,
  path: string,
): string | undefined {
  return rules.find(({ names, folders }) => names?.has(name) || folders?.test(path))?.why;
}
