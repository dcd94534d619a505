/**
 * A full machine's own kernel with a reservation for a panic kernel.
 * @module
 */

/** Without the firmware, and without `guard on`, which has the boot loader's menu made. */
export const LOAD_WITH_RESERVATION =
  'kexec-tools -l /boot/vmlinuz-$(uname -r) --initrd=/boot/initrd.img-$(uname -r) --append="$(cat /proc/cmdline) crashkernel=256M"';
