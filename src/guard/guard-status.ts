/**
 * Whether the guard is armed, from the state of the kernel and of files. What cannot be read counts as not armed.
 * @module
 */
import { KhopError } from '../error.ts';
import type { MachineFacts } from '../machine/facts.ts';
import { valueOf } from '../machine/reading.ts';
import type { SwitchWorld } from '../switch/world.ts';
import type { ArmedRecord } from './armed-record.ts';
import { type Continuing, readContinuing } from './continuing.ts';
import { driftOf } from './drift.ts';
import { standsStillEarly } from './early-panic.ts';
import { decodeGuardSettings, type GuardSettings, guardSettingsPath } from './guard-settings.ts';
import { otherLoads, readArmedRecord } from './loaded-by.ts';
import { imageProblems } from './loaded-image.ts';

/** Answer of `khop guard status`. */
export interface GuardStatus {
  /**
   * `off`: nobody wants it; `armed`: a panic now is caught; `not-armed`: it is wanted, and `problems` say why not;
   * `continuing`: this system goes on after a panic that was caught, and one now ends in the firmware.
   */
  readonly state: 'off' | 'armed' | 'not-armed' | 'continuing';
  /** In that state only. */
  readonly continuing: Continuing | undefined;
  readonly settings: GuardSettings | undefined;
  readonly record: ArmedRecord | undefined;
  /** Bytes that crashkernel= has reserved; undefined when that cannot be read. */
  readonly reservedBytes: bigint | undefined;
  readonly problems: readonly string[];
  /** When it is armed: why it cannot be proven that the panic kernel that is loaded is the guard’s; null when it is. */
  readonly unproven: string | null;
  /** Whether a panic before the guard is armed stands still, see early-panic.ts. */
  readonly standsStillEarly: boolean;
}

/** @throws E_STATE when the settings are damaged or of a newer khop */
export function readGuardStatus(world: SwitchWorld, machine: MachineFacts): GuardStatus {
  const settings = readGuardSettings(world);
  const reservedBytes = valueOf(machine.kexec.crashSize);
  const problems: string[] = [];
  const record = readArmed(world, problems);
  const continuing = readContinuing(world, machine);
  const known = {
    ...{ settings, record, reservedBytes, continuing, unproven: null },
    standsStillEarly: standsStillEarly(machine),
  };
  if (continuing !== undefined) return { state: 'continuing', ...known, problems: [] };
  if (settings === undefined) return { state: 'off', ...known, problems: [] };
  if (reservedBytes === undefined) problems.push(`${machine.kexec.crashSize.source} cannot be read`);
  if (reservedBytes === 0n) problems.push('no memory is reserved (crashkernel=)');
  problems.push(...loadProblems(world, machine, record));
  if (problems.length === 0 && record !== undefined) problems.push(...driftOf(record, machine));
  if (problems.length > 0) return { state: 'not-armed', ...known, problems };
  return { state: 'armed', ...known, problems, unproven: record?.imageObstacle ?? null };
}

/** Undefined when the guard is off. @throws E_STATE */
export function readGuardSettings(world: SwitchWorld): GuardSettings | undefined {
  const path = guardSettingsPath(world.folders);
  const text = world.files.read(path);
  return text === undefined ? undefined : decodeGuardSettings(text, path);
}

function readArmed(world: SwitchWorld, problems: string[]): ArmedRecord | undefined {
  try {
    return readArmedRecord(world);
  } catch (error) {
    if (!(error instanceof KhopError)) throw error;
    problems.push(error.message);
    return undefined;
  }
}

function loadProblems(
  world: SwitchWorld,
  machine: MachineFacts,
  record: ArmedRecord | undefined,
): readonly string[] {
  const { crashLoaded } = machine.kexec;
  if (crashLoaded.state !== 'read') return [`${crashLoaded.source} cannot be read`];
  if (!crashLoaded.value) return ['no panic kernel is loaded'];
  const bootId = valueOf(machine.bootId);
  if (bootId === undefined) return [`${machine.bootId.source} cannot be read`];
  const others = otherLoads(world, bootId, record);
  return others.length > 0 || record === undefined ? others : imageProblems(world.folders.root, record);
}
