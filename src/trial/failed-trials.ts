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

/** A person who goes home, and a jump that never was, say nothing of the kernel. */
export function isFaultOfKernel(cause: ReturnCause, step: 'loaded' | 'leaving'): boolean {
  return cause !== 'asked' && step === 'leaving';
}

function failedTrialsPath(folders: Folders): string {
  return `${folders.state}/failed-trials.json`;
}

/** The newest failure of that kernel. @throws E_STATE when the file is damaged or of a newer khop */
export function findFailedTrial(world: SwitchWorld, kernel: TriedKernel): FailedTrial | undefined {
  return readFailedTrials(world).findLast((failed) => isSame(failed, kernel));
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
