/**
 * How a kernel knows that it is home from a trial, and why: by its command line. The kernel itself ignores the parameters.
 * @module
 */
import { commandLineValue } from '../plan/command-line.ts';
import { idOnCommandLine } from '../switch/on-trial.ts';

/** Carries the trial's id to the known-good kernel that it left for without firmware. */
export const HOME_PARAMETER = 'khop.home';
/** Why it was left, `KIND:SENTENCE`, where the disk could not be written: percent-encoded, since no space may be in it. */
export const CAUSE_PARAMETER = 'khop.cause';

/** x86-64 takes 2048 bytes of command line, and the rest of it matters more than the end of a sentence. */
const LONGEST_SENTENCE = 300;

/** The id of the trial that this kernel came home from without a panic and without firmware. */
export function homeIdOn(commandLine: string): string | undefined {
  return idOnCommandLine(commandLine, HOME_PARAMETER);
}

/** Why a trial was left, as words. */
export interface ToldCause {
  readonly kind: string;
  /** One sentence. */
  readonly detail: string;
}

/** `khop.cause=...`. A long sentence loses its end. */
export function causeArgument({ kind, detail }: ToldCause): string {
  let encoded = '';
  for (const character of detail.toWellFormed()) {
    const next = encodeURIComponent(character);
    if (encoded.length + next.length > LONGEST_SENTENCE) break;
    encoded += next;
  }
  return `${CAUSE_PARAMETER}=${encodeURIComponent(kind)}:${encoded}`;
}

/** What an argument of `causeArgument` says; undefined without one, and where it cannot be read. */
export function causeOn(commandLine: string): ToldCause | undefined {
  const value = commandLineValue(commandLine, CAUSE_PARAMETER);
  const [kind = '', detail] = value?.split(':') ?? [];
  if (kind === '' || detail === undefined) return undefined;
  try {
    return { kind: decodeURIComponent(kind), detail: decodeURIComponent(detail) };
  } catch {
    return undefined;
  }
}
