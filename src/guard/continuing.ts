/**
 * Whether this system is one that went on after a panic, in the panic kernel's memory.
 * @module
 */
import { KhopError } from '../error.ts';
import { hasCrashedMemory } from '../machine/crash-facts.ts';
import type { MachineFacts } from '../machine/facts.ts';
import { valueOf } from '../machine/reading.ts';
import { CONTINUE_PARAMETER } from '../plan/capture/continue-parameters.ts';
import { commandLineValue } from '../plan/command-line.ts';
import type { Folders, SwitchWorld } from '../switch/world.ts';
import { type Continuation, continuationPath, decodeContinuation, leavingWay } from './continuation.ts';

/** A system that lives in the reservation. */
export interface Continuing {
  /** Of the arming. */
  readonly id: string;
  /** Bytes; undefined when it cannot be read. */
  readonly memoryBytes: bigint | undefined;
  readonly cpus: number | undefined;
  /** The crash that led here, `khop crashes show ID`; undefined before its report is written. */
  readonly crash: string | undefined;
  /** The kernel that waits in memory, or null. */
  readonly homeTitle: string | null;
  /** Why only the firmware leads home; null when the kernel that waits does. */
  readonly homeObstacle: string | null;
}

/** The id of the arming; undefined in any other system. Both signs count: a command line can be reused. */
export function continuationId(folders: Folders, machine: MachineFacts): string | undefined {
  const id = commandLineValue(valueOf(machine.commandLine) ?? '', CONTINUE_PARAMETER);
  return id !== undefined && hasCrashedMemory(folders.root) ? id : undefined;
}

/** Undefined in a system that was started in any other way. */
export function readContinuing(world: SwitchWorld, machine: MachineFacts): Continuing | undefined {
  const id = continuationId(world.folders, machine);
  if (id === undefined) return undefined;
  const way = leavingWay(readContinuation(world), id, machine);
  return {
    id,
    memoryBytes: valueOf(machine.memoryTotalBytes),
    cpus: valueOf(machine.cpu.online),
    crash: world.files.read(continuedCrashPath(world.folders))?.trim(),
    homeTitle: way.state === 'kexec' ? way.title : null,
    homeObstacle: way.state === 'firmware' ? way.reason : null,
  };
}

/** Undefined when there is none that can be read: the firmware leads home all the same. */
export function readContinuation(world: SwitchWorld): Continuation | undefined {
  const path = continuationPath(world.folders);
  try {
    const text = world.files.read(path);
    return text === undefined ? undefined : decodeContinuation(text, path);
  } catch (error) {
    if (!(error instanceof KhopError)) throw error;
    world.remark(error.message);
    return undefined;
  }
}

/** The id of the crash that led to this boot, one line. */
export function continuedCrashPath(folders: Folders): string {
  return `${folders.run}/continued-crash`;
}

/** @throws E_REFUSED in a system that went on after a panic */
export function refuseContinuing(folders: Folders, machine: MachineFacts): void {
  if (continuationId(folders, machine) === undefined) return;
  throw new KhopError(
    'E_REFUSED',
    'this system goes on in the memory of a panic kernel, and cannot be guarded',
    {
      hint: 'Take the machine back to all its memory first: khop guard leave',
    },
  );
}
