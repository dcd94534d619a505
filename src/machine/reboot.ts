/**
 * reboot(2): include/uapi/linux/reboot.h.
 * @module
 */
import type { ErrnoName } from './errno.ts';
import { type SyscallArgument, syscall, syscallError, trySyscall } from './syscall.ts';

const LINUX_REBOOT_MAGIC1 = 0xfee1dead;
const LINUX_REBOOT_MAGIC2 = 0x28121969;
const LINUX_REBOOT_CMD_KEXEC = 0x45584543;

/** Writes what is not yet on disk. */
export function syncDisks(): void {
  syscall('sync');
}

/** Jumps to the loaded image. Neither syncs nor unmounts. @throws SyscallError; does not return otherwise */
export function rebootKexec(): never {
  const args: SyscallArgument[] = [
    { name: 'magic', value: LINUX_REBOOT_MAGIC1, shown: 'LINUX_REBOOT_MAGIC1' },
    { name: 'magic2', value: LINUX_REBOOT_MAGIC2, shown: 'LINUX_REBOOT_MAGIC2' },
    { name: 'cmd', value: LINUX_REBOOT_CMD_KEXEC, shown: 'LINUX_REBOOT_CMD_KEXEC' },
    { name: 'arg', value: null },
  ];
  const outcome = trySyscall('reboot', ...args);
  throw syscallError('reboot', args, outcome.ok ? 0 : outcome.errno, {
    hint: outcome.ok ? 'The kernel returned from the jump; look into its log.' : hintFor(outcome.name),
  });
}

/** kernel/reboot.c and kernel_kexec() in kernel/kexec_core.c. */
function hintFor(errno: ErrnoName | undefined): string {
  switch (errno) {
    case 'EPERM':
      return 'Run as root, outside a container.';
    case 'EINVAL':
      return 'No image is loaded: load one with `khop load`.';
    case 'EBUSY':
      return 'Another load or jump is going on; try again.';
    default:
      return 'The kernel log says which device or processor stood in the way.';
  }
}
