/**
 * The kernel that captures, and the memory that it needs in the reservation.
 * @module
 */
import { KhopError } from '../error.ts';
import { parseBzImage } from '../formats/bzimage.ts';
import type { NamedBytes } from '../formats/named-bytes.ts';
import type { UnpackedKernel } from '../formats/unpacked-kernel.ts';
import type { Kernel } from '../kernels/kernel.ts';
import { readKernelFiles } from '../kernels/kernel-files.ts';
import type { MachineFacts } from '../machine/facts.ts';
import { valueOf } from '../machine/reading.ts';
import {
  type CaptureMemoryNeed,
  type CaptureMemoryRequest,
  captureMemoryNeed,
} from '../plan/capture/capture-memory.ts';
import { unwrapImage } from '../plan/unwrap-image.ts';
import { initramfsWish } from '../switch/initramfs-wish.ts';
import { fetchSupply, type Supply, type SupplyRequest } from '../switch/prepared-supply.ts';
import { readHistory } from '../switch/read-history.ts';
import type { CapturePlan } from './capture-plan.ts';
import type { GuardWorld } from './world.ts';

/** Its files as they are loaded. */
export interface CaptureKernel {
  readonly kernel: Kernel;
  readonly image: NamedBytes;
  /** Its image unpacked beforehand: then it starts without its decompressor. */
  readonly unpacked: UnpackedKernel | undefined;
}

/** The log as text, and the tables that it is read through. */
const PROGRAM_BYTES = 3 * 2 ** 20;

/** @throws E_NOT_FOUND, E_UNREADABLE when the image cannot be read; one that cannot be unpacked is taken as it is */
export function readCaptureKernel(world: GuardWorld, machine: MachineFacts, kernel: Kernel): CaptureKernel {
  const { image } = readKernelFiles({ ...kernel, initrds: [], problems: [] });
  return { kernel, image, unpacked: unpackedOf(world, machine, kernel) };
}

function unpackedOf(world: GuardWorld, machine: MachineFacts, kernel: Kernel): UnpackedKernel | undefined {
  try {
    return fetchPrepared(world, machine, kernel, { kernel: true, initramfs: false }).kernel;
  } catch (error) {
    if (error instanceof KhopError) return undefined;
    throw error;
  }
}

/** From the same entry of the cache as a fast switch to that kernel. @throws as `fetchSupply` */
export function fetchPrepared(
  world: GuardWorld,
  machine: MachineFacts,
  kernel: Kernel,
  wants: SupplyRequest['wants'],
): Supply {
  const { image, initrds } = kernel;
  const wish = initramfsWish(world, machine, readHistory(world), {
    release: kernel.release,
    image,
    // The kernel that comes home gets this one: both take their parts from one entry.
    commandLine: valueOf(machine.commandLine) ?? kernel.commandLine,
    isTrimAllowed: true,
    packing: 'none',
  });
  const { memoryAvailableBytes } = machine;
  return fetchSupply(world, { image, initrds, wish, wants, memoryAvailableBytes });
}

/** @param keptBytes of the way home */
export function captureNeed(
  capture: CaptureKernel,
  { initramfsBytes, dump, encryption, senderBytes }: Omit<CapturePlan, 'modules' | 'initramfsFor'>,
  keptBytes: number,
): CaptureMemoryNeed {
  return captureMemoryNeed({
    release: capture.kernel.release,
    ...kernelSizes(capture),
    packedBytes: initramfsBytes,
    unpackedBytes: initramfsBytes,
    keptBytes,
    userBytes: PROGRAM_BYTES + (dump?.workingBytes ?? 0) + (encryption?.workingBytes ?? 0) + senderBytes,
    cpus: 1,
  });
}

/** Bytes of the kernel in memory, and of its place when it is loaded. */
export function kernelSizes({
  image,
  unpacked,
}: CaptureKernel): Pick<CaptureMemoryRequest, 'kernelBytes' | 'placedBytes'> {
  const memoryBytes = unpacked?.layout.memorySize ?? initSizeOf(image);
  return { kernelBytes: memoryBytes, placedBytes: memoryBytes };
}

/** What an image asks for; of one that is no bzImage, several times what it is packed. */
function initSizeOf(image: NamedBytes): number {
  const unwrapped = unwrapImage(image);
  return unwrapped.kind === 'bzimage'
    ? parseBzImage(unwrapped.kernel.bytes).initSize
    : unwrapped.kernel.bytes.length * 2;
}

/** Bytes that crashkernel= has reserved; 0 without. */
export function reservedBytes(machine: MachineFacts): bigint {
  return valueOf(machine.kexec.crashSize) ?? 0n;
}
