/**
 * Who has loaded the panic kernel, by what was written down in this boot and by what the kernel keeps of it.
 * @module
 */
import { KhopError } from '../error.ts';
import type { MachineFacts } from '../machine/facts.ts';
import { readKdumpStarts } from '../machine/kdump-units.ts';
import { valueOf } from '../machine/reading.ts';
import { readLoadedRecord } from '../switch/load.ts';
import type { SwitchWorld } from '../switch/world.ts';
import { type ArmedRecord, armedRecordPath, decodeArmedRecord } from './armed-record.ts';
import { otherImages } from './loaded-image.ts';

/** By which name the guard loads. */
export const GUARD_LOADER = 'khop guard';

/** Undefined when nothing was armed in this boot. @throws E_STATE */
export function readArmedRecord(world: SwitchWorld): ArmedRecord | undefined {
  const path = armedRecordPath(world.folders);
  const text = world.files.read(path);
  return text === undefined ? undefined : decodeArmedRecord(text, path);
}

/**
 * Signs that the panic kernel that is loaded is not what was armed; what the kernel keeps of it is not asked.
 * @throws E_STATE
 */
export function otherLoads(world: SwitchWorld, bootId: string, record: ArmedRecord | undefined): string[] {
  if (record?.bootId !== bootId) return ['the panic kernel that is loaded is not the guard’s'];
  const loaded = readLoadedRecord(world, 'crash', bootId);
  // A clock that was set says nothing of who it was.
  if (loaded?.by !== GUARD_LOADER || loaded.loadedAtMs > record.armedAtMs)
    return [`the panic kernel was loaded by ${loaded?.by ?? 'something else'} after the guard was armed`];
  return readKdumpStarts(world.folders.root)
    .filter((start) => !record.kdumpStarts.includes(start))
    .map(
      (start) =>
        `${start.split(' ')[0]} was started after the guard was armed, and loads a panic kernel of its own`,
    );
}

/**
 * Why the panic kernel that is loaded is not the guard's to unload; undefined when it is, or none is loaded. What the
 * kernel shows decides; where it shows nothing, the records do: who turns the guard off expects that its kernel is gone,
 * and whoever else has loaded one can do so again. Where records cannot be read, it is not the guard's.
 */
export function whyNotOfGuard(world: SwitchWorld, machine: MachineFacts): string | undefined {
  if (valueOf(machine.kexec.crashLoaded) === false) return undefined;
  const bootId = valueOf(machine.bootId);
  if (bootId === undefined) return `${machine.bootId.source} cannot be read`;
  try {
    const record = readArmedRecord(world);
    if (isUnrecorded(world, bootId, record)) return undefined;
    const images = record?.bootId === bootId ? otherImages(world.folders.root, record) : undefined;
    // A service that was started need not have loaded anything.
    const isShown = images?.state === 'read' && record?.imageDigest !== null;
    const [sign] = isShown ? [] : otherLoads(world, bootId, record);
    return sign ?? (images && valueOf(images)?.[0]);
  } catch (error) {
    if (!(error instanceof KhopError)) throw error;
    return error.message;
  }
}

/** An arming that was interrupted right after the load. */
function isUnrecorded(world: SwitchWorld, bootId: string, record: ArmedRecord | undefined): boolean {
  const loaded = readLoadedRecord(world, 'crash', bootId);
  if (loaded?.by !== GUARD_LOADER) return false;
  return record?.bootId !== bootId || loaded.loadedAtMs > record.armedAtMs;
}
