/**
 * systemd's automatic boot assessment, as https://systemd.io/AUTOMATIC_BOOT_ASSESSMENT describes it: systemd-boot counts the
 * tries of an entry in the name of its file, systemd-bless-boot takes the counter away behind boot-complete.target.
 * Its own check for failed units is in front of that, told to wait for the network and, by FailureAction=, to restart.
 * @module
 */
import { truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { cachedFolder } from '../../../src/lab/cache-folder.ts';
import { findWithDependencies } from '../../../src/lab/debian-packages.ts';
import type { LabDisk } from '../../../src/lab/qemu.ts';
import type { VirtualMachine } from '../../../src/lab/virtual-machine.ts';
import { fetchMissing, installDebs } from '../guest-packages.ts';
import type { FaultClass } from './fault-classes.ts';
import { COMMAND_LINE, startPeerMachine, trialCommandLine, trialInitrds } from './peer-bed.ts';
import type { Departure, ReturnBed } from './return-methods.ts';

const SERIAL = 'khop-esp';
const DISK = `/dev/disk/by-id/virtio-${SERIAL}`;
const PARTITION = `${DISK}-part1`;
/** Two kernels with their initramfs, and room for more of them. */
const DISK_MIB = 320;
const SET_UP = { timeoutMs: 300_000 };

const ASSESSMENT = '[Unit]\nWants=network-online.target\nAfter=network-online.target\nFailureAction=reboot\n';
const CHECK = 'systemd-boot-check-no-failures.service';
const WAIT = 'systemd-networkd-wait-online.service';

/** The lab's own system partition has no room for kernels; GRUB goes, so that nothing but systemd-boot is found. */
const INSTALL = `set -e
mountpoint -q /boot/efi || mount /boot/efi
rm -r /boot/efi/EFI
umount /boot/efi
printf 'label: gpt\\ntype=uefi\\n' | sfdisk --quiet ${DISK}
udevadm settle
mkfs.vfat -F 32 ${PARTITION} >/dev/null
udevadm settle
sed -i '/ .boot.efi /d' /etc/fstab
echo "UUID=$(blkid -s UUID -o value ${PARTITION}) /boot/efi vfat umask=0077 0 2" >>/etc/fstab
systemctl daemon-reload
mount /boot/efi
bootctl --esp-path=/boot/efi --make-entry-directory=no install
cd /boot/efi
echo 'timeout 0' >loader/loader.conf
mkdir -p known-good trial loader/entries
cp /boot/vmlinuz-6.1.* known-good/linux
cp /boot/initrd.img-6.1.* known-good/initrd
cat >loader/entries/known-good.conf <<END
${entry('known-good', '6.1', COMMAND_LINE, ['initrd'])}END
systemctl unmask ${WAIT}
systemctl enable ${WAIT} ${CHECK}
cd /
sync
`;

/** Has systemd-boot as its firmware's first choice, and the known-good kernel as an entry without a counter. */
export async function startSystemdBootMachine(bed: ReturnBed): Promise<VirtualMachine> {
  const packages = await findWithDependencies('bookworm', ['systemd-boot', 'fdisk'], ['debconf']);
  return await startPeerMachine(bed, {
    madeWith: { peer: INSTALL, check: ASSESSMENT, packages: packages.map(({ sha256 }) => sha256) },
    moreDisks: [await emptyDisk()],
    install: async (machine) => {
      // Mounted, it would be what the package installs itself to.
      await machine.run('! mountpoint -q /boot/efi || umount /boot/efi', SET_UP);
      await installDebs(machine, await fetchMissing(machine, packages));
      await machine.copyIn(ASSESSMENT, `/etc/systemd/system/${CHECK}.d/reboot.conf`);
      await machine.run(INSTALL, SET_UP);
    },
  });
}

async function emptyDisk(): Promise<LabDisk> {
  const folder = await cachedFolder({
    kind: 'bench-empty-disk',
    inputs: { mib: DISK_MIB },
    timeoutMs: 60_000,
    build: async (target) => {
      await writeFile(join(target, 'disk.img'), '');
      await truncate(join(target, 'disk.img'), DISK_MIB * 2 ** 20);
    },
  });
  return { serial: SERIAL, path: join(folder, 'disk.img'), access: 'overlay' };
}

export async function leaveBySystemdBoot(
  machine: VirtualMachine,
  { change }: FaultClass,
): Promise<Departure> {
  const initrds = trialInitrds(change);
  const copies = initrds.map((path, index) => `cp ${path} trial/initrd${index}`);
  const names = initrds.map((_path, index) => `initrd${index}`);
  await machine.run(
    `set -e
cd /boot/efi
cp /boot/vmlinuz-6.12* trial/linux
${copies.join('\n')}
cat >loader/entries/trial+1.conf <<END
${entry('trial', '6.12', trialCommandLine(change), names)}END
sync`,
    SET_UP,
  );
  await machine.start('systemctl reboot');
  return { state: 'left' };
}

/** The Boot Loader Specification, type #1. Of two the one of the higher version is the default. */
function entry(folder: string, version: string, commandLine: string, initrds: readonly string[]): string {
  const lines = [
    ...[`title ${folder}`, `sort-key khop-bench`, `version ${version}`, `linux /${folder}/linux`],
    ...initrds.map((name) => `initrd /${folder}/${name}`),
    `options ${commandLine}`,
  ];
  return `${lines.join('\n')}\n`;
}
