/**
 * Reading files, links and folders into a tree, so that what is read through links on the machine is read
 * through the same links in the tree.
 * @module
 */
import { lstatSync, readdirSync, readFileSync, readlinkSync, realpathSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import type { TreeNode } from '../../test/support/tree-builder.ts';
import type { Scrubber } from './scrub.ts';

const LINKS_LIMIT = 40;
/** More than any file that is of use in a fixture. */
const SIZE_LIMIT = 256 * 1024;
/** Links of which only the name that they lead to is read. */
const NAMES_ONLY = new Set(['driver', 'module', 'device']);

/** Collects one machine. */
export class Recorder {
  readonly files: Record<string, TreeNode> = {};
  /** What was there and could not be taken, with the reason. */
  readonly left: string[] = [];
  readonly #scrubber: Scrubber;

  constructor(scrubber: Scrubber) {
    this.#scrubber = scrubber;
  }

  #add(path: string, node: TreeNode): void {
    this.files[this.#scrubber.text(path.slice(1))] = node;
  }

  /** One file, link or folder; nothing when it is not there. */
  record(path: string, links = 0): void {
    const parts = path.split('/').filter((part) => part !== '');
    let walked = '/';
    for (const [index, part] of parts.entries()) {
      walked = join(walked, part);
      const status = lstatSync(walked, { throwIfNoEntry: false });
      if (status === undefined || links > LINKS_LIMIT) return;
      // /proc/self leads to this process, which a reader of the tree is not.
      if (!status.isSymbolicLink() || walked === '/proc/self') continue;
      const link = readlinkSync(walked);
      this.#add(walked, { link: this.#scrubber.text(link) });
      const isLast = index === parts.length - 1;
      if (isLast && (NAMES_ONLY.has(part) || walked.startsWith('/dev/'))) return;
      this.record(join(resolve(dirname(walked), link), ...parts.slice(index + 1)), links + 1);
      return;
    }
    this.#recordLeaf(walked);
  }

  #recordLeaf(path: string): void {
    const status = lstatSync(path);
    if (status.isDirectory()) this.#add(`${path}/`, '');
    else if (path.startsWith('/dev/')) this.#add(path, '');
    else if (status.isFile()) this.#recordFile(path);
  }

  #recordFile(path: string): void {
    let bytes: Buffer;
    try {
      bytes = readFileSync(path);
    } catch (error) {
      this.left.push(`${path}: ${(error as NodeJS.ErrnoException).code}`);
      return;
    }
    if (bytes.length > SIZE_LIMIT) this.left.push(`${path}: ${bytes.length} bytes`);
    else if (isText(bytes)) this.#add(path, this.#scrubber.file(path, bytes.toString()));
    else this.#add(path, this.#scrubber.bytes(path, bytes));
  }

  /** The drivers of every folder above a device. */
  recordDriversAbove(path: string): void {
    let folder: string;
    try {
      folder = realpathSync(path);
    } catch {
      return;
    }
    for (; folder.startsWith('/sys/devices/'); folder = dirname(folder))
      this.record(`${folder}/driver/module`);
  }
}

function isText(bytes: Buffer): boolean {
  return !bytes.includes(0) && Buffer.from(bytes.toString()).equals(bytes);
}

/** The paths that a pattern stands for; `*` is any one name. */
export function expandPattern(pattern: string): string[] {
  let found = ['/'];
  for (const part of pattern.split('/').filter((each) => each !== ''))
    found = found.flatMap((folder) =>
      (part === '*' ? namesIn(folder) : [part]).map((name) => join(folder, name)),
    );
  return found;
}

function namesIn(folder: string): string[] {
  try {
    return readdirSync(folder);
  } catch {
    return [];
  }
}
