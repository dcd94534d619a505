/**
 * How much of the panic kernel's reservation the way home may take.
 * @module
 */
import { KhopError } from '../error.ts';
import { fetchPrepared } from '../guard/capture-kernel.ts';
import type { GuardWorld } from '../guard/world.ts';
import type { Kernel } from '../kernels/kernel.ts';
import { valueOf } from '../machine/reading.ts';
import { identifyFile } from '../prepare/prepared-store.ts';

/** What goes beside a kernel and its initrds: command line, memory map, the stub's page tables. */
const SMALL_PARTS = 2 ** 20;
/** Of the memory, what may be given up for the time of a trial so that the way home is the fast one. */
const SHARE = 32n;

/**
 * Bytes, by preference: what the kernel takes that was unpacked beforehand, with its initramfs, because the archive has
 * both for the way home without a panic; and what its files take, of which there is always a way home.
 * @throws E_NOT_FOUND, E_UNREADABLE for files that cannot be read
 */
export function homeRooms(world: GuardWorld, kernel: Kernel): readonly bigint[] {
  const files = [kernel.image, ...kernel.initrds].reduce((sum, path) => sum + identifyFile(path).size, 0);
  const packed = BigInt(files + SMALL_PARTS);
  const prepared = preparedBytes(world, kernel);
  const total = valueOf(world.readMachine().memoryTotalBytes) ?? 0n;
  return prepared !== undefined && prepared <= packed + total / SHARE ? [prepared, packed] : [packed];
}

function preparedBytes(world: GuardWorld, kernel: Kernel): bigint | undefined {
  try {
    const supply = fetchPrepared(world, world.readMachine(), kernel, { kernel: true, initramfs: true });
    if (supply.kernel === undefined || supply.initramfs === undefined) return undefined;
    return BigInt(supply.kernel.image.length + supply.initramfs.bytes.length + SMALL_PARTS);
  } catch (error) {
    if (error instanceof KhopError) return undefined;
    throw error;
  }
}
