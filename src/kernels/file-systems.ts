/**
 * Which file system is mounted where, as far as files can tell: /etc/fstab of the system that is looked at,
 * and what the caller knows besides. Boot loaders name devices their own way; this maps them back to paths.
 * @module
 */
import { posix } from 'node:path';
import { fileKind, readText } from './root-folder.ts';

/** One mounted file system. */
export interface FileSystem {
  readonly mountPoint: string;
  /** `UUID=...`, `LABEL=...`, `PARTUUID=...`, `PARTLABEL=...`, `/dev/...`: every name that is known. */
  readonly names: readonly string[];
  /** btrfs: the subvolume that is mounted, e.g. `/@rootfs`; undefined when it is the default one. */
  readonly subvolume: string | undefined;
}

/** Where a boot loader's file is: a path of the system, or the reason why it cannot be reached. */
export type Location =
  | { readonly state: 'found'; readonly path: string }
  | { readonly state: 'missing'; readonly path: string }
  | { readonly state: 'unreachable'; readonly reason: string };

/** Places where boot files live when nothing says so. */
const USUAL_MOUNT_POINTS = ['/boot', '/', '/boot/efi', '/efi', '/boot/firmware'];

function unescapeFstab(field: string): string {
  return field.replace(/\\([0-7]{3})/g, (_, digits: string) =>
    String.fromCharCode(Number.parseInt(digits, 8)),
  );
}

/** `/dev/disk/by-uuid/X` says the same as `UUID=X`. */
function deviceNames(device: string): string[] {
  const [, kind, value] = /^\/dev\/disk\/by-(uuid|label|partuuid|partlabel)\/(.+)$/.exec(device) ?? [];
  return kind === undefined ? [device] : [`${kind.toUpperCase()}=${value}`, device];
}

/** fstab(5): device, mount point, type, options. Lines that have fewer fields are no entries. */
export function parseFstab(text: string): FileSystem[] {
  const entries: FileSystem[] = [];
  for (const line of text.split('\n')) {
    const [device, mountPoint, , options] = line.trim().split(/\s+/).map(unescapeFstab);
    if (device === undefined || device.startsWith('#') || !mountPoint?.startsWith('/')) continue;
    const subvolume = /(?:^|,)subvol=([^,]+)/.exec(options ?? '')?.[1];
    entries.push({
      mountPoint: posix.normalize(mountPoint).replace(/(.)\/$/, '$1'),
      names: deviceNames(device.replace(/^([A-Z]+)="(.*)"$/, '$1=$2')),
      subvolume: subvolume === undefined ? undefined : posix.join('/', subvolume),
    });
  }
  return entries;
}

/** /etc/fstab below `root`. @throws E_UNREADABLE */
export function readFileSystems(root: string): FileSystem[] {
  return parseFstab(readText(root, '/etc/fstab') ?? '');
}

function sameName(a: string, b: string): boolean {
  return a === b || (a.startsWith('UUID=') && a.toLowerCase() === b.toLowerCase());
}

/** Whether it is known of `kind` of names (e.g. `UUID=`) what the system's own `/` and `/boot` are called. */
function knowsOwnNames(fileSystems: readonly FileSystem[], kind: string): boolean {
  const own = ['/', '/boot'].map((place) => fileSystems.filter(({ mountPoint }) => mountPoint === place));
  const isNamed = (some: readonly FileSystem[]): boolean =>
    some.some(({ names }) => names.some((name) => name.startsWith(kind)));
  const [root = [], boot = []] = own;
  return isNamed(root) && (boot.length === 0 || isNamed(boot));
}

function below(mountPoint: string, path: string): string {
  return posix.join(mountPoint, path);
}

/** The paths by which `path` of a device may be seen at one of its mount points, most likely first. */
function pathsAt(fileSystem: FileSystem, path: string): string[] {
  const { mountPoint, subvolume } = fileSystem;
  if (subvolume !== undefined && path.startsWith(`${subvolume}/`))
    return [below(mountPoint, path.slice(subvolume.length))];
  // A path outside the subvolume is one of the default subvolume, which is the system's own tree.
  const isOther = subvolume !== undefined && mountPoint !== '/' && mountPoint !== '/boot';
  return isOther ? [] : [below(mountPoint, path)];
}

/** `/@/boot/a`, `/@rootfs/boot/a`, Fedora's `/root/boot/a` and ZFS's `/BOOT/pool@/a`, without what precedes the tree. */
function withoutSubvolume(path: string): string[] {
  const zfs = /^\/[^@]*[^@/]@(\/.*)$/.exec(path)?.[1];
  const btrfs = /^\/(?:@[^/]*|root)(\/.*)$/.exec(path)?.[1];
  return [zfs, btrfs].filter((one) => one !== undefined);
}

function firstExisting(root: string, candidates: readonly string[]): Location {
  const found = candidates.find((path) => fileKind(root, path) !== 'absent');
  if (found !== undefined) return { state: 'found', path: found };
  return { state: 'missing', path: candidates[0] ?? '/' };
}

function locateAt(root: string, mounted: readonly FileSystem[], path: string): Location {
  const candidates = mounted.flatMap((one) => pathsAt(one, path));
  const stripped = mounted.flatMap((one) => withoutSubvolume(path).flatMap((rest) => pathsAt(one, rest)));
  return firstExisting(root, [...candidates, ...stripped]);
}

/** `path` of a file system of which only the mount point is given. */
export function locateOnMount(root: string, mountPoint: string, path: string): Location {
  return locateAt(root, [{ mountPoint, names: [], subvolume: undefined }], path);
}

/** `path` of a device that nobody can name: the usual places, those of the system's own mounts first. */
export function locateAnywhere(root: string, fileSystems: readonly FileSystem[], path: string): Location {
  const known = new Set(fileSystems.map((one) => one.mountPoint));
  const places = USUAL_MOUNT_POINTS.toSorted(
    (a, b) => Number(known.has(b) && b !== '/') - Number(known.has(a) && a !== '/'),
  );
  const mounted = places.map((mountPoint) => ({ mountPoint, names: [], subvolume: undefined }));
  const location = locateAt(root, mounted, path);
  if (location.state !== 'missing') return location;
  return {
    state: 'missing',
    path: known.has('/boot') && !path.startsWith('/boot/') ? below('/boot', path) : path,
  };
}

/**
 * `path` of the device called `name`, e.g. `UUID=...`. A name that fstab does not have is another system's,
 * when fstab names this system's own file systems in the same way; else it is looked for in the usual places.
 */
export function locateByName(
  root: string,
  fileSystems: readonly FileSystem[],
  name: string,
  path: string,
): Location {
  const mounted = fileSystems.filter((one) => one.names.some((other) => sameName(name, other)));
  if (mounted.length > 0) return locateAt(root, mounted, path);
  const kind = name.slice(0, name.indexOf('=') + 1);
  if (kind !== '' && knowsOwnNames(fileSystems, kind))
    return { state: 'unreachable', reason: `${path} is on ${name}, which is not mounted here` };
  return locateAnywhere(root, fileSystems, path);
}

/** The mount point that holds `path`: the longest that is a prefix of it. */
export function mountPointOf(fileSystems: readonly FileSystem[], path: string): string {
  const holds = (mountPoint: string): boolean =>
    mountPoint === '/' || path === mountPoint || path.startsWith(`${mountPoint}/`);
  return fileSystems
    .map((one) => one.mountPoint)
    .filter(holds)
    .reduce((longest, one) => (one.length > longest.length ? one : longest), '/');
}
