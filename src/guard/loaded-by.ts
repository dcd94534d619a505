/**
 * Who has loaded the panic kernel, by what was written down in this boot and by what the kernel keeps of it.
 * @module
 */
import { readKdumpStarts } from '../machine/kdump-units.ts';
import { readLoadedRecord } from '../switch/load.ts';
import type { SwitchWorld } from '../switch/world.ts';
import { type ArmedRecord, armedRecordPath, decodeArmedRecord } from './armed-record.ts';

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
