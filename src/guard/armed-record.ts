/**
 * What the guard has armed in this boot, /run/khop/guard.json. The kernel says only that some panic kernel is loaded;
 * this says which, made of which files, for a machine of which shape.
 * @module
 */
import * as v from 'valibot';
import { decodeState } from '../switch/ticket.ts';
import type { Folders } from '../switch/world.ts';

const VERSION = 1;

const ContinuingMemory = v.object({
  /** Bytes that programs will have, as estimated. */
  memoryBytes: v.number(),
  cpus: v.number(),
  /** Bytes that this system used when the guard was armed. */
  usedBytes: v.number(),
  /** What may keep it from serving, one clause each. */
  warnings: v.array(v.string()),
});

/** Of a panic kernel that goes on into user space. */
export type ContinuingMemory = v.InferOutput<typeof ContinuingMemory>;

const ArmedRecord = v.object({
  version: v.literal(VERSION),
  bootId: v.string(),
  /** 16 hex digits, also on the command line of the kernel that comes home, as `khop.guard=`. */
  id: v.string(),
  /** Realtime, ms since 1970. */
  armedAtMs: v.number(),
  mode: v.optional(v.picklist(['capture', 'continue']), 'capture'),
  /** Null in the mode `capture`. */
  continuing: v.optional(v.nullable(ContinuingMemory), null),
  captureTitle: v.string(),
  deadlineSeconds: v.number(),
  /** The kernel to come home with; null when only the firmware leads home, because of `homeObstacle`. */
  homeTitle: v.nullable(v.string()),
  homeObstacle: v.nullable(v.string()),
  /**
   * A panic on another processor than the first comes home through the firmware, or does not where `staysWithoutHome`,
   * see panic-processor.ts; false when `ending` is firmware.
   */
  isHomeFromFirstOnly: v.boolean(),
  /** How a capture ends: with that kernel; or because of a loop for a person, or through the firmware. */
  ending: v.optional(v.picklist(['home', 'rescue', 'firmware']), 'home'),
  /** Where `ending` is home and that kernel cannot be started, the machine stays for a person: the firmware may start what died. */
  staysWithoutHome: v.optional(v.boolean(), false),
  /** Whether that person has a shell on the console. */
  rescueShell: v.optional(v.boolean(), true),
  /** Where a person can log in then, and why nowhere. */
  rescueLogin: v.optional(v.nullable(v.string()), null),
  rescueLoginObstacle: v.optional(v.nullable(v.string()), null),
  /** Why going home as before would be a loop; null when it would not. */
  loopReason: v.optional(v.nullable(v.string()), null),
  /** The device that reports go to; null when there is none that the panic kernel can reach. */
  reportDevice: v.nullable(v.string()),
  reportObstacle: v.nullable(v.string()),
  /** How the memory is saved, and what that takes of the reservation; null when it is not. */
  dump: v.optional(v.nullable(v.object({ how: v.string(), memoryBytes: v.number() })), null),
  /**
   * For how many keys report and dump are encrypted, and what that takes of the reservation; `obstacle`: why they cannot
   * be, so that nothing is written of them. Null when nobody asked for it.
   */
  encryption: v.optional(
    v.nullable(
      v.object({ recipients: v.number(), memoryBytes: v.number(), obstacle: v.nullable(v.string()) }),
    ),
    null,
  ),
  /** Whether the report also comes home in memory, where no disk can refuse it, when the kernel does. */
  reportInMemory: v.optional(v.boolean(), false),
  /** Bytes of the reservation, and of it what khop has filled. */
  reservedBytes: v.number(),
  usedBytes: v.number(),
  /** Files it was made of, with their SHA-256. */
  inputs: v.array(v.object({ path: v.string(), sha256: v.string() })),
  /** SHA-256 of the CPUs and the memory that it was made for. */
  shape: v.string(),
  /** Starts of services that load a panic kernel of their own, before this one was, see kdump-units.ts. */
  kdumpStarts: v.optional(v.pipe(v.array(v.string()), v.readonly()), []),
  /** Of what the kernel keeps of the image, see loaded-image.ts; null when that could not be read, and why. */
  imageDigest: v.optional(v.nullable(v.string()), null),
  imageObstacle: v.optional(v.nullable(v.string()), 'an older khop armed it'),
});

/** Versioned. */
export type ArmedRecord = v.InferOutput<typeof ArmedRecord>;

export const ARMED_VERSION = VERSION;

/** Gone at the next boot, as what it describes is. */
export function armedRecordPath(folders: Folders): string {
  return `${folders.run}/guard.json`;
}

/** There while what is armed is to be armed again later; khop-guard-again.path watches for it. */
export function armAgainPath(folders: Folders): string {
  return `${folders.run}/guard-again`;
}

export function encodeArmedRecord(record: ArmedRecord): string {
  return `${JSON.stringify(record, null, 2)}\n`;
}

/** @throws E_STATE, see `decodeState` */
export function decodeArmedRecord(text: string, path: string): ArmedRecord {
  return decodeState(text, path, ArmedRecord, VERSION);
}
