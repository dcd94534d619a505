#!/bin/sh
# Run by mmdebstrap outside the new system when its packages are installed: makes the initramfs of a kernel
# whose package is not installed there, the way the package would do it.
# Usage: debian-initramfs-hook.sh ROOT; its parameters are in the file `parameters` of its own folder.
set -eu
root=$1
here=$(dirname "$0")
. "$here/parameters"

cp "$CONFIG" "$root/boot/config-$RELEASE"
mkdir -p "$root/usr/lib/modules"
cp -a "$MODULES" "$root/usr/lib/modules/$RELEASE"
chroot "$root" depmod "$RELEASE"
# What a fresh installation has; spelled out, so that another release's defaults change nothing.
printf 'MODULES=most\nCOMPRESS=zstd\n' >"$root/etc/initramfs-tools/conf.d/khop"
chroot "$root" mkinitramfs -o /boot/initrd.img "$RELEASE"
cp "$root/boot/initrd.img" "$here/initrd.img"
