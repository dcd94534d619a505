/**
 * An initramfs for this machine alone: without the modules and the firmware that no device here asks for, and
 * with the other modules unpacked. Everything else stays as it is, but for names in udev's hardware database and a
 * modprobe that answers sooner. What is left out is unpacked by nobody, and that is the longest part of a switch that a
 * distribution's initramfs takes.
 *
 * In doubt a module stays; when something about the machine could not be read, all of them do.
 * @module
 */
import { KhopError } from '../../error.ts';
import type { CpioEntry } from '../../formats/cpio.ts';
import { parentFolders } from '../../formats/cpio-writer.ts';
import type { Initramfs } from '../../formats/initramfs.ts';
import { normalizeAlias } from '../../formats/module-alias.ts';
import type { InitramfsNeeds } from '../../machine/initramfs-needs.ts';
import type { Reading } from '../../machine/reading.ts';
import { isSameRoot } from '../preflight/device-names.ts';
import { type CoveredNeeds, coveredNeeds } from './covered-needs.ts';
import { mainParts } from './early-archives.ts';
import { withoutHardwareNames } from './hardware-names.ts';
import { type ModuleFolder, modulePlaceOf, readModuleFolder, resolveModules } from './module-folder.ts';
import { droppableFirmware, firmwareNameOf } from './needed-firmware.ts';
import { type KnownNeeds, neededModules } from './needed-modules.ts';
import { quickModprobes } from './quick-modprobe.ts';
import { linkedNames, rewriteObstacle } from './rewrite-obstacle.ts';
import { withTrimmedIndex } from './trimmed-indexes.ts';
import { unpackModules } from './unpacked-modules.ts';

/** For which machine and which start. */
export interface TrimRequest {
  readonly needs: InitramfsNeeds;
  /** The running kernel's: needs hold only for the same root. */
  readonly runningCommandLine: Reading<string>;
  /** The new kernel's. */
  readonly commandLine: string;
  /** The new kernel's; undefined: that of the only folder of modules. */
  readonly release: string | undefined;
}

/** A file that went. */
export interface DroppedFile {
  /** A module's name, or a firmware file's path in the initramfs. */
  readonly name: string;
  readonly bytes: number;
}

/** Files and their bytes. */
export interface FileSum {
  readonly count: number;
  readonly bytes: number;
}

/** What came of it. */
export interface TrimmedInitramfs {
  /** Of all archives but the early ones, in their order. */
  readonly entries: readonly CpioEntry[];
  readonly kept: { readonly modules: FileSum; readonly firmware: FileSum };
  readonly dropped: {
    readonly modules: readonly DroppedFile[];
    readonly firmware: readonly DroppedFile[];
    /** Of databases that stayed without them, bytes; see hardware-names.ts. */
    readonly hardwareNames: number;
  };
  /** Module that stayed -> why. */
  readonly reasons: ReadonlyMap<string, string>;
  /** For which needs it has all; undefined when nothing was trimmed. */
  readonly covered: CoveredNeeds | undefined;
  /** Why nothing was trimmed; undefined when it was. */
  readonly obstacle: string | undefined;
}

/** Never throws for an initramfs that cannot be trimmed: then nothing is, and `obstacle` says why. */
export function trimInitramfs(content: Initramfs, request: TrimRequest): TrimmedInitramfs {
  const entries = mainParts(content).flatMap((part) => part.entries);
  try {
    const obstacle = rewriteObstacle(content);
    if (obstacle !== undefined) return untrimmed(entries, obstacle);
    return trim(entries, readModuleFolder(entries, request.release), knownNeeds(request));
  } catch (error) {
    if (!(error instanceof KhopError)) throw error;
    return untrimmed(entries, error.message);
  }
}

function untrimmed(entries: readonly CpioEntry[], obstacle: string): TrimmedInitramfs {
  const none: FileSum = { count: 0, bytes: 0 };
  return {
    entries,
    kept: { modules: none, firmware: none },
    dropped: { modules: [], firmware: [], hardwareNames: 0 },
    reasons: new Map(),
    covered: undefined,
    obstacle,
  };
}

/** @throws E_UNREADABLE, E_REFUSED when it is not known what the new kernel will need */
function knownNeeds({ needs, runningCommandLine, commandLine }: TrimRequest): KnownNeeds {
  const fileSystems = known(needs.fileSystems);
  if (!isSameRoot(known(runningCommandLine), commandLine, fileSystems))
    throw new KhopError('E_REFUSED', 'the new kernel may get another root than this machine has now', {
      hint: 'Take the initramfs as it is.',
    });
  return {
    devices: known(needs.devices),
    loadedModules: known(needs.loadedModules),
    fileSystems,
    blockDevices: known(needs.blockDevices),
    mappings: known(needs.mappings),
    commandLine,
  };
}

