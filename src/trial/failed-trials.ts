/**
 * Kernels that failed their trial: /var/lib/khop/failed-trials.json. Such a kernel is not tried again unless somebody
 * asks for it. It is known by its release and its image, so a rebuilt one is another.
 * @module
 */
import * as v from 'valibot';
import { KhopError } from '../error.ts';
import { decodeState } from '../switch/ticket.ts';
import type { Folders, SwitchWorld } from '../switch/world.ts';
import { moveAside } from './move-aside.ts';
import type { ReturnCause } from './trial-words.ts';

const VERSION = 1;
/** Older ones are kernels that nobody has any more. */
const KEPT = 50;

const FailedTrial = v.object({
  /** Of the ticket. */
  id: v.string(),
  release: v.nullable(v.string()),
  /** Null when the image was gone when the trial was concluded. */
  imageSha256: v.nullable(v.string()),
  title: v.string(),
  /** Realtime, ms since 1970. */
  atMs: v.number(),
  /** As in the history. */
  cause: v.string(),
  detail: v.string(),
});

const FailedTrials = v.object({ version: v.literal(VERSION), kernels: v.array(FailedTrial) });

export type FailedTrial = v.InferOutput<typeof FailedTrial>;

/** Which kernel; null matches any, since unknown counts as unsafe. */
export interface TriedKernel {
  readonly release: string | null;
  readonly imageSha256: string | null;
}

/**
 * What the end of a trial says of its kernel. A person who goes home or does not answer says nothing of it. A power cut
 * looks like a panic before the first program, and a ticket that somebody deleted like one that this kernel could not
 * read; nobody can tell them apart: once is bad luck, twice is the kernel.
 */
const BLAME: Readonly<Record<ReturnCause, 'none' | 'perhaps' | 'certain'>> = {
  panic: 'certain',
  watchdog: 'certain',
  'stuck-boot': 'certain',
  deadline: 'certain',
  unhealthy: 'certain',
  unconfirmed: 'none',
  asked: 'none',
  ticket: 'perhaps',
  firmware: 'perhaps',
};

/** A jump that never was says nothing either. @param cause as in the history */
export function mayBeFaultOfKernel(cause: string, step: 'loaded' | 'leaving'): boolean {
  return blameOf({ cause }) !== 'none' && step === 'leaving';
}

function failedTrialsPath(folders: Folders): string {
  return `${folders.state}/failed-trials.json`;
}

/**
 * Why that kernel is not to be tried again: its newest failure. Undefined when it never failed, or once in a way that may
 * have been bad luck.
 * @throws E_STATE when the file is damaged or of a newer khop
 */
export function findFailedTrial(world: SwitchWorld, kernel: TriedKernel): FailedTrial | undefined {
  const failures = readFailedTrials(world).filter(
    (failed) => isSame(failed, kernel) && blameOf(failed) !== 'none',
  );
  const isCertain = failures.some((failed) => blameOf(failed) === 'certain');
  return isCertain || failures.length > 1 ? failures.at(-1) : undefined;
}

/** A word of a newer khop is of a failure that it took for one. */
function blameOf({ cause }: Pick<FailedTrial, 'cause'>): (typeof BLAME)[ReturnCause] {
  return Object.hasOwn(BLAME, cause) ? BLAME[cause as ReturnCause] : 'certain';
}

/** As `findFailedTrial`. @returns whether there was something to forget */
export function forgetFailedTrial(world: SwitchWorld, kernel: TriedKernel): boolean {
  const before = readFailedTrials(world);
  const after = before.filter((failed) => !isSame(failed, kernel));
  if (after.length === before.length) return false;
  writeFailedTrials(world, after);
  return true;
}

/** Adds it, once. A file that cannot be read is moved aside: the next failure counts more than those in it. */
export function rememberFailedTrial(world: SwitchWorld, failed: FailedTrial): void {
  let before: readonly FailedTrial[] = [];
  try {
    before = readFailedTrials(world);
  } catch (error) {
    if (!(error instanceof KhopError)) throw error;
    world.remark(`${error.message}. It is now ${moveAside(world, failedTrialsPath(world.folders))}`);
  }
  if (before.some(({ id }) => id === failed.id)) return;
  writeFailedTrials(world, [...before, failed].slice(-KEPT));
}

function isSame(failed: FailedTrial, { release, imageSha256 }: TriedKernel): boolean {
  const hasSameImage =
    failed.imageSha256 === null || imageSha256 === null || failed.imageSha256 === imageSha256;
  return failed.release === release && hasSameImage;
}

/** Oldest first. */
function readFailedTrials(world: SwitchWorld): readonly FailedTrial[] {
  const path = failedTrialsPath(world.folders);
  const text = world.files.read(path);
  return text === undefined ? [] : decodeState(text, path, FailedTrials, VERSION).kernels;
}

function writeFailedTrials(world: SwitchWorld, kernels: readonly FailedTrial[]): void {
  const state = { version: VERSION, kernels };
  world.files.write(failedTrialsPath(world.folders), `${JSON.stringify(state, null, 2)}\n`);
}
