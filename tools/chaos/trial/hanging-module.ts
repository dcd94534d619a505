/**
 * A module whose reboot notifier never returns: that of RAID, which nothing needs in these machines and which needs nothing.
 * It sleeps a second where it had arrays to stop, and is made to do so again and again. No detector of the kernel sees that:
 * the processor is free, and the task runs once a second.
 * @module
 */
import { KhopError } from '../../../src/error.ts';
import { withoutSignature } from '../guard/crash-module.ts';

/** As its file is called. */
export const HANGING_DONOR = 'md-mod';

/** md_notify_reboot, behind endbr64: call __fentry__; push r12; mov rdi, pers_lock */
const START = Buffer.from('e800000000415448c7c7', 'hex');
const CALL_SIZE = 5;
/** mov edi, 1000; call msleep */
const SLEEP = Buffer.from('bfe8030000e800000000', 'hex');
/** No function of another begins between them. */
const FARTHEST = 0x100;
const JUMP_SIZE = { near: 5, short: 2 };

/** `module` with another md_notify_reboot and without a signature. @throws E_FORMAT when it is built in another way */
export function withHangingNotifier(module: Uint8Array): Uint8Array {
  const bytes = withoutSignature(module);
  const sleep = bytes.indexOf(SLEEP);
  const start = sleep < 0 ? -1 : bytes.lastIndexOf(START, sleep);
  if (start < 0 || sleep - start > FARTHEST || bytes.indexOf(SLEEP, sleep + 1) >= 0)
    throw new KhopError('E_FORMAT', `the module ${HANGING_DONOR} is not as expected`, {
      hint: 'Look for msleep in its md_notify_reboot, or choose another donor in tools/chaos/trial/hanging-module.ts.',
    });
  // To the sleep, before anything is locked; and from behind it to it again. No relocation is of these bytes.
  const first = start + CALL_SIZE;
  bytes.writeUInt8(0xe9, first);
  bytes.writeInt32LE(sleep - (first + JUMP_SIZE.near), first + 1);
  const behind = sleep + SLEEP.length;
  bytes.writeUInt8(0xeb, behind);
  bytes.writeInt8(sleep - (behind + JUMP_SIZE.short), behind + 1);
  return bytes;
}
