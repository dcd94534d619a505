/**
 * Unmodified Debian kernels by line: image, configuration and modules, unpacked in the cache.
 * @module
 */
import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { KhopError } from '../error.ts';
import type { Architecture } from '../formats/architecture.ts';
import { cachedFolder } from './cache-folder.ts';
import { type DebianPackage, fetchPackage, findPackage, unpackPackage } from './debian-packages.ts';
import type { DebianSuite } from './debian-suite.ts';
import { PLATFORMS } from './platform.ts';

/** The lines of kernels that the lab boots and the parsers are tested on. */
export type KernelLine = '6.1' | '6.12' | '7.2';

export type KernelFlavour = 'amd64' | 'cloud-amd64' | 'arm64' | 'cloud-arm64';

const SUITES = { '6.1': 'bookworm', '6.12': 'trixie', '7.2': 'sid' } as const satisfies Record<
  KernelLine,
  DebianSuite
>;

/** One unpacked kernel. */
export interface LabKernel {
  readonly line: KernelLine;
  readonly flavour: KernelFlavour;
  readonly architecture: Architecture;
  readonly suite: DebianSuite;
  /** Of the packages. */
  readonly version: string;
  /** `uname -r`. */
  readonly release: string;
  readonly image: string;
  readonly config: string;
  /** The folder that is /lib/modules/RELEASE. */
  readonly modules: string;
  /** The .deb files it comes from. */
  readonly packages: readonly string[];
}

/**
 * The kernel of `line`, fetched and unpacked on first use.
 * @throws E_LAB when the archive cannot be reached or has another line by now
 */
export async function labKernel(line: KernelLine, flavour: KernelFlavour = 'amd64'): Promise<LabKernel> {
  const packages = await kernelPackages(line, flavour);
  const debs = await Promise.all(packages.map(fetchPackage));
  const folder = await cachedFolder({
    kind: 'kernel',
    inputs: { recipe: 1, packages: packages.map(({ sha256 }) => sha256) },
    timeoutMs: 300_000,
    build: async (target) => {
      for (const deb of debs) await unpackPackage(deb, target);
    },
  });
  return {
    line,
    flavour,
    architecture: architectureOf(flavour),
    suite: SUITES[line],
    version: packages[0]!.version,
    ...(await describe(folder, line)),
    packages: debs,
  };
}

function architectureOf(flavour: KernelFlavour): Architecture {
  return flavour.endsWith('arm64') ? 'arm64' : 'x86-64';
}

/**
 * What holds the files: up to 6.x linux-image-RELEASE alone, since 7.x linux-binary-RELEASE and
 * linux-modules-RELEASE below it. The meta package linux-image-FLAVOUR names the release.
 */
async function kernelPackages(line: KernelLine, flavour: KernelFlavour): Promise<DebianPackage[]> {
  const suite = SUITES[line];
  const { debian: architecture } = PLATFORMS[architectureOf(flavour)];
  const meta = await findPackage(suite, `linux-image-${flavour}`, architecture);
  const imageName = meta.depends.find((name) => name.startsWith(`linux-image-${line}`));
  if (imageName === undefined)
    throw new KhopError('E_LAB', `Debian ${suite} has no kernel ${line} by now: ${meta.depends.join(', ')}`, {
      hint: 'The lab needs to be taught the suite that carries this line.',
    });
  const image = await findPackage(suite, imageName, architecture);
  const parts = image.depends.filter((name) => /^linux-(binary|modules|base)-\d/.test(name));
  return [image, ...(await Promise.all(parts.map((name) => findPackage(suite, name, architecture))))];
}

async function describe(
  folder: string,
  line: KernelLine,
): Promise<Pick<LabKernel, 'release' | 'image' | 'config' | 'modules'>> {
  const parents = [join(folder, 'usr/lib/modules'), join(folder, 'lib/modules')];
  const releases = await Promise.all(parents.map((parent) => readdir(parent).catch(() => [])));
  const parent = parents[releases.findIndex((names) => names.length > 0)];
  const release = releases.flat()[0] ?? '';
  const modules = join(parent ?? folder, release);
  // Since 7.x Debian keeps the image and its configuration beside the modules and copies them to /boot.
  const image = await firstFile([join(folder, 'boot', `vmlinuz-${release}`), join(modules, 'vmlinuz')]);
  const config = await firstFile([join(folder, 'boot', `config-${release}`), join(modules, 'config')]);
  if (image === undefined || config === undefined)
    throw new KhopError('E_LAB', `the packages of kernel ${line} have an unknown layout: ${folder}`, {
      hint: 'Look at that folder and adapt src/lab/kernel-store.ts.',
    });
  return { release, image, config, modules };
}

async function firstFile(paths: readonly string[]): Promise<string | undefined> {
  for (const path of paths) if ((await stat(path).catch(() => undefined))?.isFile()) return path;
  return undefined;
}
