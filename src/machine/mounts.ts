/**
 * Mounted file systems.
 * @module
 */
import { KhopError } from '../error.ts';
import type { Mount } from './facts.ts';
import { type Reading, valueOf } from './reading.ts';
import { linesOf, mapReading, readLinkName, readNames, readText } from './source.ts';

/** A mount with what only its file system knows. */
export interface MountInfo extends Mount {
  /** `254:1`, st_dev of the files; major 0 where no one block device carries the file system. */
  readonly device: string;
  /** Which folder of the file system is mounted: `/`, a subvolume, a bound folder. */
  readonly folder: string;
  /** Options of the file system itself; `rw` here means that it can be written through some mount. */
  readonly superOptions: readonly string[];
  /** Whether it is of this process's own mount namespace, so that its path means the same to us. */
  readonly isOurs: boolean;
}

/** The mounts of this process's namespace, oldest first. */
export function readMounts(root: string): Reading<readonly MountInfo[]> {
  return mapReading(readText(root, '/proc/self/mountinfo'), parseMountInfo);
}

/**
 * The mounts of every mount namespace, our own first: services and containers have file systems that we do not.
 * @throws E_UNREADABLE when our own cannot be read
 */
export function readAllMounts(): readonly MountInfo[] {
  const own = readMounts('/');
  if (own.state !== 'read')
    throw new KhopError('E_UNREADABLE', `${own.source} cannot be read, so nothing is known of file systems`, {
      hint: 'Check that /proc is mounted.',
    });
  const seen = new Set([valueOf(readLinkName('/', '/proc/self/ns/mnt'))]);
  const mounts = [...own.value];
  for (const pid of (valueOf(readNames('/', '/proc')) ?? []).filter((name) => /^\d+$/.test(name))) {
    const namespace = valueOf(readLinkName('/', `/proc/${pid}/ns/mnt`));
    if (namespace === undefined || seen.has(namespace)) continue;
    seen.add(namespace);
    const theirs = mapReading(readText('/', `/proc/${pid}/mountinfo`), parseMountInfo);
    for (const mount of valueOf(theirs) ?? []) mounts.push({ ...mount, isOurs: false });
  }
  return mounts;
}

/** /proc/PID/mountinfo: Documentation/filesystems/proc.rst, 3.5. Undefined when a line is not one. */
export function parseMountInfo(text: string): readonly MountInfo[] | undefined {
  const mounts = linesOf(text).map(parseMount);
  return mounts.every((mount) => mount !== undefined) ? mounts : undefined;
}

function parseMount(line: string): MountInfo | undefined {
  const [left, right] = line.split(' - ');
  const [, , device, folder, mountPoint, options] = left?.split(' ') ?? [];
  const [fileSystem, source, superOptions] = right?.split(' ') ?? [];
  if (device === undefined || folder === undefined || mountPoint === undefined || options === undefined)
    return undefined;
  if (fileSystem === undefined || source === undefined || superOptions === undefined) return undefined;
  return {
    mountPoint: unescapeMount(mountPoint),
    fileSystem,
    source: unescapeMount(source),
    options: [...options.split(','), ...superOptions.split(',')],
    device,
    folder: unescapeMount(folder),
    superOptions: superOptions.split(','),
    isOurs: true,
  };
}

/** Spaces, tabs, line feeds and backslashes are octal. */
function unescapeMount(text: string): string {
  return text.replaceAll(/\\(\d{3})/g, (_all, octal: string) =>
    String.fromCharCode(Number.parseInt(octal, 8)),
  );
}
