/**
 * Naming kernels: an id for each, and from what a person typed back to one.
 * @module
 */
import { KhopError } from '../error.ts';
import type { Kernel } from './kernel.ts';

/** `6.1.0-50-amd64` where that is enough; `-recovery`, the origin or the entry's name where it is not. */
export function nameKernels(kernels: readonly Kernel[]): Kernel[] {
  const taken = new Set<string>();
  const choose = (candidates: readonly string[]): string => {
    const free = candidates.find((candidate) => !taken.has(candidate.toLowerCase()));
    let id = free ?? candidates.at(-1) ?? 'kernel';
    for (let count = 2; taken.has(id.toLowerCase()); count++) id = `${candidates.at(-1)}-${count}`;
    taken.add(id.toLowerCase());
    return id;
  };
  // Those whose short name nobody else claims come first, so that a new entry does not rename an old one.
  const bases = kernels.map(baseName);
  const isAlone = (index: number): boolean => bases.filter((base) => base === bases[index]).length === 1;
  const ids = new Map<number, string>();
  for (const index of kernels.keys()) if (isAlone(index)) ids.set(index, choose([bases[index] ?? '']));
  return kernels.map((kernel, index) => ({
    ...kernel,
    id: ids.get(index) ?? choose(longerNames(kernel, bases[index] ?? '')),
  }));
}

/** The snapshot that an entry starts from, as snapper's menus and its own command line name it. */
function snapshotOf(kernel: Kernel): string | undefined {
  return /(?:^|[ ,=])(?:rootflags=\S*)?subvol=\S*\.snapshots\/(\w+)\/snapshot/.exec(kernel.commandLine)?.[1];
}

/** Whether the entry starts the usual system: neither a rescue system nor a snapshot of an earlier state. */
export function isOrdinary(kernel: Kernel): boolean {
  return !isRecovery(kernel) && snapshotOf(kernel) === undefined;
}

function isRecovery(kernel: Kernel): boolean {
  return (
    /\b(?:recovery|rescue|fallback|emergency)\b/i.test(`${kernel.title} ${entryOf(kernel)}`) ||
    /(?:^|\s)(?:single|rescue|emergency|1|s|S|systemd\.unit=rescue\.target|systemd\.unit=emergency\.target)(?:\s|$)/.test(
      kernel.commandLine,
    )
  );
}

function entryOf(kernel: Kernel): string {
  const { origin } = kernel;
  return 'entry' in origin ? origin.entry : '';
}

function slug(text: string): string {
  return text
    .toLowerCase()
    .replace(/\.(?:conf|efi)$/, '')
    .replace(/[^a-z0-9._+-]+/g, '-')
    .replace(/^-+|-+$/g, '')
    .slice(0, 60);
}

function baseName(kernel: Kernel): string {
  if (kernel.release === undefined) return slug(kernel.title) || 'kernel';
  const snapshot = snapshotOf(kernel);
  const base = snapshot === undefined ? kernel.release : `${kernel.release}-snapshot-${snapshot}`;
  return isRecovery(kernel) ? `${base}-recovery` : base;
}

/** Names for one of several kernels of the same base. */
function longerNames(kernel: Kernel, base: string): string[] {
  const ofOrigin = `${base}-${kernel.origin.kind === 'boot-pair' ? 'pair' : kernel.origin.kind}`;
  const entry = slug(entryOf(kernel) || kernel.title);
  return [ofOrigin, entry === '' ? ofOrigin : entry.includes(base) ? entry : `${base}-${entry}`];
}

/** The last part of a path without its folders: what many a person types. */
function fileName(path: string): string {
  return path.slice(path.lastIndexOf('/') + 1);
}

/** Every way of naming a kernel exactly. */
function exactNames(kernel: Kernel): string[] {
  return [
    kernel.title,
    entryOf(kernel),
    withoutConf(entryOf(kernel)),
    kernel.image,
    fileName(kernel.image),
  ].concat(kernel.aliases);
}

function withoutConf(entry: string): string {
  return entry.replace(/\.(?:conf|efi)$/i, '');
}

