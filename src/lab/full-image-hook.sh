#!/bin/sh
# Run by mmdebstrap outside the new system when its packages are installed: makes it a machine of the lab.
# Usage: full-image-hook.sh ROOT; its parameters are in the file `parameters` of its own folder.
set -eu
root=$1
here=$(dirname "$0")
. "$here/parameters"

# The second kernel, from a newer release, is unpacked and set up the way its package would do it.
cp "$SECOND_IMAGE" "$root/boot/vmlinuz-$SECOND_RELEASE"
cp "$SECOND_CONFIG" "$root/boot/config-$SECOND_RELEASE"
cp -a "$SECOND_MODULES" "$root/usr/lib/modules/$SECOND_RELEASE"
chroot "$root" depmod "$SECOND_RELEASE"
chroot "$root" update-initramfs -c -k "$SECOND_RELEASE"

cp "$here/guest-agent.sh" "$root/usr/lib/khop-guest-agent"
cat >"$root/etc/systemd/system/khop-agent.service" <<'END'
[Unit]
Description=khop lab guest agent

[Service]
ExecStart=/bin/sh /usr/lib/khop-guest-agent
Restart=always

[Install]
WantedBy=multi-user.target
END
cat >"$root/usr/local/bin/mount-khop" <<'END'
#!/bin/sh
mountpoint -q /tool/khop || exec mount /tool/khop
END
chmod 755 "$root/usr/local/bin/mount-khop"
ln -s /tool/bin/khop "$root/usr/local/bin/khop"
mkdir -p "$root/tool" "$root/boot/efi"
cat >"$root/etc/fstab" <<END
UUID=$ROOT_UUID / ext4 errors=remount-ro 0 1
UUID=$ESP_UUID /boot/efi vfat umask=0077,nofail 0 2
LABEL=khop-tool /tool ext4 ro,nofail,x-systemd.device-timeout=10min 0 0
LABEL=khop-program /tool/khop ext4 ro,noauto 0 0
END
echo lab >"$root/etc/hostname"
echo '127.0.0.1 localhost lab' >"$root/etc/hosts"
printf '[Match]\nName=en*\n[Network]\nDHCP=yes\n' >"$root/etc/systemd/network/lab.network"
chroot "$root" passwd -d root >"/dev/null"
chroot "$root" systemctl enable khop-agent.service systemd-networkd.service
# Nothing here may wait for a network, and nothing may start by the clock while something is measured.
chroot "$root" systemctl mask systemd-networkd-wait-online.service apt-daily.timer apt-daily-upgrade.timer \
  e2scrub_all.timer fstrim.timer dpkg-db-backup.timer

cat >"$root/etc/default/grub" <<'END'
GRUB_DEFAULT=saved
GRUB_TIMEOUT=0
GRUB_DISTRIBUTOR=`lsb_release -i -s 2> /dev/null || echo Debian`
GRUB_CMDLINE_LINUX_DEFAULT="quiet"
GRUB_CMDLINE_LINUX="console=ttyS0"
GRUB_TERMINAL=console
GRUB_DISABLE_OS_PROBER=true
END
mkdir -p "$root/boot/grub"
cp -r "$root/usr/lib/grub/i386-pc" "$root/usr/lib/grub/x86_64-efi" "$root/boot/grub/"

# grub-mkconfig asks grub-probe about devices that do not exist yet. This answers for the disk to be.
mv "$root/usr/sbin/grub-probe" "$root/usr/sbin/grub-probe.real"
cat >"$root/usr/sbin/grub-probe" <<END
#!/bin/sh
for word; do case \$word in --target=*) target=\${word#--target=} ;; -t) target= ;; *) : "\${target:=\$word}" ;; esac; done
case \$target in
  device) echo /dev/vda2 ;;
  fs) echo ext2 ;;
  fs_uuid) echo $ROOT_UUID ;;
  partuuid) echo $DISK_ID-02 ;;
  partmap) echo msdos ;;
  drive) echo '(hd0,msdos2)' ;;
  compatibility_hint) echo hd0,msdos2 ;;
  hints_string) echo '--hint-bios=hd0,msdos2 --hint-efi=hd0,msdos2 --hint-baremetal=ahci0,msdos2' ;;
esac
END
chmod 755 "$root/usr/sbin/grub-probe"
mkdir -p "$root/dev/disk/by-uuid"
: >"$root/dev/disk/by-uuid/$ROOT_UUID"
chroot "$root" grub-mkconfig -o /boot/grub/grub.cfg
rm -r "$root/dev/disk"
mv "$root/usr/sbin/grub-probe.real" "$root/usr/sbin/grub-probe"
first=$(basename "$(ls "$root"/boot/vmlinuz-6.1.*)")
chroot "$root" grub-editenv /boot/grub/grubenv create
chroot "$root" grub-editenv /boot/grub/grubenv set \
  "saved_entry=gnulinux-advanced-$ROOT_UUID>gnulinux-${first#vmlinuz-}-advanced-$ROOT_UUID"

chroot "$root" grub-mkimage -O i386-pc -p '(hd0,msdos2)/boot/grub' -o /boot/grub/i386-pc/core.img \
  biosdisk part_msdos ext2
printf 'search.fs_uuid %s root hd0,msdos2\nset prefix=($root)/boot/grub\n' "$ROOT_UUID" >"$root/tmp/early.cfg"
chroot "$root" grub-mkimage -O x86_64-efi -p /boot/grub -c /tmp/early.cfg -o /boot/grub/x86_64-efi/core.efi \
  part_msdos ext2 fat search search_fs_uuid normal configfile