function known<T>(reading: Reading<T>): T {
  if (reading.state === 'read') return reading.value;
  const why = reading.state === 'absent' ? 'is not there' : `cannot be read (${reading.reason})`;
  throw new KhopError('E_UNREADABLE', `${reading.source} ${why}`, { hint: 'Mount /proc and /sys.' });
}

/** @throws E_FORMAT for a damaged index */
function trim(entries: readonly CpioEntry[], folder: ModuleFolder, needs: KnownNeeds): TrimmedInitramfs {
  const { release } = folder;
  const needed = neededModules(folder, entries, needs);
  const reasons = new Map(needed);
  const linked = linkedNames(entries);
  const modules = entries.flatMap((entry) => {
    const place = modulePlaceOf(entry.name);
    return place?.release === release && place.module !== undefined ? [{ entry, name: place.module }] : [];
  });
  for (const { entry, name } of modules)
    if (linked.has(entry.name) && !reasons.has(name)) reasons.set(name, 'its file has several names');
  const [kept, dropped] = partition(modules, ({ name }) => reasons.has(name));
  const files = { kept: kept.map(({ entry }) => entry), dropped: dropped.map(({ entry }) => entry) };
  const firmware = droppableFirmware(entries, files, release);
  const gone = new Set(files.dropped);
  const isFileGone = (entry: CpioEntry): boolean =>
    gone.has(entry) || (firmware.has(entry.name) && !linked.has(entry.name));
  const emptied = emptiedFolders(entries, isFileGone);
  const isGone = (entry: CpioEntry): boolean => isFileGone(entry) || emptied.has(entry.name);
  const goneNames = new Set(dropped.map(({ name }) => name));
  const [droppedEntries, keptEntries] = partition(entries, isGone);
  const keptModules = new Set(files.kept);
  const others = keptEntries.filter((entry) => !keptModules.has(entry));
  const unpacked = unpackModules(files.kept, new Set([...linked, ...others.map(({ name }) => name)]));
  const nameless = withoutHardwareNames(others.filter(({ name }) => !linked.has(name)));
  const quick = quickModprobes(others, {
    isModule: (name) => resolveModules(folder, name).some((module) => !goneNames.has(module)),
    isBuiltIn: (name) => folder.builtIns.has(normalizeAlias(name)),
  });
  const changes = {
    release,
    isDropped: (name: string) => goneNames.has(name),
    areUnpacked: unpacked.size > 0,
  };
  return {
    entries: keptEntries.map(
      (entry) =>
        unpacked.get(entry) ?? nameless.get(entry) ?? quick.get(entry) ?? withTrimmedIndex(entry, changes),
    ),
    kept: {
      modules: sumOf(files.kept.map((entry) => unpacked.get(entry) ?? entry)),
      firmware: sumOf(keptEntries.filter((entry) => firmwareNameOf(entry, release) !== undefined)),
    },
    dropped: {
      modules: dropped.map(({ name, entry }) => ({ name, bytes: entry.bytes.length })),
      firmware: droppedEntries
        .filter((entry) => !gone.has(entry) && !isFolder(entry))
        .map(({ name, bytes }) => ({ name, bytes: bytes.length })),
      hardwareNames: [...nameless].reduce((sum, [was, is]) => sum + was.bytes.length - is.bytes.length, 0),
    },
    reasons,
    covered: coveredNeeds(folder, needs, needed),
    obstacle: undefined,
  };
}

/** Folders in which there was something, and nothing is left: each costs the kernel as much as a small file. */
function emptiedFolders(
  entries: readonly CpioEntry[],
  isGone: (entry: CpioEntry) => boolean,
): ReadonlySet<string> {
  const files = entries.filter((entry) => !isFolder(entry));
  const left = new Set(parentFolders(files.filter((entry) => !isGone(entry)).map(({ name }) => name)));
  const touched = parentFolders(files.filter(isGone).map(({ name }) => name));
  return new Set(touched.filter((folder) => !left.has(folder)));
}

function isFolder({ mode }: CpioEntry): boolean {
  return (mode & 0o170000) === 0o040000;
}

function partition<T>(all: readonly T[], isFirst: (one: T) => boolean): [T[], T[]] {
  const parts: [T[], T[]] = [[], []];
  for (const one of all) parts[isFirst(one) ? 0 : 1].push(one);
  return parts;
}

function sumOf(entries: readonly CpioEntry[]): FileSum {
  return { count: entries.length, bytes: entries.reduce((sum, { bytes }) => sum + bytes.length, 0) };
}
