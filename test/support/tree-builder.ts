/**
 * Trees of /proc, /sys and /etc made for one test: what a machine would show, file by file.
 * @module
 */
import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
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

/** Writes the files below `root`, in the place of those that are there. */
export function writeTree(root: string, files: TreeFiles): void {
  for (const [path, node] of Object.entries(files)) {
    const target = join(root, path);
    mkdirSync(path.endsWith('/') ? target : dirname(target), { recursive: true });
    if (path.endsWith('/')) continue;
    if (typeof node === 'string' || node instanceof Uint8Array) writeFileSync(target, node);
    else symlinkSync(node.link, target);
  }
}

/** Writes the files below a fresh folder. */
export function buildTree(files: TreeFiles): BuiltTree {
  const root = mkdtempSync(join(tmpdir(), 'khop-tree-'));
  writeTree(root, files);
  return { root, [Symbol.dispose]: () => rmSync(root, { recursive: true, force: true }) };
}

/** The files of sysfs attributes in one folder: `prefix('sys/class/dmi/id', {sys_vendor: 'QEMU'})`. */
export function prefix(folder: string, files: TreeFiles): TreeFiles {
  return Object.fromEntries(Object.entries(files).map(([name, node]) => [`${folder}/${name}`, node]));
}

/** A tree as JSON: bytes that are no text are `{base64}`. Written by tools/record-machine.ts. */
type RecordedNode = string | { readonly link: string } | { readonly base64: string };

/** The tree that a file of test/fixtures/machines holds. */
export function readRecordedTree(path: string): TreeFiles {
  const recorded = JSON.parse(readFileSync(path, 'utf8')) as Readonly<Record<string, RecordedNode>>;
  return Object.fromEntries(
    Object.entries(recorded).map(([name, node]) => [
      name,
      typeof node === 'object' && 'base64' in node ? Buffer.from(node.base64, 'base64') : node,
    ]),
  );
}

/** The JSON of a tree, sorted by path. */
export function encodeRecordedTree(files: TreeFiles): string {
  const nodes = Object.entries(files)
    .toSorted(([a], [b]) => (a < b ? -1 : 1))
    .map(([name, node]): [string, RecordedNode] => [
      name,
      node instanceof Uint8Array ? { base64: Buffer.from(node).toString('base64') } : node,
    ]);
  return `${JSON.stringify(Object.fromEntries(nodes), null, 1)}\n`;
}
