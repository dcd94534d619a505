/**
 * What the guard was asked to do, /var/lib/khop/guard.json: it outlives the boot, so that every boot arms again.
 * @module
 */
import * as v from 'valibot';
import { decodeState } from '../switch/ticket.ts';
import type { Folders } from '../switch/world.ts';
import { ReportTarget } from './report-target.ts';

const VERSION = 1;
const MINIMUM_FREE_MIB = 256;
const KEEP_CRASHES = 10;
const KEEP_DUMPS = 2;
const LOOP_WINDOW_MINUTES = 60;
/** A kernel takes some seconds to start; a machine that is away for an hour is not coming back by itself. */
export const DEADLINE_SECONDS = { least: 5, most: 3600 } as const;

export const DUMP_KINDS = ['none', 'filtered', 'whole'] as const;

const Count = v.pipe(v.number(), v.integer(), v.minValue(0));
/** The newest is never removed. */
const Kept = v.pipe(v.number(), v.integer(), v.minValue(1));

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
  deadlineSeconds: v.pipe(
    v.number(),
    v.integer(),
    v.minValue(DEADLINE_SECONDS.least),
    v.maxValue(DEADLINE_SECONDS.most),
  ),
  to: v.optional(ReportTarget, { kind: 'folder' }),
  /** What is saved of the memory: nothing, what makedumpfile thinks is worth it, or all that is not zero. */
  dump: v.optional(v.picklist(DUMP_KINDS), 'none'),
  /** age public keys that the report and the dump are encrypted for; empty: they are not. */
  encryptTo: v.optional(v.pipe(v.array(v.string()), v.readonly()), []),
  /** Of the file system that reports go to, what a dump leaves free. */
  minimumFreeMib: v.optional(Count, MINIMUM_FREE_MIB),
  /** How many crashes, and how many dumps of them, are kept. */
  keepCrashes: v.optional(Kept, KEEP_CRASHES),
  keepDumps: v.optional(Kept, KEEP_DUMPS),
  /** The crashkernel= that khop made the boot loader ask for, MiB; null: it has set none. */
  permanentMib: v.optional(v.nullable(v.number()), null),
  /** Whether khop made the boot loader say panic=, see early-panic.ts. */
  permanentPanic: v.optional(v.boolean(), false),
  /** Within which the same crash twice is a loop, to be left by another way than it was entered. */
  loopWindowMinutes: v.optional(Kept, LOOP_WINDOW_MINUTES),
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
  to: { kind: 'folder' },
  dump: 'none',
  encryptTo: [],
  minimumFreeMib: MINIMUM_FREE_MIB,
  keepCrashes: KEEP_CRASHES,
  keepDumps: KEEP_DUMPS,
  permanentMib: null,
  permanentPanic: false,
  loopWindowMinutes: LOOP_WINDOW_MINUTES,
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
