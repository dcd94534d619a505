/**
 * Reading files of a system that lies below a folder: `/` for the machine itself, a mounted image or a
 * recorded tree otherwise. Symbolic links are followed as that system would follow them, so that an absolute
 * link inside an image leads back into the image and `..` cannot climb out of it.
 * @module
 */
import {
  closeSync,
  constants,
  fstatSync,
  lstatSync,
  openSync,
  readdirSync,
  readlinkSync,
  readSync,
} from 'node:fs';
import { join, posix } from 'node:path';
import { KhopError } from '../error.ts';

/** linux include/linux/namei.h, MAXSYMLINKS. */
const LINK_LIMIT = 40;
/** Configuration files are small; what is larger is not one. */
const TEXT_LIMIT = 4 * 1024 * 1024;
const READ_CHUNK = 4 * 1024 * 1024;

export type FileKind = 'file' | 'folder' | 'other' | 'absent';

function errnoOf(error: unknown): string {
  return error instanceof Error && 'code' in error ? String(error.code) : 'unknown error';
}

const ABSENT = new Set(['ENOENT', 'ENOTDIR']);

function unreadable(path: string, error: unknown): KhopError {
  return new KhopError('E_UNREADABLE', `${path} cannot be read: ${errnoOf(error)}`, {
    hint: 'Run khop as root, and check that the file system is mounted and healthy.',
    cause: error,
  });
}

function linkTarget(hostPath: string): string | undefined {
  try {
    return lstatSync(hostPath).isSymbolicLink() ? readlinkSync(hostPath) : undefined;
  } catch (error) {
    if (ABSENT.has(errnoOf(error)) || errnoOf(error) === 'EINVAL') return undefined;
    throw unreadable(hostPath, error);
  }
}

/**
 * `path` of the system below `root` without any symbolic link, still as that system names it. What does not
 * exist keeps its name.
 * @throws E_UNREADABLE when links lead in a circle or a folder cannot be searched
 */
export function resolveInRoot(root: string, path: string): string {
  const pending = path.split('/').reverse();
  let resolved = '/';
  let links = 0;
  while (pending.length > 0) {
    const name = pending.pop() ?? '';
    if (name === '' || name === '.') continue;
    const next = posix.join(resolved, name);
    const target = name === '..' ? undefined : linkTarget(join(root, next));
    if (target === undefined) {
      resolved = next;
      continue;
    }
    links += 1;
    if (links > LINK_LIMIT)
      throw new KhopError('E_UNREADABLE', `${path}: more than ${LINK_LIMIT} symbolic links`, {
        hint: 'The links lead in a circle; repair them.',
      });
    if (target.startsWith('/')) resolved = '/';
    pending.push(...target.split('/').reverse());
  }
  return resolved;
}

/** The path by which this process reaches `path` of the system below `root`. */
export function hostPathOf(root: string, path: string): string {
  return join(root, resolveInRoot(root, path));
}

/** What `path` leads to; `absent` too when a part of it cannot be searched. */
export function fileKind(root: string, path: string): FileKind {
  try {
    const status = lstatSync(hostPathOf(root, path));
    return status.isFile() ? 'file' : status.isDirectory() ? 'folder' : 'other';
  } catch {
    return 'absent';
  }
}

/** An open file: closed by `using`. */
export class OpenFile implements Disposable {
  readonly descriptor: number;
  /** Bytes, at the time of opening. */
  readonly size: number;
  readonly hostPath: string;

  private constructor(descriptor: number, size: number, hostPath: string) {
    this.descriptor = descriptor;
    this.size = size;
    this.hostPath = hostPath;
  }

  /**
   * Opens a regular file for reading. A fifo or device is refused instead of waited for.
   * @throws E_NOT_FOUND, E_UNREADABLE
   */
  static open(root: string, path: string): OpenFile {
    const hostPath = hostPathOf(root, path);
    let descriptor: number;
    try {
      descriptor = openSync(hostPath, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
    } catch (error) {
      if (!ABSENT.has(errnoOf(error))) throw unreadable(hostPath, error);
      throw new KhopError('E_NOT_FOUND', `${hostPath} does not exist`, {
        hint: 'Check the path, and that its file system is mounted.',
        cause: error,
      });
    }
    const status = fstatSync(descriptor);
    if (status.isFile()) return new OpenFile(descriptor, status.size, hostPath);
    closeSync(descriptor);
    throw new KhopError(
      'E_UNREADABLE',
      `${hostPath} is ${status.isDirectory() ? 'a folder' : 'not a regular file'}`,
      {
        hint: 'Name a file.',
      },
    );
  }

  /** Up to `length` bytes from `offset`; fewer at the end of the file. @throws E_UNREADABLE */
  read(offset: number, length: number): Uint8Array {
    const bytes = new Uint8Array(Math.max(0, Math.min(length, this.size - offset)));
    let filled = 0;
    try {
      while (filled < bytes.length) {
        const count = readSync(
          this.descriptor,
          bytes,
          filled,
          Math.min(READ_CHUNK, bytes.length - filled),
          offset + filled,
        );
        if (count === 0) break;
        filled += count;
      }
    } catch (error) {
      throw unreadable(this.hostPath, error);
    }
    return bytes.subarray(0, filled);
  }

  [Symbol.dispose](): void {
    closeSync(this.descriptor);
  }
}

/** A whole text file as UTF-8; undefined when it does not exist. @throws E_UNREADABLE, also above 4 MiB */
export function readText(root: string, path: string): string | undefined {
  if (fileKind(root, path) === 'absent') return undefined;
  using file = OpenFile.open(root, path);
  if (file.size > TEXT_LIMIT)
    throw new KhopError('E_UNREADABLE', `${file.hostPath} is ${file.size} bytes, too large for a text file`, {
      hint: `khop reads configuration files of up to ${TEXT_LIMIT} bytes.`,
    });
  return Buffer.from(file.read(0, file.size)).toString('utf8');
}

/** Names in a folder, sorted; none when it does not exist. @throws E_UNREADABLE */
export function listFolder(root: string, path: string): string[] {
  const hostPath = hostPathOf(root, path);
  try {
    return readdirSync(hostPath).sort();
  } catch (error) {
    if (ABSENT.has(errnoOf(error))) return [];
    throw unreadable(hostPath, error);
  }
}
