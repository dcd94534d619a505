/**
 * What is put behind the initrd of a kernel on trial: an archive with the first act and all that it needs. The
 * distribution's own files are not touched; `rdinit=` of the command line names the program.
 * @module
 */
import type { CpioEntry } from '../../formats/cpio.ts';
import {
  cpioDevice,
  cpioFile,
  cpioFolder,
  cpioHardLink,
  encodeCpioPieces,
} from '../../formats/cpio-writer.ts';
import type { NamedPieces } from '../../formats/named-bytes.ts';
import { firstAct } from './first-act.ts';
import { FIRST_ACT_PATH, type FirstActOrder } from './first-act-order.ts';
import { KERNEL_LOG_NODE } from './kernel-log.ts';

/** The archive, not compressed; it has to begin at a multiple of 4 bytes behind what is there (`joinInitrds`). */
export function trialArchive(order: FirstActOrder): NamedPieces {
  const { folders, files } = firstAct(order);
  const entries: CpioEntry[] = [];
  for (const { path, bytes } of files) {
    // Panic kernel and known-good kernel are often one image, and come home with one initramfs.
    const same = entries.find(({ bytes: known }) => areSame(known, bytes));
    const name = nameOf(path);
    entries.push(
      same === undefined
        ? cpioFile(name, bytes, path === FIRST_ACT_PATH ? 0o755 : 0o600)
        : cpioHardLink(name, same),
    );
  }
  return {
    name: 'khop’s first act',
    pieces: encodeCpioPieces([
      ...folders.map((path) => cpioFolder(nameOf(path), 0o700)),
      cpioDevice(nameOf(KERNEL_LOG_NODE), 'character', 1, 11),
      ...entries,
    ]),
  };
}

/** What comes from one mapping need not be compared, and what differs in size is not. */
function areSame(a: Uint8Array, b: Uint8Array): boolean {
  return a === b || (a.length === b.length && Buffer.compare(a, b) === 0);
}

function nameOf(path: string): string {
  return path.slice(1);
}
