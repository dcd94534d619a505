/**
 * The command line that a system gives its kernels, where no boot loader's configuration says it: kernel-install's
 * /etc/kernel/cmdline, or GRUB's defaults with the root of /etc/fstab.
 * @module
 */
import { posix } from 'node:path';
import type { FileSystem } from './file-systems.ts';
import { withoutLoaderArguments } from './kernel-draft.ts';
import { listFolder, readText } from './root-folder.ts';

const KERNEL_INSTALL_FILES = ['/etc/kernel/cmdline', '/usr/lib/kernel/cmdline'];
const DEFAULTS = '/etc/default/grub';
const DEFAULTS_FOLDER = '/etc/default/grub.d';

/**
 * `NAME=value` lines as a shell would take them: quotes, back-slashes, `$NAME` of lines before. A value with a
 * command substitution is left out, as nothing is executed here.
 */
export function parseShellAssignments(text: string, values: Map<string, string>): void {
  for (const [, name = '', raw = ''] of text.matchAll(
    /^[ \t]*(?:export[ \t]+)?([A-Za-z_]\w*)=((?:"(?:[^"\\]|\\[^])*"|'[^']*'|\\[^]|[^\s"'\\;#])*)/gm,
  )) {
    if (/`|\$\(/.test(raw)) continue;
    const pieces = raw.match(/"(?:[^"\\]|\\[^])*"|'[^']*'|(?:\\[^]|[^"'\\])+/g) ?? [];
    const value = pieces.map((piece) => {
      if (piece.startsWith("'")) return piece.slice(1, -1);
      const inner = piece.startsWith('"') ? piece.slice(1, -1) : piece;
      return inner.replace(
        /\\([^])|\$(?:\{(\w+)\}|(\w+))/g,
        (_, escaped?: string, braced?: string, bare?: string) =>
          escaped === undefined ? (values.get(braced ?? bare ?? '') ?? '') : escaped === '\n' ? '' : escaped,
      );
    });
    values.set(name, value.join('').slice(0, VALUE_LIMIT));
  }
}

/** A value that doubles itself in each line must not fill the memory. */
const VALUE_LIMIT = 64 * 1024;

/** Undefined when the system does not say. @throws E_UNREADABLE */
export function readDefaultCommandLine(root: string, fileSystems: readonly FileSystem[]): string | undefined {
  for (const path of KERNEL_INSTALL_FILES) {
    const text = readText(root, path);
    if (text !== undefined) return withoutLoaderArguments(text.replace(/\s+/g, ' '));
  }
  const rootFileSystem = fileSystems.find((one) => one.mountPoint === '/');
  const defaults = readText(root, DEFAULTS);
  if (rootFileSystem === undefined || defaults === undefined) return undefined;
  const values = new Map<string, string>();
  parseShellAssignments(defaults, values);
  for (const name of listFolder(root, DEFAULTS_FOLDER).filter((one) => one.endsWith('.cfg')))
    parseShellAssignments(readText(root, posix.join(DEFAULTS_FOLDER, name)) ?? '', values);
  const device = rootFileSystem.names.find((name) => name.startsWith('UUID=')) ?? rootFileSystem.names[0];
  const subvolume = rootFileSystem.subvolume?.slice(1);
  return [
    `root=${device}`,
    'ro',
    subvolume ? `rootflags=subvol=${subvolume}` : '',
    values.get('GRUB_CMDLINE_LINUX') ?? '',
    values.get('GRUB_CMDLINE_LINUX_DEFAULT') ?? '',
  ]
    .map((part) => part.trim())
    .filter((part) => part !== '')
    .join(' ');
}
