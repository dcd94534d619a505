/**
 * All kernels of a system, from whatever describes them, each once.
 * @module
 */
import { join } from 'node:path';
import { KhopError } from '../error.ts';
import { readBootLoaderEntries } from './boot-loader-spec.ts';
import { readBootPairs } from './boot-pairs.ts';
import type { RunningKernel } from './by-path.ts';
import { readGrubMenu } from './grub/grub-menu.ts';
import { releaseOfImage } from './image-release.ts';
import type { Kernel } from './kernel.ts';
import type { KernelDraft } from './kernel-draft.ts';
import { compareReleases, compareText } from './release-order.ts';
import { fileKind, hostPathOf } from './root-folder.ts';

/** The answer of `khop list`. */
export interface Catalogue {
  /** Newest first. */
  readonly kernels: readonly Kernel[];
  /** Sentences about what could not be read or understood. */
  readonly warnings: readonly string[];
}

/** Reads every source below `root`. A source that fails is a warning; the others still count. */
export function readCatalogue(options: {
  readonly root: string;
  readonly running: RunningKernel | undefined;
}): Catalogue {
  const { root, running } = options;
  const warnings: string[] = [];
  const drafts: KernelDraft[] = [];
  for (const read of [
    () => readBootLoaderEntries(root),
    () => readGrubMenu(root),
    () => readBootPairs(root, running?.commandLine),
  ]) {
    try {
      const source = read();
      drafts.push(...source.drafts);
      warnings.push(...source.warnings);
    } catch (error) {
      if (!(error instanceof KhopError)) throw error;
      warnings.push(error.message);
    }
  }
  return { kernels: nameAll(mark(merge(root, drafts, running))), warnings };
}

/** Same image, initrds and command line are one kernel; the first description gives it its name. */
function merge(root: string, drafts: readonly KernelDraft[], running: RunningKernel | undefined): Kernel[] {
  const merged = new Map<string, Kernel>();
  for (const draft of drafts) {
    const kernel = describe(root, draft, running);
    // A pair in /boot says nothing new about an image that a boot loader knows.
    const isKnown =
      draft.origin.kind === 'boot-pair' && [...merged.values()].some((each) => each.image === kernel.image);
    if (isKnown) continue;
    const key = JSON.stringify([kernel.image, kernel.initrds, kernel.commandLine]);
    const known = merged.get(key);
    if (known === undefined) merged.set(key, kernel);
    else
      merged.set(key, {
        ...known,
        aliases: [...known.aliases, kernel.title],
        isDefault: known.isDefault || kernel.isDefault,
      });
  }
  return [...merged.values()];
}

function describe(root: string, draft: KernelDraft, running: RunningKernel | undefined): Kernel {
  const release = releaseOfImage(root, draft.image, draft.version);
  const modules = release === undefined ? undefined : `/lib/modules/${release}`;
  const config = release === undefined ? undefined : `/boot/config-${release}`;
  const onHost = (path: string) => (root === '/' ? path : hostPathOf(root, path));
  const present = (path: string | undefined) =>
    path === undefined || fileKind(root, path) === 'absent' ? undefined : onHost(path);
  const missing = [
    draft.image,
    ...draft.initrds,
    ...(draft.deviceTree === undefined ? [] : [draft.deviceTree]),
  ]
    .filter((path) => fileKind(root, path) !== 'file')
    .map((path) => `${path} ${fileKind(root, path) === 'absent' ? 'does not exist' : 'is not a file'}`);
  return {
    id: '',
    title: draft.title,
    release,
    image: join(onHost(draft.image)),
    initrds: draft.initrds.map(onHost),
    commandLine: draft.commandLine,
    deviceTree: draft.deviceTree === undefined ? undefined : onHost(draft.deviceTree),
    modules: present(modules),
    config: present(config),
    origin: draft.origin,
    aliases: [],
    isRunning: running !== undefined && release === running.release,
    isDefault: draft.isDefault,
    isNewest: false,
    problems: [...draft.problems, ...missing],
  };
}

/** Newest first; of one release, the default first and recovery entries last. */
function mark(kernels: readonly Kernel[]): Kernel[] {
  const sorted = kernels.toSorted(
    (a, b) =>
      compareReleases(b.release ?? '', a.release ?? '') ||
      Number(b.isDefault) - Number(a.isDefault) ||
      a.commandLine.length - b.commandLine.length ||
      compareText(a.title, b.title),
  );
  const newest = sorted.find((kernel) => kernel.problems.length === 0)?.release;
  return sorted.map((kernel) => ({ ...kernel, isNewest: newest !== undefined && kernel.release === newest }));
}

/** The release where it is the only or first of its kind, else release#2, #3, ... */
function nameAll(kernels: readonly Kernel[]): Kernel[] {
  const counts = new Map<string, number>();
  return kernels.map((kernel) => {
    const base = kernel.release ?? kernel.title.replaceAll(/\s+/g, '-');
    const count = (counts.get(base) ?? 0) + 1;
    counts.set(base, count);
    return { ...kernel, id: count === 1 ? base : `${base}#${count}` };
  });
}

/**
 * The one kernel that `text` means: by id, release, title, or the start or a part of one of them.
 * @throws E_NOT_FOUND, E_USAGE when it is ambiguous; both name the candidates
 */
export function findKernel(catalogue: Catalogue, text: string): Kernel {
  const wanted = text.toLowerCase();
  const names = (kernel: Kernel) =>
    [kernel.id, kernel.title, ...kernel.aliases].map((name) => name.toLowerCase());
  const tests: ((kernel: Kernel) => boolean)[] = [
    (kernel) => kernel.id === text,
    (kernel) => names(kernel).includes(wanted),
    (kernel) => startsAsVersion(kernel.id, text),
    (kernel) => names(kernel).some((name) => name.includes(wanted)),
  ];
  for (const test of tests) {
    const found = catalogue.kernels.filter(test);
    // Of several entries for one release, the first is the ordinary one.
    const releases = new Set(found.map((kernel) => kernel.release ?? kernel.id));
    if (releases.size === 1) return found[0]!;
    if (found.length > 1)
      throw new KhopError('E_USAGE', `"${text}" means several kernels: ${list(found)}`, {
        hint: 'Name one of them by its id.',
      });
  }
  throw new KhopError(
    'E_NOT_FOUND',
    `no kernel here is called "${text}"; there are: ${list(catalogue.kernels)}`,
    {
      hint: 'Name one of these ids, or a path with a slash in it.',
    },
  );
}

/** `6.1` starts 6.1.0-56 but not 6.12.9. */
function startsAsVersion(id: string, text: string): boolean {
  return id.startsWith(text) && !/^[0-9]/.test(id.slice(text.length));
}

function list(kernels: readonly Kernel[]): string {
  return kernels.length === 0 ? 'none' : kernels.map((kernel) => kernel.id).join(', ');
}
