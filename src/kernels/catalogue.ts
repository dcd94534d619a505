/**
 * All kernels of a system, from whatever describes them, each once.
 * @module
 */
import { KhopError } from '../error.ts';
import {
  type BootEntry,
  compareBootEntries,
  defaultBootEntry,
  parseLoaderConf,
  withoutSuffix,
} from './boot-entry.ts';
import { type BootEntryContext, bootFolders, readBootLoaderEntries } from './boot-loader-spec.ts';
import { readBootPairs } from './boot-pairs.ts';
import { type DescribedKernel, describeKernel, type RunningKernel } from './describe-kernel.ts';
import { readExtlinux } from './extlinux.ts';
import { type FileSystem, readFileSystems } from './file-systems.ts';
import { type GrubReading, readGrub } from './grub/grub-config.ts';
import type { Kernel } from './kernel.ts';
import { type KernelDraft, type KernelSource, withoutLoaderArguments } from './kernel-draft.ts';
import { findKernelByName, isOrdinary, nameKernels } from './kernel-names.ts';
import { compareReleases } from './release-order.ts';
import { fileKind, readText } from './root-folder.ts';
import { isSystemdBoot, wasStartedByGrub } from './started-by.ts';
import { readUkiEntries } from './uki-entries.ts';

/** The answer of `khop list`. */
export interface Catalogue {
  /** Newest first. */
  readonly kernels: readonly Kernel[];
  /** What the boot loader would start by itself, as far as its files say. */
  readonly defaultId: string | undefined;
  /** Sentences about what could not be read or understood. */
  readonly warnings: readonly string[];
}

/** What is looked at, and what is known besides the files. */
export interface CatalogueRequest {
  readonly root: string;
  /** Undefined when `root` is not the running system: nothing is then marked as running. */
  readonly running: RunningKernel | undefined;
  /** Mounted file systems with all names of their devices: /etc/fstab has one for each, and not of every one. */
  readonly fileSystems?: readonly FileSystem[];
  /** How the firmware starts this machine; GRUB's configuration may depend on it. Default: efi. */
  readonly firmware?: 'efi' | 'pc';
  /** EFI variable LoaderInfo: the boot manager that started this system. */
  readonly loaderInfo?: string;
  /** Entry id in the EFI variable LoaderEntryDefault, which counts before loader.conf. */
  readonly loaderEntryDefault?: string;
  /** Entry id in the EFI variable LoaderEntryLastBooted: what `default @saved` of loader.conf means. */
  readonly loaderEntryLastBooted?: string;
}

/**
 * Reads every source below `root`. A source that fails is a warning; the others still count.
 * @throws E_NOT_FOUND when there is no such folder
 */
export function readCatalogue(request: CatalogueRequest): Catalogue {
  const { root, running } = request;
  if (fileKind(root, '/') !== 'folder')
    throw new KhopError('E_NOT_FOUND', `${root} is no folder that holds a system`, {
      hint: 'Name the folder where its root file system is mounted.',
    });
  const warnings: string[] = [];
  const attempt = <T>(read: () => T, otherwise: T): T => {
    try {
      return read();
    } catch (error) {
      if (!(error instanceof KhopError)) throw error;
      warnings.push(error.message);
      return otherwise;
    }
  };
  const configured = attempt(() => readFileSystems(root), []);
  const fileSystems = [...configured, ...(request.fileSystems ?? [])];
  const grub = attempt(() => readGrub(grubContext(request, fileSystems)), undefined);
  const none: KernelSource = { drafts: [], warnings: [] };
  const sources = [
    attempt(() => readBootEntries(request, fileSystems, grub), none),
    grub ?? none,
    attempt(() => readExtlinux(root, fileSystems), none),
    attempt(() => readBootPairs(root, configured, running?.commandLine), none),
  ];
  warnings.push(...sources.flatMap((source) => source.warnings));
  const drafts = oneDefault(sources.flatMap((source) => source.drafts));
  const merged = merge(drafts.map((draft) => describeKernel(root, draft, running)));
  const kernels = nameKernels(sortAndMark(markRunning(merged, running)));
  return {
    kernels,
    defaultId: kernels.find((kernel) => kernel.isDefault)?.id,
    warnings: [...new Set(warnings)],
  };
}

function grubContext(request: CatalogueRequest, fileSystems: readonly FileSystem[]) {
  const firmware = request.firmware ?? 'efi';
  const cpu = request.running?.architecture === 'arm64' ? 'arm64' : 'x86_64';
  return { root: request.root, fileSystems, firmware, cpu };
}

