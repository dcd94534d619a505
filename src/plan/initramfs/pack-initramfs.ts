/**
 * Entries as an initramfs again: the early archives untouched, then one archive with everything else.
 * Documentation/driver-api/early-userspace/buffer-format.rst.
 * @module
 */
import { KhopError } from '../../error.ts';
import type { CpioEntry } from '../../formats/cpio.ts';
import { encodeCpioPieces } from '../../formats/cpio-writer.ts';
import type { Initramfs } from '../../formats/initramfs.ts';
import { encodeLz4Legacy } from '../../formats/lz4-writer.ts';
import type { NamedBytes } from '../../formats/named-bytes.ts';
import { mainParts } from './early-archives.ts';
import { rewriteObstacle } from './rewrite-obstacle.ts';

/**
 * How the main archive is packed. `none`: the kernel copies it and no more, but it takes its whole size in
 * memory once more until it is unpacked. `lz4`: about half of that for a multiple of the time; the kernel
 * needs CONFIG_RD_LZ4.
 */
export type InitramfsPacking = 'none' | 'lz4';

/**
 * @param initrd what `content` was read from
 * @param entries those of `content` but the early ones, in their order; some may be missing
 * @returns what it consists of, one behind the other: unless they are packed, bytes of `initrd` and of `entries` are not
 *   copied
 * @throws E_UNSUPPORTED when the kernel would not unpack the same tree from it; see rewrite-obstacle.ts
 */
export function packInitramfs(
  initrd: NamedBytes,
  content: Initramfs,
  entries: readonly CpioEntry[],
  packing: InitramfsPacking,
): Uint8Array[] {
  const obstacle = rewriteObstacle(content);
  if (obstacle !== undefined)
    throw new KhopError('E_UNSUPPORTED', `${initrd.name} cannot be packed again: ${obstacle}`, {
      hint: 'Take the initramfs as it is.',
    });
  // A plain archive has to begin on a multiple of 4; where there is one, the first main part does.
  const mainStart = Math.floor(mainParts(content)[0]!.offset / 4) * 4;
  const archive = encodeCpioPieces(entries);
  const main = packing === 'lz4' ? encodeLz4Legacy(archive) : archive;
  return [initrd.bytes.subarray(0, mainStart), ...main];
}
