/**
 * Which modules of an initramfs this machine needs, each with the reason.
 * @module
 */
import type { CpioEntry } from '../../formats/cpio.ts';
import type { DeviceAlias } from '../../machine/device-aliases.ts';
import { type ModuleFolder, resolveModules } from './module-folder.ts';
import { argumentModules, namedModules } from './named-modules.ts';
import { type StorageStack, spareCiphers, standingReason, standingRules } from './standing-modules.ts';

/** What is known of the machine and of what it is to start; nothing of it is missing. */
export interface KnownNeeds extends StorageStack {
  readonly devices: readonly DeviceAlias[];
  readonly loadedModules: ReadonlySet<string>;
  /** The one that the new kernel gets. */
  readonly commandLine: string;
}

/** Something that asks for modules by name or alias. */
interface Request {
  readonly name: string;
  readonly why: string;
  /** Only that the machine could use it: no reason to keep a cipher for. */
  readonly isOffer?: boolean;
}

/** CPUs ask for what could use their instructions. */
const PROCESSORS = /^\/sys\/devices\/system\/cpu(?:\/|$)/;

/** Name -> why it is needed; what needs several has the first reason. Dependencies are among them. */
export function neededModules(
  folder: ModuleFolder,
  entries: readonly CpioEntry[],
  needs: KnownNeeds,
): ReadonlyMap<string, string> {
  const reasons = new Map<string, string>();
  const pending: string[] = [];
  const isSpare = spareCiphers(needs, needs.loadedModules);
  const add = ({ name, why, isOffer }: Request): void => {
    for (const module of resolveModules(folder, name)) {
      if (reasons.has(module) || (isOffer === true && isSpare(folder.paths.get(module) ?? ''))) continue;
      reasons.set(module, why);
      pending.push(module);
    }
  };
  for (const request of requestsOf(folder, entries, needs)) add(request);
  for (let module = pending.pop(); module !== undefined; module = pending.pop())
    for (const name of belongingsOf(folder, module)) add({ name, why: `${module} may need it` });
  return reasons;
}

function requestsOf(folder: ModuleFolder, entries: readonly CpioEntry[], needs: KnownNeeds): Request[] {
  const rules = standingRules(needs);
  const standing = [...folder.paths].map(([name, path]) => ({
    name,
    why: standingReason(rules, name, path),
  }));
  return [
    ...needs.devices.flatMap(({ path, modalias, module }) => [
      ...(modalias === undefined
        ? []
        : [{ name: modalias, why: `${path} asks for it`, isOffer: PROCESSORS.test(path) }]),
      ...(module === undefined ? [] : [{ name: module, why: `drives ${path}` }]),
    ]),
    ...[...needs.loadedModules].map((name) => ({ name, why: 'is loaded now', isOffer: true })),
    ...[...needs.fileSystems].flatMap((type) =>
      [type, `fs-${type}`].map((name) => ({ name, why: `${type} is mounted on / or /usr` })),
    ),
    ...argumentModules(needs.commandLine).map((name) => ({ name, why: 'the command line names it' })),
    ...namedModules(entries).map(({ name, by }) => ({ name, why: `${by} names it` })),
    ...standing.flatMap(({ name, why }) => (why === undefined ? [] : [{ name, why }])),
  ];
}

/** Names and aliases that a module brings along. */
function belongingsOf(folder: ModuleFolder, module: string): string[] {
  const soft = folder.softDependencies.get(module);
  return [
    ...(folder.dependencies.get(module) ?? []),
    ...(soft?.before ?? []),
    ...(soft?.after ?? []),
    ...(folder.auxiliaries.get(module) ?? []),
  ];
}