/** Whether `text` stands in `name` at `place` without cutting a number in two: `6.1` is in 6.1.0-56, not in 6.12.9 or 16.1. */
function standsAt(name: string, text: string, place: number): boolean {
  const cuts = (before: string, after: string): boolean => /\d$/.test(before) && /^\d/.test(after);
  const end = place + text.length;
  return name.startsWith(text, place) && !cuts(name.slice(0, place), text) && !cuts(text, name.slice(end));
}

function begins(name: string, text: string): boolean {
  return standsAt(name, text, 0);
}

function isPartOf(name: string, text: string): boolean {
  for (let place = name.indexOf(text); place >= 0; place = name.indexOf(text, place + 1))
    if (standsAt(name, text, place)) return true;
  return false;
}

/**
 * The one kernel that `text` means: its id; the release, title, entry or path; the beginning or a part of one that
 * cuts no number in two. Of several entries of one release, the one that is neither for recovery nor a snapshot.
 * @throws E_USAGE when it means several, E_NOT_FOUND when it means none; both name the candidates
 */
export function findKernelByName(kernels: readonly Kernel[], text: string): Kernel {
  const wanted = text.toLowerCase();
  const lower = (names: readonly string[]): string[] => names.map((name) => name.toLowerCase());
  const names = (kernel: Kernel): string[] => lower([kernel.id, kernel.release ?? '', ...exactNames(kernel)]);
  const steps: ((kernel: Kernel) => boolean)[] = [
    (kernel) => kernel.id === text,
    (kernel) => kernel.release === text,
    (kernel) => names(kernel).includes(wanted),
    (kernel) => begins(kernel.id.toLowerCase(), wanted),
    (kernel) => names(kernel).some((name) => begins(name, wanted)),
    (kernel) => names(kernel).some((name) => isPartOf(name, wanted)),
  ];
  for (const step of wanted === '' ? [] : steps) {
    const found = kernels.filter(step);
    const ordinary = found.filter(isOrdinary);
    const [first, ...others] = ordinary.length > 0 ? ordinary : found;
    if (first === undefined) continue;
    if (others.length === 0) return first;
    throw new KhopError('E_USAGE', `"${text}" means several kernels: ${listIds([first, ...others])}`, {
      hint: 'Name one of them by its id.',
    });
  }
  throw new KhopError('E_NOT_FOUND', `no kernel here is called "${text}"`, {
    hint: suggest(kernels, wanted),
  });
}

function suggest(kernels: readonly Kernel[], wanted: string): string {
  if (kernels.length === 0) return 'No kernel was found; name an image, a .deb or a build tree by its path.';
  const [nearest] = kernels
    .map((kernel) => ({ id: kernel.id, distance: editDistance(kernel.id.toLowerCase(), wanted) }))
    .sort((a, b) => a.distance - b.distance);
  const isNear = nearest !== undefined && nearest.distance <= Math.max(2, wanted.length / 3);
  return `${isNear ? `Did you mean ${nearest.id}? ` : ''}There are: ${listIds(kernels)}.`;
}

function listIds(kernels: readonly Kernel[]): string {
  const shown = kernels.slice(0, 12).map((kernel) => kernel.id);
  return (
    shown.join(', ') + (kernels.length > shown.length ? `, and ${kernels.length - shown.length} more` : '')
  );
}

/** Levenshtein's distance, for texts of at most 80 characters. */
function editDistance(a: string, b: string): number {
  const [x, y] = [a.slice(0, 80), b.slice(0, 80)];
  let previous = Array.from({ length: y.length + 1 }, (_, index) => index);
  for (const [row, character] of [...x].entries()) {
    const current = [row + 1];
    for (const [column, other] of [...y].entries())
      current.push(
        Math.min(
          (previous[column + 1] ?? 0) + 1,
          (current[column] ?? 0) + 1,
          (previous[column] ?? 0) + (character === other ? 0 : 1),
        ),
      );
    previous = current;
  }
  return previous.at(-1) ?? 0;
}
