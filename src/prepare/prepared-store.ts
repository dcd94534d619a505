/**
 * The prepared kernels in /var/cache/khop/prepared. Entries appear whole or not at all, are found by the
 * identity of the files they were made from, or else by their content, and are checked each time they are read.
 * @module
 */
import {
  closeSync,
  existsSync,
  fsyncSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeSync,
} from 'node:fs';
import { basename, join } from 'node:path';
import { crc32 } from 'node:zlib';
import { KhopError } from '../error.ts';
import type { NamedBytes } from '../formats/named-bytes.ts';
import type { UnpackedKernel } from '../formats/unpacked-kernel.ts';
import { forgetCleanPages } from '../machine/clean-pages.ts';
import { syncFolder, writeDurably } from '../machine/durable-file.ts';
import { forgetPages, mapFile } from '../machine/mapped-file.ts';
import { forgetProgram } from '../machine/program-pages.ts';
import { type InitramfsPurpose, servesPurpose } from './initramfs-purpose.ts';
import {
  decodePreparedRecord,
  encodePreparedRecord,
  type FileIdentity,
  isSettled,
  type PreparedFile,
  type PreparedRecord,
} from './prepared-record.ts';

const RECORD = 'prepared.json';
/** SHA-256, in hexadecimal: what an entry's folder is named by. */
const KEY = /^[0-9a-f]{64}$/;
/** Whole pages. */
const SUM_STEP = 1 << 22;
/** Of one write, in bytes. */
const CHUNK = 1 << 18;
/** Before the writer's process id. */
const UNFINISHED = 'unfinished-';

/** One entry of the cache. */
export interface PreparedEntry {
  readonly folder: string;
  readonly record: PreparedRecord;
}

/** Where the entries are. */
export function preparedFolder(cacheFolder: string): string {
  return join(cacheFolder, 'prepared');
}

/** @throws E_NOT_FOUND, E_UNREADABLE */
export function identifyFile(path: string): FileIdentity {
  try {
    const { dev, ino, size, mtimeNs, ctimeNs } = statSync(path, { bigint: true });
    return {
      path,
      device: String(dev),
      inode: String(ino),
      size: Number(size),
      modifiedNs: String(mtimeNs),
      changedNs: String(ctimeNs),
    };
  } catch (cause) {
    const isMissing = (cause as NodeJS.ErrnoException).code === 'ENOENT';
    throw new KhopError(isMissing ? 'E_NOT_FOUND' : 'E_UNREADABLE', `${path}: ${(cause as Error).message}`, {
      hint: 'Run `khop list` to see which kernels have all their files.',
      cause,
    });
  }
}

/** All whole entries, in no particular order. What is not understood is passed over. */
export function listPrepared(cacheFolder: string): PreparedEntry[] {
  const parent = preparedFolder(cacheFolder);
  return namesIn(parent).flatMap((name) => {
    const folder = join(parent, name);
    const record = readRecord(folder);
    return record === undefined || record.key !== name ? [] : [{ folder, record }];
  });
}

/** Folders of entries whose record has decayed, or that another version of khop made. */
export function listNotUnderstood(cacheFolder: string): string[] {
  const parent = preparedFolder(cacheFolder);
  return namesIn(parent)
    .filter((name) => KEY.test(name))
    .map((name) => join(parent, name))
    .filter((folder) => readRecord(folder)?.key !== basename(folder));
}

/** The newest entry that was made from exactly these files, as they are now, and serves the purpose; see `isSettled`. */
export function findPrepared(
  cacheFolder: string,
  image: FileIdentity,
  initrds: readonly FileIdentity[],
  purpose: InitramfsPurpose,
): PreparedEntry | undefined {
  return listForFiles(cacheFolder, [image, ...initrds]).find(
    ({ record }) => servesPurpose(record, purpose) && isSettled(record),
  );
}

/** The newest entry that was made from this content, wherever it lay, and serves the purpose; see `isSettled`. */
export function findByContent(
  cacheFolder: string,
  content: string,
  purpose: InitramfsPurpose,
): PreparedEntry | undefined {
  return listPrepared(cacheFolder)
    .filter(({ record }) => record.content === content && servesPurpose(record, purpose) && isSettled(record))
    .sort((a, b) => b.record.madeAtMs - a.record.madeAtMs)[0];
}

