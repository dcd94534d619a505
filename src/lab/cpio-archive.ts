/**
 * A newc cpio archive, as the kernel unpacks it into its first root file system.
 * Documentation/driver-api/early-userspace/buffer-format.rst
 * @module
 */

/** One entry; `mode` holds the file type bits too. */
export interface ArchiveEntry {
  /** Without a leading slash. */
  readonly path: string;
  readonly mode: number;
  readonly bytes: Uint8Array;
}

/** A folder, mode 755. */
export function archiveFolder(path: string): ArchiveEntry {
  return { path, mode: 0o040755, bytes: new Uint8Array() };
}

/** A regular file. */
export function archiveFile(path: string, bytes: Uint8Array, mode = 0o644): ArchiveEntry {
  return { path, mode: 0o100000 | mode, bytes };
}

/** A symbolic link to `target`. */
export function archiveLink(path: string, target: string): ArchiveEntry {
  return { path, mode: 0o120777, bytes: Buffer.from(target) };
}

function padded(chunk: Buffer): Buffer[] {
  return [chunk, Buffer.alloc((4 - (chunk.length % 4)) % 4)];
}

function encodeEntry(entry: ArchiveEntry, inode: number): Buffer[] {
  const name = Buffer.from(`${entry.path}\0`);
  // ino mode uid gid nlink mtime filesize devmajor devminor rdevmajor rdevminor namesize check
  const fields = [inode, entry.mode, 0, 0, 1, 0, entry.bytes.length, 0, 0, 0, 0, name.length, 0];
  const header = `070701${fields.map((field) => field.toString(16).padStart(8, '0')).join('')}`;
  return [...padded(Buffer.concat([Buffer.from(header), name])), ...padded(Buffer.from(entry.bytes))];
}

/** `entries` in their order: a folder has to come before what is in it. */
export function encodeArchive(entries: readonly ArchiveEntry[]): Uint8Array {
  const end: ArchiveEntry = { path: 'TRAILER!!!', mode: 0, bytes: new Uint8Array() };
  return Buffer.concat([...entries, end].flatMap((entry, index) => encodeEntry(entry, index + 1)));
}

/** The folders above each of `paths`, outermost first, each once. */
export function parentFolders(paths: readonly string[]): string[] {
  const parents = paths.flatMap((path) => {
    const parts = path.split('/').slice(0, -1);
    return parts.map((_, index) => parts.slice(0, index + 1).join('/'));
  });
  return [...new Set(parents)];
}
