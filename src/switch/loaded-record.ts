/**
 * What khop loaded, /run/khop/loaded-{normal,crash}.json. The kernel only says that something is loaded; this
 * says what, so that `khop status` can, and so that a record of an earlier boot is told from a fresh one.
 * @module
 */
import * as v from 'valibot';
import { decodeState } from './ticket.ts';

export const LOADED_VERSION = 1;

const LoadedRecord = v.object({
  version: v.literal(LOADED_VERSION),
  bootId: v.string(),
  slot: v.picklist(['normal', 'crash']),
  method: v.picklist(['file', 'segments']),
  title: v.string(),
  release: v.nullable(v.string()),
  image: v.string(),
  commandLine: v.string(),
  loadedAtMs: v.number(),
  loadMs: v.number(),
  /** Names of what was done beforehand, see optimisations.ts; records before 0.2 have none. */
  optimisations: v.optional(v.array(v.string()), []),
  /** `khop load`, `khop switch`, `kexec`: the command that did it. */
  by: v.string(),
});

/** What was loaded into one slot. */
export type LoadedRecord = v.InferOutput<typeof LoadedRecord>;

export function encodeLoadedRecord(record: LoadedRecord): string {
  return `${JSON.stringify(record, null, 2)}\n`;
}

/** @throws E_STATE, see `decodeState` */
export function decodeLoadedRecord(text: string, path: string): LoadedRecord {
  return decodeState(text, path, LoadedRecord, LOADED_VERSION);
}