/** The entry, to be found by the identities of these files from now on; they have the content that it was made from. */
export function renewPrepared(
  { folder, record: known }: PreparedEntry,
  files: Pick<PreparedRecord, 'image' | 'initrds'>,
): PreparedEntry {
  const record = { ...known, ...files };
  try {
    writeDurably(join(folder, RECORD), encodePreparedRecord(record));
  } catch {
    // It is as good without; the next one finds it by its content again.
  }
  return { folder, record };
}

/** The entries that were made from exactly these files, as they are now; the newest first. */
export function listForFiles(
  cacheFolder: string,
  files: readonly FileIdentity[],
  isSame: typeof isSameFile = isSameFile,
): PreparedEntry[] {
  return listPrepared(cacheFolder)
    .filter(({ record: { image, initrds } }) => {
      const made = [image, ...initrds];
      return made.length === files.length && made.every((file, index) => isSame(file, files[index]!));
    })
    .sort((a, b) => b.record.madeAtMs - a.record.madeAtMs);
}

/** Whether nothing happened to the file; the same one may be named by another path. */
export function isSameFile(a: FileIdentity, b: FileIdentity): boolean {
  return JSON.stringify({ ...a, path: '' }) === JSON.stringify({ ...b, path: '' });
}

function namesIn(folder: string): string[] {
  try {
    return readdirSync(folder);
  } catch {
    return [];
  }
}

function readRecord(folder: string): PreparedRecord | undefined {
  try {
    return decodePreparedRecord(readFileSync(join(folder, RECORD), 'utf8'));
  } catch {
    return undefined;
  }
}

/** Paths of files that this process has found to be what was written; they are not read through again. */
export type VerifiedFiles = Set<string>;

/** The kernel, or undefined when the entry has none. @throws E_STATE when a file has decayed */
export function readPreparedKernel(
  { folder, record }: PreparedEntry,
  verified?: VerifiedFiles,
): UnpackedKernel | undefined {
  if (record.kernel === null) return undefined;
  const { layout, setupHeader, image, relocations } = record.kernel;
  const mapped = readChecked(folder, image, verified);
  const takeImage = () => {
    forgetPages(mapped);
    forgetProgram();
    return mapped;
  };
  const relocationTable = readChecked(folder, relocations, verified);
  const imageWasMoved = () => {
    forgetProgram();
    for (const bytes of [mapped, relocationTable]) forgetCleanPages(bytes);
  };
  return {
    layout,
    imageWasMoved,
    setupHeader: new Uint8Array(Buffer.from(setupHeader, 'base64')),
    image: mapped,
    takeImage,
    relocationTable,
  };
}

/** The initramfs, or undefined when the entry has none. @throws E_STATE when the file has decayed */
export function readPreparedInitramfs(
  { folder, record }: PreparedEntry,
  verified?: VerifiedFiles,
): NamedBytes | undefined {
  if (record.initramfs === null) return undefined;
  const { file } = record.initramfs;
  const path = join(folder, file.name);
  return { name: path, path, bytes: readChecked(folder, file, verified) };
}

/**
 * Mapped, because kexec_load takes the bytes from wherever they are. Only entries of the cache: nobody writes
 * into one, a newer one takes its name.
 */
function readChecked(folder: string, file: PreparedFile, verified?: VerifiedFiles): Uint8Array {
  const path = join(folder, file.name);
  let bytes: Uint8Array;
  try {
    bytes = mapFile(path);
  } catch (cause) {
    throw decayed(path, (cause as Error).message, cause);
  }
  if (bytes.length !== file.size) throw decayed(path, `has ${bytes.length} bytes instead of ${file.size}`);
  if (verified?.has(path) !== true && sumOf(bytes) !== file.crc32)
    throw decayed(path, 'is not what was written: its CRC-32 differs');
  verified?.add(path);
  return bytes;
}

/** Takes no more of memory than a step. */
function sumOf(mapped: Uint8Array): number {
  let sum = 0;
  for (let at = 0; at < mapped.length; at += SUM_STEP) {
    const step = mapped.subarray(at, at + SUM_STEP);
    sum = crc32(step, sum);
    forgetPages(step);
  }
  return sum;
}

function decayed(path: string, problem: string, cause?: unknown): KhopError {
  return new KhopError('E_STATE', `${path}: ${problem}`, {
    hint: 'Run `khop prepare` for this kernel again; the cache can be deleted at any time.',
    cause,
  });
}

