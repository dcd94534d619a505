/**
 * The programs of the host that the lab runs, and the Debian packages they are in.
 * @module
 */

/** One program or file, and where it comes from. */
export interface HostRequirement {
  readonly package: string;
  /** Programs in PATH (or /usr/sbin), or absolute paths; one of them has to be there. */
  readonly anyOf: readonly string[];
  readonly why: string;
}

/** What every lab machine needs. */
export const SMALL_MACHINE_REQUIREMENTS: readonly HostRequirement[] = [
  { package: 'qemu-system-x86', anyOf: ['qemu-system-x86_64'], why: 'runs the virtual machines' },
  {
    package: 'util-linux',
    anyOf: ['setpriv'],
    why: 'ends a virtual machine with the process that started it',
  },
  { package: 'util-linux', anyOf: ['flock'], why: 'keeps two builders from building the same thing' },
  { package: 'e2fsprogs', anyOf: ['mke2fs'], why: 'makes the disks' },
  { package: 'apt', anyOf: ['apt-get'], why: 'fetches packages, with signatures checked' },
  { package: 'dpkg', anyOf: ['dpkg-deb'], why: 'unpacks packages' },
  { package: 'coreutils', anyOf: ['sha256sum'], why: 'checks packages' },
  { package: 'xz-utils', anyOf: ['xz'], why: 'unpacks kernel modules' },
  {
    package: 'debian-archive-keyring',
    anyOf: ['/usr/share/keyrings/debian-archive-keyring.gpg'],
    why: "checks the signatures of Debian's package lists",
  },
];

/** What machines with UEFI firmware need besides. */
export const UEFI_REQUIREMENTS: readonly HostRequirement[] = [
  {
    package: 'ovmf',
    anyOf: ['/usr/share/OVMF/OVMF_CODE_4M.fd', '/usr/share/OVMF/OVMF_CODE.fd'],
    why: 'is the UEFI firmware of virtual machines',
  },
];

/** What the full machine needs besides. */
export const FULL_MACHINE_REQUIREMENTS: readonly HostRequirement[] = [
  { package: 'mmdebstrap', anyOf: ['mmdebstrap'], why: 'installs Debian into a folder' },
  { package: 'mtools', anyOf: ['mformat'], why: 'makes the EFI system partition' },
  { package: 'qemu-utils', anyOf: ['qemu-img'], why: 'makes the overlays of disks' },
];
