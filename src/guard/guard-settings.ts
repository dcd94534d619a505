/**
 * What the guard was asked to do, /var/lib/khop/guard.json: it outlives the boot, so that every boot arms again.
 * @module
 */
import * as v from 'valibot';
import { decodeState } from '../switch/ticket.ts';
import type { Folders } from '../switch/world.ts';

const VERSION = 1;

const GuardSettings = v.object({
  version: v.literal(VERSION),
  /** The capture kernel, as `khop list` names it; null: the one that runs. */
  kernel: v.nullable(v.string()),
  /** The kernel to go home with; null: the one that runs. */
  home: v.nullable(v.string()),
  mode: v.picklist(['capture', 'continue']),
  /** CPUs of a system that goes on; a capture has one. */
  cpus: v.optional(v.pipe(v.number(), v.integer(), v.minValue(1)), 1),
  /** From the start of the capture kernel until it leaves at the latest. */
  deadlineSeconds: v.pipe(v.number(), v.integer(), v.minValue(5), v.maxValue(3600)),
});

/** Versioned. */
export type GuardSettings = v.InferOutput<typeof GuardSettings>;

export const DEFAULT_GUARD_SETTINGS: GuardSettings = {
  version: VERSION,
  kernel: null,
  home: null,
  mode: 'capture',
  cpus: 1,
  deadlineSeconds: 60,
};

/** Kept for ever. */
export function guardSettingsPath(folders: Folders): string {
  return `${folders.state}/guard.json`;
}

export function encodeGuardSettings(settings: GuardSettings): string {
  return `${JSON.stringify(settings, null, 2)}\n`;
}

/** @throws E_STATE, see `decodeState` */
export function decodeGuardSettings(text: string, path: string): GuardSettings {
  return decodeState(text, path, GuardSettings, VERSION);
}
