/**
 * Which machines a trimmed initramfs fits besides the one that it was trimmed for: those that need no more of it. A module
 * that is unloaded, or a disk that is taken out, makes none void, nor does a module that is loaded and was not left out.
 *
 * Why what was trimmed for more has all that less asks for: modaliases, drivers, loaded modules and kinds of storage each
 * make a request or a standing rule of their own, and whatever stays brings along what belongs to it (needed-modules.ts,
 * standing-modules.ts), so more of them never keep less. One thing takes away, that ciphers are spared, and a loaded module
 * or encrypted storage can only end that. Firmware goes, and the quick modprobe says no, only for what no module that stays
 * wants or is called. A modalias is compared without its device: only a processor's request is weaker than others, and
 * nothing else has an alias like one (drivers/base/cpu.c). All else that decides has to be the same: root, file systems,
 * command line, release (`variantOf`).
 * @module
 */
import { ModuleAliases } from '../../formats/module-alias.ts';
import type { InitramfsNeeds } from '../../machine/initramfs-needs.ts';
import type { ModuleFolder } from './module-folder.ts';
import type { KnownNeeds } from './needed-modules.ts';
import { isNetworkDisk, type StorageKind, spareCiphers, storageKinds } from './standing-modules.ts';

/** What of a machine's needs comes and goes while it runs. All sorted, each once. */
export interface PassingNeeds {
  /** Of devices. */
  readonly modaliases: readonly string[];
  /** Modules that drive devices. They change without any device that comes or goes, when a module is loaded. */
  readonly drivers: readonly string[];
  readonly loadedModules: readonly string[];
  readonly storage: readonly StorageKind[];
}

/** What modules were left out by: patterns of `ModuleFolder.wordAliases`. */
interface LeftOut {
  readonly names: readonly string[];
  /** Ciphers alone: a device may ask for its driver, but that one is loaded is no reason to keep it. */
  readonly spareNames: readonly string[];
}

/** Of drivers and loaded modules, only those that may stand for one that was left out. */
export interface CoveredNeeds extends PassingNeeds, LeftOut {}

/** Undefined when a part cannot be read: then nothing is trimmed. */
export function passingNeeds(needs: InitramfsNeeds): PassingNeeds | undefined {
  const { devices, loadedModules, blockDevices, mappings } = needs;
  if (devices.state !== 'read' || loadedModules.state !== 'read') return undefined;
  if (blockDevices.state !== 'read' || mappings.state !== 'read') return undefined;
  return passing({
    devices: devices.value,
    loadedModules: loadedModules.value,
    blockDevices: blockDevices.value,
    mappings: mappings.value,
  });
}

function passing(
  needs: Pick<KnownNeeds, 'devices' | 'loadedModules' | 'blockDevices' | 'mappings'>,
): PassingNeeds {
  return {
    modaliases: distinct(needs.devices.map(({ modalias }) => modalias)),
    drivers: distinct(needs.devices.map(({ module }) => module)),
    loadedModules: distinct([...needs.loadedModules]),
    storage: storageKinds(needs),
  };
}

function distinct(names: readonly (string | undefined)[]): string[] {
  return [...new Set(names.filter((name) => name !== undefined))].sort();
}

/**
 * Of what was trimmed for `needs` out of an initramfs with this folder.
 * @param needed all that `needs` ask for and that belongs to it; others may have stayed for other reasons
 */
export function coveredNeeds(
  folder: ModuleFolder,
  needs: KnownNeeds,
  needed: ReadonlyMap<string, string>,
): CoveredNeeds {
  const isSpare = spareCiphers(needs, needs.loadedModules);
  const left = folder.wordAliases.filter(({ module }) => !needed.has(module));
  const patterns = (areSpare: boolean): string[] =>
    distinct(
      left
        .filter(({ module }) => isSpare(folder.paths.get(module) ?? '') === areSpare)
        .map(({ pattern }) => pattern),
    );
  const leftOut = { names: patterns(false), spareNames: patterns(true) };
  return { ...decisiveOf(passing(needs), leftOut), ...leftOut };
}

/** Whether what was trimmed with this outcome has all that a machine needs now. What cannot be read may be anything. */
export function isCovered(needs: InitramfsNeeds, covered: CoveredNeeds): boolean {
  const now = passingNeeds(needs);
  if (now === undefined) return false;
  const decisive = decisiveOf(now, covered);
  const kinds = ['modaliases', 'drivers', 'loadedModules', 'storage'] as const;
  return kinds.every((kind) => isSubset(decisive[kind], covered[kind]));
}

/** Without drivers and loaded modules that ask for nothing which was left out. */
function decisiveOf(needs: PassingNeeds, { names, spareNames }: LeftOut): PassingNeeds {
  const isDriverLeftOut = matching([...names, ...spareNames]);
  const isLeftOut = matching(names);
  return {
    ...needs,
    drivers: needs.drivers.filter(isDriverLeftOut),
    loadedModules: needs.loadedModules.filter((module) => isNetworkDisk(module) || isLeftOut(module)),
  };
}

/** A name that is no word may be anything. */
function matching(patterns: readonly string[]): (module: string) => boolean {
  const known = new ModuleAliases(patterns.map((pattern) => ({ pattern, module: pattern })));
  return (module) => !/^\w+$/.test(module) || known.modulesFor(module).length > 0;
}

function isSubset(some: readonly string[], all: readonly string[]): boolean {
  const known = new Set(all);
  return some.every((one) => known.has(one));
}
