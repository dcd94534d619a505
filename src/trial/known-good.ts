/**
 * Kernels that were confirmed, with everything that it takes to start them: /var/lib/khop/known-good.json. Two
 * generations, the newest first, so that there is another when the files of one have changed.
 * @module
 */
import * as v from 'valibot';
import { KhopError } from '../error.ts';
import { digestFiles } from '../guard/drift.ts';
import type { Kernel } from '../kernels/kernel.ts';
import { decodeState } from '../switch/ticket.ts';
import type { Folders, SwitchWorld } from '../switch/world.ts';
import { moveAside } from './move-aside.ts';

const VERSION = 1;
const GENERATIONS = 2;

const Generation = v.object({
  release: v.nullable(v.string()),
  /** `uname -v` as it ran; without it when a later boot finished the confirmation, or by an older khop. */
  version: v.optional(v.string()),
  title: v.string(),
  /** As `khop list` names it; null for a kernel that is no boot entry. */
  entryId: v.nullable(v.string()),
  image: v.string(),
  initrds: v.array(v.string()),
  /** What its boot entry says. */
  commandLine: v.string(),
  /** SHA-256 of the image and each initrd when it was confirmed. */
  files: v.array(v.object({ path: v.string(), sha256: v.string() })),
  /** Realtime, ms since 1970. */
  confirmedAtMs: v.number(),
  /** Of the boot that was confirmed; null when a later boot finished what it had begun. */
  bootId: v.nullable(v.string()),
});

const KnownGood = v.object({ version: v.literal(VERSION), generations: v.array(Generation) });

export type KnownGoodGeneration = v.InferOutput<typeof Generation>;

function knownGoodPath(folders: Folders): string {
  return `${folders.state}/known-good.json`;
}

/** Newest first; none before the first confirmation. @throws E_STATE when the file is damaged or of a newer khop */
export function readKnownGood(world: SwitchWorld): readonly KnownGoodGeneration[] {
  const path = knownGoodPath(world.folders);
  const text = world.files.read(path);
  return text === undefined ? [] : decodeState(text, path, KnownGood, VERSION).generations;
}

/**
 * Makes it the newest. The same kernel with the same files is one generation, however often it is confirmed. A file that
 * cannot be read is moved aside: it knows nothing that is worth more than what was just proven.
 */
export function recordKnownGood(world: SwitchWorld, generation: KnownGoodGeneration): void {
  let before: readonly KnownGoodGeneration[] = [];
  const path = knownGoodPath(world.folders);
  try {
    before = readKnownGood(world);
  } catch (error) {
    if (!(error instanceof KhopError)) throw error;
    world.remark(`${error.message}. It is now ${moveAside(world, path)}`);
  }
  const isSame = (other: KnownGoodGeneration): boolean => identityOf(other) === identityOf(generation);
  const same = before.find(isSame);
  const bootId = generation.bootId ?? same?.bootId ?? null;
  const version = generation.version ?? same?.version;
  const known = version === undefined ? { bootId } : { bootId, version };
  const others = before.filter((other) => !isSame(other));
  const generations = [{ ...generation, ...known }, ...others].slice(0, GENERATIONS);
  world.files.write(path, `${JSON.stringify({ version: VERSION, generations }, null, 2)}\n`);
}

function identityOf({ release, image, commandLine, files }: KnownGoodGeneration): string {
  return JSON.stringify([release, image, commandLine, files]);
}

/** What is with a file of a generation. */
export interface ChangedFile {
  readonly path: string;
  readonly state: 'missing' | 'unreadable' | 'changed';
}

/** Those files that are not as they were when it was confirmed. */
export function verifyGeneration(generation: KnownGoodGeneration): readonly ChangedFile[] {
  return generation.files.flatMap(({ path, sha256 }): ChangedFile[] => {
    try {
      return digestFiles([path])[0]?.sha256 === sha256 ? [] : [{ path, state: 'changed' }];
    } catch (error) {
      if (!(error instanceof KhopError)) throw error;
      return [{ path, state: error.code === 'E_NOT_FOUND' ? 'missing' : 'unreadable' }];
    }
  });
}

/** When and where a kernel was proven. */
export interface Proof {
  /** `uname -v` there. */
  readonly version?: string | undefined;
  readonly confirmedAtMs: number;
  readonly bootId: string | null;
}

/** @param entryId null for a kernel that is no boot entry @throws E_NOT_FOUND, E_UNREADABLE for its files */
export function generationOf(
  { release, title, image, initrds, commandLine }: Kernel,
  entryId: string | null,
  { confirmedAtMs, bootId, version }: Proof,
): KnownGoodGeneration {
  return {
    release: release ?? null,
    ...(version === undefined ? {} : { version }),
    title,
    entryId,
    image,
    initrds: [...initrds],
    commandLine,
    files: digestFiles([image, ...initrds]),
    confirmedAtMs,
    bootId,
  };
}
