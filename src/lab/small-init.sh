#!/bin/busybox sh
# PID 1 of the small lab machine: mounts what a Linux system has, inserts the modules in the order in which
# they are listed, and keeps the agent running.

/bin/busybox mkdir -p /proc /sys /dev /run /tmp /usr/bin /usr/sbin /sbin /etc /root /var/lib /var/cache
/bin/busybox --install -s
PATH=/usr/sbin:/usr/bin:/sbin:/bin:/tool/bin
export PATH HOME=/root
mount -t proc proc /proc
mount -t sysfs sysfs /sys
mount -t devtmpfs devtmpfs /dev
mkdir -p /dev/pts /dev/shm
mount -t devpts devpts /dev/pts
mount -t tmpfs tmpfs /run
mount -t tmpfs tmpfs /tmp
mount -t securityfs securityfs /sys/kernel/security
mount -t debugfs debugfs /sys/kernel/debug
release=$(uname -r)
while read -r module; do
  case $module in */efivarfs.ko) [ -d /sys/firmware/efi ] || continue ;; esac
  insmod "/lib/modules/$release/$module"
done <"/lib/modules/$release/khop-order"

[ -d /sys/firmware/efi/efivars ] && mount -t efivarfs efivarfs /sys/firmware/efi/efivars

# disk SERIAL: waits for a virtio disk with this serial number, which QEMU gives it.
disk() {
  for _ in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do
    for entry in /sys/block/vd*; do
      [ -r "$entry/serial" ] && [ "$(cat "$entry/serial")" = "$1" ] && echo "/dev/${entry##*/}" && return 0
    done
    sleep 0.1
  done
  return 1
}

mkdir -p /tool
if device=$(disk khop-tool); then
  mount -t ext4 -o ro "$device" /tool || echo "khop: /tool cannot be mounted" >/dev/kmsg
fi
hostname lab
echo "root:x:0:0:root:/root:/bin/sh" >/etc/passwd
ip link set lo up

while :; do
  sh /usr/lib/khop/guest-agent.sh
  echo "khop: the agent ended" >/dev/kmsg
  sleep 1
done
