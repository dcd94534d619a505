/**
 * What is wrong with the disk that the report is for.
 * @module
 */
import { once } from 'node:events';
import { KhopError } from '../../../src/error.ts';
import type { MachineDescription } from '../../../src/lab/qemu.ts';
import type { VirtualMachine } from '../../../src/lab/virtual-machine.ts';
import { TARGET_INDEX } from './bed.ts';

const COMMAND = { timeoutMs: 60_000 };
const UNPLUG_TIMEOUT_MS = 30_000;

/** Somebody pulls it out. */
export async function unplugTarget(machine: VirtualMachine): Promise<void> {
  await machine.run('umount /var/lib/khop', COMMAND);
  const gone = new EventTarget();
  machine.qmp.onEvent(({ event }) => event === 'DEVICE_DELETED' && gone.dispatchEvent(new Event('gone')));
  const deleted = once(gone, 'gone', { signal: AbortSignal.timeout(UNPLUG_TIMEOUT_MS) });
  await machine.qmp.execute('device_del', { id: `disk${TARGET_INDEX}-device` });
  await deleted.catch((cause: unknown) => {
    throw new KhopError('E_LAB', 'the guest does not let go of the disk', {
      hint: 'Its kernel has no driver for hot plug.',
      cause,
    });
  });
}

const FILLERS = ['/var/lib/khop/filler', '/var/lib/khop/rest'] as const;

/** Not a block is left. */
export async function fillDisk(machine: VirtualMachine): Promise<void> {
  const [filler, rest] = FILLERS;
  await machine.run(
    `dd if=/dev/zero of=${filler} bs=64k 2>/dev/null; dd if=/dev/zero of=${rest} bs=1k 2>/dev/null; sync; true`,
    COMMAND,
  );
}

/** Somebody makes room, in a kernel that has mounted it. */
export async function freeDisk(machine: VirtualMachine): Promise<void> {
  await machine.run(`rm ${FILLERS.join(' ')} && sync`, COMMAND);
}

/** The disk refuses to be written to, as one with its switch set does. */
export function readOnlyTarget(description: MachineDescription): MachineDescription {
  const disks = description.disks.map((disk, index) =>
    index === TARGET_INDEX ? { ...disk, access: 'read-only' as const } : disk,
  );
  return { ...description, disks };
}
