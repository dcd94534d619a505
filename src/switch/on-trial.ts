/**
 * Whether the kernel that runs is on trial. Its command line says which trial it was started for, and that is there
 * before any disk is; the ticket says whether that trial still goes on. Where the ticket is gone or damaged, only a
 * confirmation on record ends it: what cannot be read counts as unsafe.
 * @module
 */
import { KhopError } from '../error.ts';
import type { MachineFacts } from '../machine/facts.ts';
import { valueOf } from '../machine/reading.ts';
import { commandLineValue } from '../plan/command-line.ts';
import { TRIAL_PARAMETER } from '../plan/trial/trial-parameters.ts';
import { tokensOn } from './arrive.ts';
import { readHistory } from './read-history.ts';
import { confirmedPath, ticketPath } from './state-paths.ts';
import { decodeTicket } from './ticket.ts';
import type { SwitchWorld } from './world.ts';

const ID = /^[0-9a-f]{16}$/;

/** The id of a trial or of what belongs to one, from a parameter; undefined when it is none. */
export function idOnCommandLine(commandLine: string, parameter: string): string | undefined {
  const value = commandLineValue(commandLine, parameter);
  return value !== undefined && ID.test(value) ? value : undefined;
}

/** The id of the trial that this kernel was started for; undefined in any other. */
export function trialIdOn(commandLine: string): string | undefined {
  return idOnCommandLine(commandLine, TRIAL_PARAMETER);
}

/** Whether this boot has seen it, or the history says that the trial ended so. */
export function wasConfirmed(world: SwitchWorld, id: string): boolean {
  if (world.files.read(confirmedPath(world.folders))?.trim() === id) return true;
  return readHistory(world).entries.some(
    (entry) => entry.kind === 'switch' && entry.id === id && entry.trial?.verdict === 'confirmed',
  );
}

/** Whether this is a kernel on trial that was not confirmed. */
export function isOnTrial(world: SwitchWorld, machine: MachineFacts): boolean {
  const commandLine = valueOf(machine.commandLine) ?? '';
  const onTrial = trialIdOn(commandLine);
  const isUnproven = () => onTrial !== undefined && !wasConfirmed(world, onTrial);
  const path = ticketPath(world.folders);
  const text = world.files.read(path);
  if (text === undefined) return isUnproven();
  try {
    const { id, trial, fromBootId } = decodeTicket(text, path);
    const isHere = tokensOn(commandLine).at(-1) === id;
    return isHere && valueOf(machine.bootId) !== fromBootId && trial !== null && trial.phase !== 'confirmed';
  } catch (error) {
    if (!(error instanceof KhopError)) throw error;
    return isUnproven();
  }
}

/**
 * The way home of a kernel on trial is what waits in its two slots, and leads from the known-good kernel: whoever loads,
 * unloads or switches would take it away.
 * @param what is not done, e.g. `nothing was loaded`
 * @throws E_STATE
 */
export function refuseOnTrial(world: SwitchWorld, what: string): void {
  const machine = world.readMachine();
  if (!isOnTrial(world, machine)) return;
  const release = valueOf(machine.release) ?? 'this kernel';
  throw new KhopError('E_STATE', `${release} is on trial, and its way home has to stay loaded: ${what}`, {
    hint: 'End the trial first: khop confirm keeps this kernel, khop back goes home.',
  });
}