/** Entries of both types in their menu's order, the default one marked. */
function readBootEntries(
  request: CatalogueRequest,
  fileSystems: readonly FileSystem[],
  grub: GrubReading | undefined,
): KernelSource {
  const { root } = request;
  const isForGrub =
    grub !== undefined && (grub.usesBls || (grub.config === undefined && grub.variables.size > 0));
  const context: BootEntryContext = { root, fileSystems, variables: isForGrub ? grub.variables : undefined };
  const conf = readBootLoaderEntries(context);
  const ukis = readUkiEntries(context);
  const entries = [...conf.entries, ...ukis.entries].sort(compareBootEntries);
  const chosen = chooseEntry(request, fileSystems, grub, entries);
  return {
    drafts: entries.map((entry) => ({ ...entry.draft, isDefault: entry === chosen })),
    warnings: [...conf.warnings, ...ukis.warnings],
  };
}

/** GRUB's own choice where GRUB reads the entries; none where GRUB has a menu without them and nothing says otherwise. */
function chooseEntry(
  request: CatalogueRequest,
  fileSystems: readonly FileSystem[],
  grub: GrubReading | undefined,
  entries: readonly BootEntry[],
): BootEntry | undefined {
  if (grub?.usesBls) return entries.find((entry) => withoutSuffix(entry.id) === grub.defaultBlsEntry);
  const configurations = bootFolders(request.root, fileSystems)
    .map((folder) => readText(request.root, `${folder}/loader/loader.conf`))
    .filter((text) => text !== undefined);
  const hasBootManager = configurations.length > 0 || request.loaderEntryDefault !== undefined;
  const mayBeOfGrub = wasStartedByGrub(request.running?.commandLine ?? '') !== false;
  const hasGrubMenu = (grub?.drafts.length ?? 0) > 0;
  if (hasGrubMenu && !isSystemdBoot(request.loaderInfo) && (mayBeOfGrub || !hasBootManager)) return undefined;
  const variable = request.loaderEntryDefault === undefined ? [] : [request.loaderEntryDefault];
  const lasting = configurations.flatMap((text) => parseLoaderConf(text, request.loaderEntryLastBooted));
  return defaultBootEntry(entries, [...variable, ...lasting]);
}

/** Only one loader starts the machine: the first that names a default. */
function oneDefault(drafts: readonly KernelDraft[]): KernelDraft[] {
  const chosen = drafts.find((draft) => draft.isDefault);
  return drafts.map((draft) => ({ ...draft, isDefault: draft === chosen }));
}

/** Same image, initrds and command line are one kernel: the first description names it, the others are aliases. */
function merge(described: readonly DescribedKernel[]): Kernel[] {
  const merged = new Map<string, Kernel>();
  const images = new Set<string>();
  for (const { kernel, identity, realImage } of described) {
    // A pair in /boot says nothing new of an image that a boot loader knows.
    if (kernel.origin.kind === 'boot-pair' && images.has(realImage)) continue;
    images.add(realImage);
    const known = merged.get(identity);
    if (known === undefined) merged.set(identity, kernel);
    else
      merged.set(identity, {
        ...known,
        aliases: [
          ...new Set([
            ...known.aliases,
            kernel.title,
            ...('entry' in kernel.origin ? [kernel.origin.entry] : []),
          ]),
        ],
        isDefault: known.isDefault || kernel.isDefault,
      });
  }
  return [...merged.values()];
}

/** Of several entries of the running release: the one with the running command line, else the ordinary ones. */
function markRunning(kernels: readonly Kernel[], running: RunningKernel | undefined): Kernel[] {
  const commandLine = withoutLoaderArguments(running?.commandLine ?? '')
    .split(/\s+/)
    .join(' ');
  const candidates = kernels.filter((kernel) => kernel.isRunning);
  const exact = candidates.filter((kernel) => kernel.commandLine.split(/\s+/).join(' ') === commandLine);
  const ordinary = candidates.filter(isOrdinary);
  const marked = new Set([exact, ordinary, candidates].find((some) => some.length > 0));
  return kernels.map((kernel) => ({ ...kernel, isRunning: marked.has(kernel) }));
}

/** Newest first; of one release the ordinary entries first, in the order of their menu. */
function sortAndMark(kernels: readonly Kernel[]): Kernel[] {
  const sorted = kernels.toSorted(
    (a, b) =>
      compareReleases(b.release ?? '', a.release ?? '') || Number(isOrdinary(b)) - Number(isOrdinary(a)),
  );
  const newest = sorted.find(
    (kernel) => kernel.problems.length === 0 && kernel.release !== undefined,
  )?.release;
  return sorted.map((kernel) => ({
    ...kernel,
    isNewest:
      newest !== undefined && kernel.release === newest && kernel.problems.length === 0 && isOrdinary(kernel),
  }));
}

/**
 * The one kernel that `text` means: its id, release, title, path, or the beginning or a part of one of them.
 * @throws E_USAGE when it means several, E_NOT_FOUND when it means none; both name the candidates
 */
export function findKernel(catalogue: Pick<Catalogue, 'kernels'>, text: string): Kernel {
  return findKernelByName(catalogue.kernels, text);
}
