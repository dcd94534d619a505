/**
 * The panic kernel of the mode `continue`: the kernel of this system with its own initramfs, as for a fast switch, for
 * the memory of the reservation.
 * @module
 */
import { KhopError } from '../error.ts';
import type { Kernel } from '../kernels/kernel.ts';
import { readNamedFile } from '../kernels/kernel-files.ts';
import type { MachineFacts } from '../machine/facts.ts';
import { valueOf } from '../machine/reading.ts';
import { type ContinueMemoryNeed, continueMemoryNeed } from '../plan/capture/continue-memory.ts';
import {
  type ContinueChoice,
  continueParameters,
  DROPPED_TO_CONTINUE,
} from '../plan/capture/continue-parameters.ts';
import type { LoadPlan } from '../plan/load-plan.ts';
import { initramfsWish } from '../switch/initramfs-wish.ts';
import { fetchSupply } from '../switch/prepared-supply.ts';
import { agreedPlan, propose } from '../switch/proposal.ts';
import { readHistory } from '../switch/read-history.ts';
import { kernelSizes, readCaptureKernel, reservedBytes } from './capture-kernel.ts';
import type { GuardSettings } from './guard-settings.ts';
import type { HomePlan } from './home-plan.ts';
import type { GuardWorld } from './world.ts';

/** An initramfs that could not be packed again grows about so much when the kernel unpacks it. */
const UNPACKED_SHARE = 4;

/** @param keptBytes of the way home */
export function continueNeed(
  world: GuardWorld,
  machine: MachineFacts,
  { cpus }: Pick<GuardSettings, 'cpus'>,
  kernel: Kernel,
  keptBytes: number,
): ContinueMemoryNeed {
  return continueMemoryNeed({
    release: kernel.release,
    ...kernelSizes(readCaptureKernel(world, machine, kernel)),
    ...initramfsSizes(world, machine, kernel),
    keptBytes,
    usedBytes: Number(usedBytes(machine)),
    cpus,
  });
}

/** Bytes that this system uses now. @throws E_UNREADABLE */
export function usedBytes({ memoryTotalBytes, memoryAvailableBytes }: MachineFacts): bigint {
  const [total, available] = [valueOf(memoryTotalBytes), valueOf(memoryAvailableBytes)];
  if (total !== undefined && available !== undefined) return total > available ? total - available : 0n;
  throw new KhopError('E_UNREADABLE', `${memoryTotalBytes.source} does not tell how much memory is in use`, {
    hint: 'Check that /proc is mounted.',
  });
}

function initramfsSizes(
  world: GuardWorld,
  machine: MachineFacts,
  { release, image, initrds, commandLine }: Kernel,
): { readonly packedBytes: number; readonly unpackedBytes: number } {
  const wish = initramfsWish(world, machine, readHistory(world), {
    release,
    image,
    commandLine: valueOf(machine.commandLine) ?? commandLine,
    isTrimAllowed: true,
    packing: 'none',
  });
  try {
    const { initramfs } = fetchSupply(world, {
      image,
      initrds,
      wish,
      wants: { kernel: false, initramfs: true },
      memoryAvailableBytes: machine.memoryAvailableBytes,
    });
    if (initramfs !== undefined)
      return { packedBytes: initramfs.bytes.length, unpackedBytes: initramfs.bytes.length };
  } catch (error) {
    if (!(error instanceof KhopError)) throw error;
  }
  const packedBytes = initrds.reduce((sum, path) => sum + readNamedFile(path).bytes.length, 0);
  return { packedBytes, unpackedBytes: packedBytes * UNPACKED_SHARE };
}

/**
 * The plan for the panic slot: entered directly and with a prepared initramfs where that can be.
 * @throws E_PLAN, E_REFUSED as `agreedPlan`
 */
export function planContinueKernel(
  world: GuardWorld,
  machine: MachineFacts,
  kernel: Kernel,
  home: HomePlan,
  choice: Pick<ContinueChoice, 'id' | 'cpus'>,
): LoadPlan {
  const bootProcessor = valueOf(machine.cpu.bootProcessor);
  return agreedPlan(
    propose(world, kernel.id, {
      panic: true,
      method: home.state === 'planned' ? 'segments' : 'auto',
      reuseCmdline: true,
      drop: DROPPED_TO_CONTINUE,
      append: [continueParameters({ ...choice, bootProcessor })],
      fast: true,
      roomBytes: reservedBytes(machine),
      kept: home.state === 'planned' ? home.wayHome.kept : undefined,
    }),
  );
}
