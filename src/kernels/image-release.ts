/**
 * What `uname -r` of an image will say, from as few of its bytes as possible.
 * @module
 */
import { isBzImage } from '../formats/bzimage.ts';
import { fileKind, OpenFile } from './root-folder.ts';

/** boot.rst, kernel_version: a pointer relative to 0x200, valid below the setup sectors. */
const KERNEL_VERSION = 0x20e;
const SETUP_LIMIT = 65 * 512;

/** What the header says, else `stated`; undefined when neither does. Never throws for a file that is no image. */
export function releaseOfImage(root: string, path: string, stated: string | undefined): string | undefined {
  if (fileKind(root, path) === 'absent') return stated;
  try {
    using file = OpenFile.open(root, path);
    const setup = file.read(0, SETUP_LIMIT);
    if (!isBzImage(setup)) return stated;
    const at = (setup[KERNEL_VERSION]! | (setup[KERNEL_VERSION + 1]! << 8)) + 0x200;
    const text = Buffer.from(setup.subarray(at, at + 256)).toString('latin1');
    return /^([\x21-\x7e]+) /.exec(text)?.[1] ?? stated;
  } catch {
    // The catalogue says separately that the image cannot be read.
    return stated;
  }
}
