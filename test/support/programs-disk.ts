/**
 * Programs of Debian with their libraries on a disk, for small machines, which have neither.
 * @module
 */
import { copyFileSync, existsSync, mkdirSync, readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { fetchPackage, findWithDependencies, unpackPackage } from '../../src/lab/debian-packages.ts';
import { writeExt4Image } from '../../src/lab/ext4-image.ts';

/** What packages depend on, and programs without a package manager do not. */
const WITHOUT = [
  ...['perl', 'libgcc-s1', 'adduser', 'passwd', 'debconf', 'ucf', 'systemd', 'dpkg', 'procps', 'lsb-base'],
  ...['init-system-helpers', 'runit-helper', 'libpam-runtime', 'libpam-modules', 'openssh-sftp-server'],
];

/**
 * One flat folder, as an image.
 * @param paths of the programs, without a slash in front
 */
export async function programsDisk(
  folder: string,
  packages: readonly string[],
  paths: readonly string[],
): Promise<string> {
  const unpacked = join(folder, 'unpacked');
  const tree = join(folder, 'tree');
  mkdirSync(tree);
  for (const found of await findWithDependencies('bookworm', packages, WITHOUT))
    await unpackPackage(await fetchPackage(found), unpacked);
  for (const path of paths) copyFileSync(join(unpacked, path), join(tree, path.replace(/^.*\//, '')));
  for (const libraries of ['lib/x86_64-linux-gnu', 'usr/lib/x86_64-linux-gnu'].map((at) =>
    join(unpacked, at),
  ))
    if (existsSync(libraries))
      for (const name of readdirSync(libraries).filter((each) => isLibrary(join(libraries, each))))
        copyFileSync(join(libraries, name), join(tree, name));
  const image = join(folder, 'programs.img');
  await writeExt4Image(tree, image, { label: 'programs', spareMib: 8 });
  return image;
}

/** A file, or a link to one. */
function isLibrary(path: string): boolean {
  return /\.so(\.|$)/.test(path) && (statSync(path, { throwIfNoEntry: false })?.isFile() ?? false);
}
