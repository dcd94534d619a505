/**
 * Carrying out a LoadPlan, and taking it back.
 * @module
 */
import { KhopError } from '../error.ts';
import type { MachineFacts } from '../machine/facts.ts';
import { type Reading, valueOf } from '../machine/reading.ts';
import type { KexecSlot, LoadPlan } from '../plan/load-plan.ts';
import type { FileIdentity } from '../prepare/prepared-record.ts';
import { requireUnchanged } from '../prepare/source-files.ts';
import { encodeHistoryEntry } from './history.ts';
import { forgetLoad, keepLoad } from './load-end.ts';
import {
  decodeLoadedRecord,
  encodeLoadedRecord,
  LOADED_VERSION,
  type LoadedRecord,
} from './loaded-record.ts';
import { refuseOnTrial } from './on-trial.ts';
import { historyPath, loadedRecordPath } from './state-paths.ts';
import type { SwitchWorld } from './world.ts';

/** Where a load comes from. */
export interface LoadOrigin {
  /** The command that asked, for `khop status`. */
  readonly by: string;
  /** Names of the optimisations in the plan. */
  readonly optimisations: readonly string[];
  /** What the plan was made from, as it was before it was read; see Proposal. */
  readonly sources?: readonly FileIdentity[];
  /** The kernel on trial may load the one that it goes home to, and nothing else. */
  readonly isWayHome?: true;
  /** A ticket will tell how it ends, see load-end.ts. */
  readonly hasTicket?: true;
  /** To look at what the kernel has right after the call: what is recorded takes a while. */
  readonly onLoaded?: () => void;
}

/**
 * Gives the plan to the kernel, verifies that the kernel says so, and records it.
 *
 * @throws E_STATE in a kernel on trial; E_REFUSED when its files have changed since; E_SYSCALL when the kernel refuses;
 *   whatever was loaded before is then still loaded or, where the kernel dropped it first, nothing is. When the load cannot
 *   be verified or recorded, it is taken out again: what nobody knows of would be jumped to by the next reboot
 */
export async function loadPlan(world: SwitchWorld, plan: LoadPlan, asked: LoadOrigin): Promise<LoadedRecord> {
  if (asked.isWayHome !== true) refuseOnTrial(world, 'nothing was loaded');
  requireUnchanged(asked.sources ?? []);
  const path = loadedRecordPath(world.folders, plan.slot);
  const before = world.files.read(path);
  const startedMs = world.nowMs();
  // Whatever ends this process from here on, no record names a kernel that is no longer the one that is loaded.
  world.files.remove(path);
  try {
    await carryOut(world, plan);
  } catch (error) {
    if (before !== undefined)
      attempt(world, 'keeping the record', () => {
        // Some failures leave an empty slot: the kernel dropped what was there first, or khop unloaded it again.
        if (valueOf(slotReading(world.readMachine(), plan.slot)) !== false) world.files.write(path, before);
        else if (plan.slot === 'normal') forgetLoad(world);
      });
    throw error;
  }
  const loadMs = Math.max(0, world.nowMs() - startedMs);
  try {
    asked.onLoaded?.();
    return recordLoad(world, plan, asked, { startedMs, loadMs });
  } catch (error) {
    attempt(world, 'unloading again', () => unload(world, plan.slot));
    throw error;
  }
}

/** Whether the kernel says that something is loaded. */
function slotReading({ kexec }: MachineFacts, slot: KexecSlot): Reading<boolean> {
  return slot === 'normal' ? kexec.loaded : kexec.crashLoaded;
}

/** For what must not hide how the load went: what fails here is a remark. */
function attempt(world: SwitchWorld, what: string, work: () => void): void {
  try {
    work();
  } catch (error) {
    world.remark(`${what}: ${(error as Error).message}`);
  }
}

function recordLoad(
  world: SwitchWorld,
  plan: LoadPlan,
  asked: LoadOrigin,
  { startedMs, loadMs }: { readonly startedMs: number; readonly loadMs: number },
): LoadedRecord {
  const machine = world.readMachine();
  const slot = slotReading(machine, plan.slot);
  if (valueOf(slot) !== true)
    throw new KhopError('E_UNREADABLE', `the load was accepted, but ${slot.source} does not say "1"`, {
      hint: 'Check that /sys is mounted, then `khop status`.',
    });
  const record: LoadedRecord = {
    version: LOADED_VERSION,
    bootId: valueOf(machine.bootId) ?? '',
    slot: plan.slot,
    method: plan.method,
    title: plan.kernel.title,
    release: plan.kernel.release ?? null,
    image: plan.kernel.image,
    commandLine: plan.commandLine,
    loadedAtMs: startedMs,
    loadMs,
    optimisations: [...asked.optimisations],
    by: asked.by,
  };
  world.files.write(loadedRecordPath(world.folders, plan.slot), encodeLoadedRecord(record));
  const entry = {
    version: 1,
    kind: 'load',
    atMs: startedMs,
    slot: plan.slot,
    method: plan.method,
    fromRelease: valueOf(machine.release) ?? 'unknown',
    toRelease: record.release,
    image: record.image,
    optimisations: record.optimisations,
    loadMs,
  } as const;
  // Late in a shutdown, when scripts load, /var may be read-only already. Nothing depends on these lines.
  attempt(world, 'the load is not in the history', () =>
    world.files.append(historyPath(world.folders), encodeHistoryEntry(entry)),
  );
  // How a way home ends, its trial tells.
  if (plan.slot === 'normal' && asked.isWayHome !== true)
    attempt(world, 'the next boot will not know of the load', () =>
      asked.hasTicket === true ? forgetLoad(world) : keepLoad(world, record),
    );
  return record;
}

async function carryOut(world: SwitchWorld, plan: LoadPlan): Promise<void> {
  if (plan.method === 'file') {
    const { image, initrd, commandLine, flags, optionalFlags } = plan;
    await world.kexec.fileLoad({ image, initrd, commandLine, flags, optionalFlags });
    return;
  }
  const { entry, segments, flags, optionalFlags } = plan;
  await world.kexec.segmentsLoad({ entry, segments, flags, optionalFlags });
}

/** Empties a slot. Succeeds when it is empty already. @throws E_STATE in a kernel on trial; E_SYSCALL */
export function unload(world: SwitchWorld, slot: KexecSlot): void {
  refuseOnTrial(world, 'nothing was unloaded');
  world.kexec.unload(slot);
  world.files.remove(loadedRecordPath(world.folders, slot));
  if (slot === 'normal') attempt(world, 'forgetting the load', () => forgetLoad(world));
}

/** What khop knows of a slot's image: undefined when it did not load it, or in an earlier boot. */
export function readLoadedRecord(
  world: SwitchWorld,
  slot: KexecSlot,
  bootId: string | undefined,
): LoadedRecord | undefined {
  const path = loadedRecordPath(world.folders, slot);
  const text = world.files.read(path);
  if (text === undefined) return undefined;
  const record = decodeLoadedRecord(text, path);
  return record.bootId === bootId ? record : undefined;
}
