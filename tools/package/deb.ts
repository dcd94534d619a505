/**
 * The .deb. Its maintainer scripts only tell systemd about the units, and start the one that watches in every boot.
 * @module
 */
import { createHash } from 'node:crypto';
import { chmod, copyFile, cp, mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { runProcess } from '../../src/machine/run-process.ts';
import { VERSION } from '../../src/version.ts';
import { MAINTAINER } from './maintainer.ts';
import type { TargetArch } from './runtime.ts';

const DEBIAN_ARCH = { x64: 'amd64', arm64: 'arm64' } as const;
/** What an administrator may change: dpkg asks before it replaces one. */
const CONFFILES = [
  'etc/khop/khop.conf',
  'etc/kernel/postinst.d/zz-khop',
  'etc/kernel/postrm.d/zz-khop',
  'etc/initramfs/post-update.d/khop',
];
const SCRIPTS = ['postinst', 'prerm', 'postrm'];
const TIMEOUT_MS = 600_000;

/** Packs `work`/tree; the path of the .deb in `dist`. @param xzLevel 0 is fast, 6 is small */
export async function buildDeb(
  root: string,
  work: string,
  dist: string,
  arch: TargetArch,
  epochSeconds: number,
  xzLevel = 6,
): Promise<string> {
  const folder = join(work, 'deb');
  await cp(join(work, 'tree'), folder, { recursive: true, verbatimSymlinks: true, preserveTimestamps: true });
  const control = join(folder, 'DEBIAN');
  await mkdir(control);
  const files = await packagedFiles(folder);
  await writeFile(join(control, 'control'), controlFile(arch, await installedKiB(folder, files)));
  await writeFile(join(control, 'conffiles'), CONFFILES.map((path) => `/${path}\n`).join(''));
  await writeFile(join(control, 'md5sums'), await md5sums(folder, files));
  for (const script of SCRIPTS) {
    await copyFile(join(root, 'packaging/debian', script), join(control, script));
    await chmod(join(control, script), 0o755);
  }
  const deb = join(dist, `khop_${VERSION}_${DEBIAN_ARCH[arch]}.deb`);
  // dpkg-deb takes the times of newer files down to SOURCE_DATE_EPOCH; one xz thread gives one result.
  await runProcess(
    'dpkg-deb',
    ['--root-owner-group', '-Zxz', `-z${xzLevel}`, '--threads-max=1', '--build', folder, deb],
    {
      timeoutMs: TIMEOUT_MS,
      env: { ...process.env, SOURCE_DATE_EPOCH: String(epochSeconds) },
    },
  );
  return deb;
}

function controlFile(arch: TargetArch, installedSize: number): string {
  return `Package: khop
Version: ${VERSION}
Architecture: ${DEBIAN_ARCH[arch]}
Maintainer: ${MAINTAINER}
Installed-Size: ${installedSize}
Depends: libc6 (>= 2.28), libstdc++6, libgcc-s1, libatomic1
Section: admin
Priority: optional
Description: switch a running machine to another kernel
 khop finds the kernels a machine can switch to, says beforehand whether a
 switch will work, loads the kernel through the kexec system calls, shuts the
 system down in good order, jumps, and records how it went.
`;
}

/** Paths of regular files below `folder`, sorted, without the control files. */
async function packagedFiles(folder: string): Promise<string[]> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  return entries
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name).slice(folder.length + 1))
    .filter((path) => !path.startsWith('DEBIAN/'))
    .sort();
}

async function installedKiB(folder: string, files: readonly string[]): Promise<number> {
  const sizes = await Promise.all(files.map(async (path) => (await readFile(join(folder, path))).length));
  return Math.ceil(sizes.reduce((sum, size) => sum + size, 0) / 1024);
}

/** Configuration files are left out: dpkg keeps their sums itself. */
async function md5sums(folder: string, files: readonly string[]): Promise<string> {
  const lines: string[] = [];
  for (const path of files.filter((file) => !file.startsWith('etc/')))
    lines.push(
      `${createHash('md5')
        .update(await readFile(join(folder, path)))
        .digest('hex')}  ${path}\n`,
    );
  return lines.join('');
}
