/**
 * reboot(2): include/uapi/linux/reboot.h.
 * @module
 */
import { syscall } from './syscall.ts';

const LINUX_REBOOT_MAGIC1 = 0xfee1dead;
const LINUX_REBOOT_MAGIC2 = 0x28121969;
const LINUX_REBOOT_CMD_KEXEC = 0x45584543;

/** Writes what is not yet on disk. */
export function syncDisks(): void {
  syscall('sync');
}

/** Jumps to the loaded image. Neither syncs nor unmounts. @throws SyscallError; does not return otherwise */
export function rebootKexec(): never {
  syscall(
    'reboot',
    { name: 'magic', value: LINUX_REBOOT_MAGIC1, shown: 'LINUX_REBOOT_MAGIC1' },
    { name: 'magic2', value: LINUX_REBOOT_MAGIC2, shown: 'LINUX_REBOOT_MAGIC2' },
    { name: 'cmd', value: LINUX_REBOOT_CMD_KEXEC, shown: 'LINUX_REBOOT_CMD_KEXEC' },
    { name: 'arg', value: null },
  );
  throw new Error('reboot(LINUX_REBOOT_CMD_KEXEC) returned without an error');
}
