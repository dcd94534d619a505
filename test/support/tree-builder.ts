/**
 * Trees of /proc, /sys and /etc made for one test: what a machine would show, file by file.
 * @module
 */
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';

/** A file's text or bytes, or where a symbolic link leads. */
export type TreeNode = string | Uint8Array | { readonly link: string };

/** Path without a leading slash, e.g. `proc/cmdline`; one that ends with a slash is an empty folder. */
export type TreeFiles = Readonly<Record<string, TreeNode>>;

/** A folder that is removed when it is disposed. */
export interface BuiltTree extends Disposable {
  readonly root: string;
}

/** Writes the files below a fresh folder. */
export function buildTree(files: TreeFiles): BuiltTree {
  const root = mkdtempSync(join(tmpdir(), 'khop-tree-'));
  for (const [path, node] of Object.entries(files)) {
    const target = join(root, path);
    mkdirSync(path.endsWith('/') ? target : dirname(target), { recursive: true });
    if (path.endsWith('/')) continue;
    if (typeof node === 'string' || node instanceof Uint8Array) writeFileSync(target, node);
    else symlinkSync(node.link, target);
  }
  return { root, [Symbol.dispose]: () => rmSync(root, { recursive: true, force: true }) };
}

/** The files of sysfs attributes in one folder: `prefix('sys/class/dmi/id', {sys_vendor: 'QEMU'})`. */
export function prefix(folder: string, files: TreeFiles): TreeFiles {
  return Object.fromEntries(Object.entries(files).map(([name, node]) => [`${folder}/${name}`, node]));
}
