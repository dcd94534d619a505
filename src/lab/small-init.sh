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

mkdir -p /tool /usr/local/bin
cat >/usr/local/bin/mount-tool <<'END'
#!/bin/sh
# mount-tool SERIAL FOLDER: mounts the virtio disk with this serial number, which QEMU gives it.
tries=0
while [ $tries -lt 50 ]; do
  for entry in /sys/block/vd*; do
    [ -r "$entry/serial" ] && [ "$(cat "$entry/serial")" = "$1" ] &&
      exec mount -t ext4 -o ro "/dev/${entry##*/}" "$2"
  done
  tries=$((tries + 1))
  sleep 0.1
done
echo "no disk has the serial number $1" >&2
exit 1
END
cat >/usr/local/bin/mount-khop <<'END'
#!/bin/sh
# The disk with khop itself: mounted when it is asked for, because a checkpoint outlives it.
grep -q ' /tool/khop ' /proc/mounts || exec mount-tool khop-program /tool/khop
END
chmod 755 /usr/local/bin/*
PATH=/usr/local/bin:$PATH
mount-tool khop-tool /tool 2>/dev/kmsg
hostname lab
echo "root:x:0:0:root:/root:/bin/sh" >/etc/passwd
ip link set lo up

while :; do
  sh /usr/lib/khop/guest-agent.sh
  echo "khop: the agent ended" >/dev/kmsg
  sleep 1
done
