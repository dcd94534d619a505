/**
 * The files of an installed khop, below one folder: what the .deb and the tarball both hold.
 * @module
 */
import { chmod, copyFile, lutimes, mkdir, readdir, readFile, symlink, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { VERSION } from '../../src/version.ts';
import { MAINTAINER } from './maintainer.ts';
import type { Runtime } from './runtime.ts';

const LAB_SCRIPTS = ['guest-agent.sh', 'small-init.sh', 'full-image-hook.sh'];

/** From the project's folder to the installed one, as they are. */
const COPIED: Readonly<Record<string, string>> = {
  'packaging/khop-arrive.service': 'usr/lib/systemd/system/khop-arrive.service',
  'packaging/khop-crash-hooks.service': 'usr/lib/systemd/system/khop-crash-hooks.service',
  'packaging/khop-guard.service': 'usr/lib/systemd/system/khop-guard.service',
  'packaging/khop-guard-again.path': 'usr/lib/systemd/system/khop-guard-again.path',
  'packaging/khop-guard-again.service': 'usr/lib/systemd/system/khop-guard-again.service',
  'packaging/khop-guard-network.service': 'usr/lib/systemd/system/khop-guard-network.service',
  'packaging/khop-guard-on.path': 'usr/lib/systemd/system/khop-guard-on.path',
  'packaging/khop-guard.timer': 'usr/lib/systemd/system/khop-guard.timer',
  'packaging/99-khop-guard.rules': 'usr/lib/udev/rules.d/99-khop-guard.rules',
  'packaging/khop-measure.service': 'usr/lib/systemd/system/khop-measure.service',
  'packaging/khop-trial.service': 'usr/lib/systemd/system/khop-trial.service',
  'packaging/khop-trial-asked.service': 'usr/lib/systemd/system/khop-trial-asked.service',
  'packaging/khop.conf': 'etc/khop/khop.conf',
  'completions/khop.bash': 'usr/share/bash-completion/completions/khop',
  'completions/khop.zsh': 'usr/share/zsh/vendor-completions/_khop',
  'completions/khop.fish': 'usr/share/fish/vendor_completions.d/khop.fish',
  'packaging/debian/lintian-overrides': 'usr/share/lintian/overrides/khop',
  'README.md': 'usr/share/doc/khop/README.md',
  'docs/checks.md': 'usr/share/doc/khop/checks.md',
  'docs/errors.md': 'usr/share/doc/khop/errors.md',
  'docs/trial-checks.md': 'usr/share/doc/khop/trial-checks.md',
  ...Object.fromEntries(LAB_SCRIPTS.map((name) => [`src/lab/${name}`, `usr/lib/khop/lab/${name}`])),
};

/** What these units load would take the place of the panic kernel of a trial. */
const KEPT_OFF_TRIALS = ['kdump-tools.service', 'kdump.service'];

/** Run by package managers when a kernel or its initramfs comes, changes or goes. */
const HOOKS: Readonly<Record<string, string>> = {
  'packaging/khop-prepare-hook': 'usr/lib/khop/prepare-hook',
  'packaging/95-khop.install': 'usr/lib/kernel/install.d/95-khop.install',
};

/** Configuration files of their own, so that an administrator can take them away; what each calls the hook for. */
const HOOK_CALLERS: Readonly<Record<string, string>> = {
  'etc/kernel/postinst.d/zz-khop': 'add',
  'etc/kernel/postrm.d/zz-khop': 'remove',
  'etc/initramfs/post-update.d/khop': 'add',
};

function hookCaller(event: string): string {
  return `#!/bin/sh\n[ ! -x /usr/lib/khop/prepare-hook ] || exec /usr/lib/khop/prepare-hook ${event} "$@"\n`;
}

/** Compressed, as Debian's policy wants manuals and changelogs. */
const COMPRESSED: Readonly<Record<string, string>> = {
  'man/khop.8': 'usr/share/man/man8/khop.8.gz',
  'man/khop.conf.5': 'usr/share/man/man5/khop.conf.5.gz',
  'CHANGELOG.md': 'usr/share/doc/khop/NEWS.gz',
};

/** @param epochSeconds the time every file gets */
export async function layOutTree(
  root: string,
  executable: string,
  runtime: Runtime,
  tree: string,
  epochSeconds: number,
): Promise<void> {
  const put = async (bytes: string | Uint8Array, to: string, mode = 0o644): Promise<void> => {
    await mkdir(dirname(join(tree, to)), { recursive: true });
    await writeFile(join(tree, to), bytes);
    await chmod(join(tree, to), mode);
  };
  for (const [from, to] of Object.entries(COPIED)) await put(await readFile(join(root, from)), to);
  for (const unit of KEPT_OFF_TRIALS)
    await put(
      await readFile(join(root, 'packaging/not-on-trial.conf')),
      `usr/lib/systemd/system/${unit}.d/khop-trial.conf`,
    );
  for (const [from, to] of Object.entries(HOOKS)) await put(await readFile(join(root, from)), to, 0o755);
  for (const [path, event] of Object.entries(HOOK_CALLERS)) await put(hookCaller(event), path, 0o755);
  for (const [from, to] of Object.entries(COMPRESSED))
    await put(gzipSync(await readFile(join(root, from)), { level: 9 }), to);
  await put(gzipSync(debianChangelog(epochSeconds), { level: 9 }), 'usr/share/doc/khop/changelog.gz');
  await put(await copyright(root, runtime), 'usr/share/doc/khop/copyright');
  await put(await readFile(runtime.koffi), 'usr/lib/khop/koffi.node');
  await copyFile(executable, join(tree, 'usr/lib/khop/khop'));
  await chmod(join(tree, 'usr/lib/khop/khop'), 0o755);
  await mkdir(join(tree, 'usr/bin'), { recursive: true });
  await symlink('../lib/khop/khop', join(tree, 'usr/bin/khop'));
  await normalise(tree, epochSeconds);
}

/** The form that dpkg's tools read; what changed is in NEWS. */
function debianChangelog(epochSeconds: number): string {
  const date = new Date(epochSeconds * 1000).toUTCString().replace('GMT', '+0000');
  return `khop (${VERSION}) unstable; urgency=medium\n\n  * See NEWS.gz.\n\n -- ${MAINTAINER}  ${date}\n`;
}

/** khop's licence and those of what is inside the executable. */
async function copyright(root: string, runtime: Runtime): Promise<string> {
  const parts = [
    ['khop', join(root, 'LICENSE')],
    ['koffi', join(root, 'node_modules/koffi/LICENSE.txt')],
    ['commander', join(root, 'node_modules/commander/LICENSE')],
    ['valibot', join(root, 'node_modules/valibot/LICENSE.md')],
    ['Node.js and what it contains', runtime.nodeLicence],
  ] as const;
  const texts: string[] = [`khop ${VERSION} holds the following software under the following licences.\n`];
  for (const [name, file] of parts)
    texts.push(`${'='.repeat(78)}\n${name}\n\n${(await readFile(file, 'utf8')).trimEnd()}\n`);
  return texts.join('\n');
}

/** Same times and folder modes whatever the umask and the hour. */
async function normalise(folder: string, epochSeconds: number): Promise<void> {
  for (const entry of await readdir(folder, { withFileTypes: true })) {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) await normalise(path, epochSeconds);
    else await lutimes(path, epochSeconds, epochSeconds);
  }
  await chmod(folder, 0o755);
  await lutimes(folder, epochSeconds, epochSeconds);
}