/** Bytes for one file of an entry, in pieces, so that nobody has to join them. */
export interface FileContent {
  readonly name: string;
  readonly pieces: readonly Uint8Array[];
}

/**
 * Writes an entry: all files, the record, then the name. Whatever ends this process in between leaves only a
 * folder that nobody reads and the next call removes.
 *
 * @param describe makes the record once the files and their sums are known
 * @throws E_UNREADABLE when the cache cannot be written or is full
 */
export function writePrepared(
  cacheFolder: string,
  contents: readonly FileContent[],
  describe: (files: ReadonlyMap<string, PreparedFile>) => PreparedRecord,
): PreparedEntry {
  const parent = preparedFolder(cacheFolder);
  try {
    mkdirSync(parent, { recursive: true, mode: 0o700 });
    removeUnfinished(cacheFolder);
    const work = mkdtempSync(join(parent, `${UNFINISHED}${process.pid}-`));
    try {
      const files = new Map(contents.map((content) => [content.name, writeFile(work, content)]));
      const record = describe(files);
      writeFile(work, { name: RECORD, pieces: [Buffer.from(encodePreparedRecord(record))] });
      syncFolder(work);
      const folder = join(parent, record.key);
      const other = takeName(work, folder);
      if (other !== undefined) return { folder, record: other };
      syncFolder(parent);
      return { folder, record };
    } finally {
      rmSync(work, { recursive: true, force: true });
    }
  } catch (cause) {
    if (cause instanceof KhopError) throw cause;
    throw new KhopError('E_UNREADABLE', `${parent} cannot be written: ${(cause as Error).message}`, {
      hint: 'Free room there, or switch without --fast, which needs no cache.',
      cause,
    });
  }
}

/**
 * Two that only plan may make the same entry at the same time, and one of them comes second.
 * @returns the record of the other's, which was made from the same files; undefined when the name is taken
 */
function takeName(work: string, folder: string): PreparedRecord | undefined {
  rmSync(folder, { recursive: true, force: true });
  try {
    renameSync(work, folder);
    return undefined;
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    const other = code === 'ENOTEMPTY' || code === 'EEXIST' ? readRecord(folder) : undefined;
    if (other === undefined) throw error;
    return other;
  }
}

/** Removes an entry. It is no error when it is gone. */
export function removePrepared({ folder }: Pick<PreparedEntry, 'folder'>): void {
  rmSync(folder, { recursive: true, force: true });
}

/**
 * Removes what a process left that is gone. One that still works keeps its folder: whoever only plans holds no lock.
 */
export function removeUnfinished(cacheFolder: string): void {
  const parent = preparedFolder(cacheFolder);
  for (const name of namesIn(parent)) {
    if (!name.startsWith(UNFINISHED)) continue;
    const owner = name.slice(UNFINISHED.length).split('-', 1)[0];
    const isAtWork = owner !== String(process.pid) && existsSync(`/proc/${owner}`);
    if (!isAtWork) rmSync(join(parent, name), { recursive: true, force: true });
  }
}

function writeFile(folder: string, { name, pieces }: FileContent): PreparedFile {
  const descriptor = openSync(join(folder, name), 'wx', 0o600);
  try {
    let [size, sum] = [0, 0];
    for (const piece of inChunks(pieces)) {
      for (let offset = 0; offset < piece.length; ) offset += writeSync(descriptor, piece, offset);
      size += piece.length;
      sum = crc32(piece, sum);
      forgetCleanPages(piece);
    }
    fsyncSync(descriptor);
    return { name, size, crc32: sum };
  } finally {
    closeSync(descriptor);
  }
}

/** Small pieces together, large ones in steps: an archive has four for each of its thousands of files. */
function* inChunks(pieces: readonly Uint8Array[]): Generator<Uint8Array> {
  const chunk = new Uint8Array(CHUNK);
  let filled = 0;
  for (const piece of pieces) {
    if (filled + piece.length > CHUNK) {
      yield chunk.subarray(0, filled);
      filled = 0;
    }
    if (piece.length > CHUNK)
      for (let at = 0; at < piece.length; at += SUM_STEP) yield piece.subarray(at, at + SUM_STEP);
    else {
      chunk.set(piece, filled);
      filled += piece.length;
    }
  }
  yield chunk.subarray(0, filled);
}
