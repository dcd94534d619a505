/**
 * From a description to a kernel: looks at the files that it names.
 * @module
 */
import { posix } from 'node:path';
import { KhopError } from '../error.ts';
import type { Architecture } from '../formats/architecture.ts';
import { nameOfImage } from './boot-pairs.ts';
import { type ImageHeader, readImageHeader } from './image-header.ts';
import type { Kernel } from './kernel.ts';
import type { KernelDraft } from './kernel-draft.ts';
import { fileKind, hostPathOf, OpenFile, resolveInRoot } from './root-folder.ts';

/** What is known of the running system. */
export interface RunningKernel {
  readonly release: string;
  readonly commandLine: string;
  readonly architecture: Architecture;
}

/** Names that boot loader entries give the processors, in lower case (UEFI 2.10, 3.5.1.1). */
const ARCHITECTURE_NAMES = new Map<string, Architecture>([
  ['x64', 'x86-64'],
  ['aa64', 'arm64'],
]);

/** A kernel without what only the whole catalogue can tell: its id and marks. */
export interface DescribedKernel {
  readonly kernel: Kernel;
  /** Equal for descriptions that start the same: real paths and command line. */
  readonly identity: string;
  /** Real path of the image. */
  readonly realImage: string;
}

/** Never throws for what is wrong with a file: that is one of the kernel's problems. */
export function describeKernel(
  root: string,
  draft: KernelDraft,
  running: RunningKernel | undefined,
): DescribedKernel {
  const problems = [...draft.problems];
  const header = checkImage(root, draft, running, problems);
  for (const path of draft.initrds) checkFile(root, 'initrd', path, problems);
  if (draft.deviceTree !== undefined) checkFile(root, 'device tree', draft.deviceTree, problems);
  const release = header?.release ?? releaseByName(draft);
  const onHost = (path: string): string => (root === '/' ? path : safely(() => hostPathOf(root, path), path));
  const existing = (paths: readonly string[], kind: 'file' | 'folder'): string | undefined => {
    const found = paths.find((path) => fileKind(root, path) === kind);
    return found === undefined ? undefined : onHost(found);
  };
  const modules = release === undefined ? [] : [`/lib/modules/${release}`, `/usr/lib/modules/${release}`];
  // Beside the image first, as its package puts it: to look into the image would mean to unpack it.
  const folders = [posix.dirname(draft.image), '/boot'];
  const configs =
    release === undefined
      ? []
      : [...folders.map((one) => `${one}/config-${release}`), ...modules.map((one) => `${one}/config`)];
  const real = (path: string): string => safely(() => resolveInRoot(root, path), path);
  const realImage = real(draft.image);
  const kernel: Kernel = {
    id: '',
    title: draft.title,
    release,
    image: onHost(draft.image),
    initrds: draft.initrds.map(onHost),
    commandLine: draft.commandLine,
    deviceTree: draft.deviceTree === undefined ? undefined : onHost(draft.deviceTree),
    modules: existing(modules, 'folder'),
    config: existing(configs, 'file'),
    origin: draft.origin,
    aliases: [],
    isRunning: running !== undefined && release === running.release,
    isDefault: draft.isDefault,
    isNewest: false,
    problems: [...new Set(problems)],
  };
  const commandLine = draft.commandLine.split(/\s+/).join(' ');
  const identity = JSON.stringify([
    realImage,
    draft.initrds.map(real),
    real(draft.deviceTree ?? ''),
    commandLine,
  ]);
  return { kernel, identity, realImage };
}

function safely(compute: () => string, otherwise: string): string {
  try {
    return compute();
  } catch (error) {
    if (error instanceof KhopError) return otherwise;
    throw error;
  }
}

/** The image's header; undefined with a problem noted when it has none. */
function checkImage(
  root: string,
  draft: KernelDraft,
  running: RunningKernel | undefined,
  problems: string[],
): ImageHeader | undefined {
  const { image } = draft;
  if (!checkFile(root, 'image', image, problems)) return undefined;
  let header: ImageHeader;
  try {
    header = readImageHeader(root, image);
  } catch (error) {
    if (!(error instanceof KhopError)) throw error;
    problems.push(error.message);
    return undefined;
  }
  const { kind, release } = header;
  if (kind === 'unknown') problems.push(`${image} is no kernel image that khop knows`);
  if (kind === 'pe') problems.push(`${image} is an EFI program, not a Linux kernel`);
  if (release !== undefined && !/^\d/.test(release))
    problems.push(`${image} is no Linux kernel (it is ${release})`);
  const stated = draft.architecture?.toLowerCase();
  const named = stated === undefined ? undefined : (ARCHITECTURE_NAMES.get(stated) ?? 'other');
  const architecture = header.architecture ?? named;
  if (running !== undefined && architecture !== undefined && architecture !== running.architecture)
    problems.push(
      `${image} is for ${architecture === 'other' ? 'another processor' : architecture}, this machine is ${running.architecture}`,
    );
  return header;
}

/** Whether there is a file that can be opened and has bytes in it. */
function checkFile(root: string, what: string, path: string, problems: string[]): boolean {
  try {
    using file = OpenFile.open(root, path);
    if (file.size === 0) problems.push(`${what} ${path} is empty`);
    return file.size > 0;
  } catch (error) {
    if (!(error instanceof KhopError)) throw error;
    problems.push(
      error.code === 'E_NOT_FOUND' ? `${what} ${path} does not exist` : `${what} ${path}: ${error.message}`,
    );
    return false;
  }
}

/** What the description or the file's name says; a name such as `linux-lts` says nothing of the release. */
function releaseByName(draft: KernelDraft): string | undefined {
  const name = nameOfImage(posix.basename(draft.image));
  return [name, draft.version].find((text) => text !== undefined && /^\d+\.\d+/.test(text));
}
