/**
 * Prepared parts for a plan, from the cache. What is missing or has decayed is made now, while everything
 * still runs.
 * @module
 */
import { KhopError } from '../error.ts';
import type { NamedBytes } from '../formats/named-bytes.ts';
import type { UnpackedKernel } from '../formats/unpacked-kernel.ts';
import type { Reading } from '../machine/reading.ts';
import type { InitramfsWish } from '../prepare/prepare-initramfs.ts';
import { type PrepareOutcome, prepareKernel } from '../prepare/prepare-kernel.ts';
import type { PreparedRecord } from '../prepare/prepared-record.ts';
import { type PreparedEntry, readPreparedInitramfs, readPreparedKernel } from '../prepare/prepared-store.ts';
import type { Remembered } from './remembered.ts';
import type { SwitchWorld } from './world.ts';

/** What there is to make a plan faster with. */
export interface Supply {
  readonly kernel: UnpackedKernel | undefined;
  readonly initramfs: NamedBytes | undefined;
}

/** A supply and the record of where it comes from. */
export interface PreparedSupply extends Supply {
  readonly record: PreparedRecord;
}

/** The files it is made from, and which of the parts are wanted. */
export interface SupplyRequest {
  readonly image: string;
  readonly initrds: readonly string[];
  readonly wish: InitramfsWish;
  /** What this machine has free. */
  readonly memoryAvailableBytes: Reading<bigint>;
  readonly wants: { readonly kernel: boolean; readonly initramfs: boolean };
}

/** @throws E_NOT_FOUND, E_UNREADABLE, E_FORMAT when it can neither be read nor made */
export function fetchSupply(world: SwitchWorld, request: SupplyRequest): PreparedSupply {
  const { image, initrds, wish, wants, memoryAvailableBytes } = request;
  const make = (isForced: boolean): PrepareOutcome =>
    prepareKernel(
      { cacheFolder: world.folders.cache, nowMs: world.nowMs },
      { ...wish, image, initrds, isForced, memoryAvailableBytes },
    );
  const read = (entry: PreparedEntry): PreparedSupply => ({
    record: entry.record,
    kernel: wants.kernel ? readKernel(entry, world.remembered) : undefined,
    initramfs: wants.initramfs ? readPreparedInitramfs(entry, world.remembered?.verified) : undefined,
  });
  const outcome = make(false);
  if (!outcome.wasThere)
    world.remark('This kernel was not prepared yet for this machine as it is now; done.');
  try {
    return read(outcome);
  } catch (error) {
    if (!(error instanceof KhopError) || error.code !== 'E_STATE') throw error;
    world.remark(`${error.message}; it was prepared anew.`);
    return read(make(true));
  }
}

function readKernel(entry: PreparedEntry, remembered: Remembered | undefined): UnpackedKernel | undefined {
  const kernel = readPreparedKernel(entry, remembered?.verified);
  if (kernel === undefined || remembered?.moves === undefined) return kernel;
  const sharedMove = remembered.moves.get(entry.folder) ?? { image: undefined };
  remembered.moves.set(entry.folder, sharedMove);
  return { ...kernel, sharedMove };
}
