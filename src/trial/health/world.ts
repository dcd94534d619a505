/**
 * What the checks of a kernel on trial need of the world.
 * @module
 */
import type { CheckScript, ScriptOptions, ScriptOutcome } from '../../machine/check-scripts.ts';
import type { ConfiguredMount } from '../../machine/configured-mounts.ts';
import type { Disk } from '../../machine/disks.ts';
import type { KernelLogRecord } from '../../machine/kernel-log.ts';
import type { ListeningSocket } from '../../machine/listening-sockets.ts';
import type { DefaultRoute, InterfaceState } from '../../machine/network-state.ts';
import type { Reading } from '../../machine/reading.ts';
import type { UnitCalls } from '../../machine/units.ts';
import type { StartedAgain } from './remembered-restarts.ts';

/** Every reading is of the moment in which it is asked for. */
export interface HealthWorld {
  readonly signal: AbortSignal;
  /** Milliseconds since the kernel started. */
  readonly uptimeMs: () => number;
  /** How many are online. */
  readonly readCpus: () => Reading<number>;
  /** Bytes that are online. */
  readonly readMemory: () => Reading<number>;
  readonly readDisks: () => Reading<readonly Disk[]>;
  readonly readMounts: () => Reading<readonly ConfiguredMount[]>;
  readonly readTaint: () => Reading<number>;
  readonly readKernelLog: () => Reading<readonly KernelLogRecord[]>;
  readonly readInterfaces: () => Reading<readonly InterfaceState[]>;
  readonly readDefaultRoutes: () => Reading<readonly DefaultRoute[]>;
  readonly readSockets: () => Reading<readonly ListeningSocket[]>;
  readonly readEphemeralPorts: () => Reading<readonly [number, number]>;
  readonly units: UnitCalls;
  /** Remembers, unlike the readings. */
  readonly startedAgain: StartedAgain;
  /** @returns undefined when somebody answered, else why not */
  readonly connect: (host: string, port: number) => Promise<string | undefined>;
  readonly listScripts: (folder: string) => Reading<readonly CheckScript[]>;
  readonly runScript: (path: string, options: ScriptOptions) => Promise<ScriptOutcome>;
}
