/**
 * An initramfs with another init behind it, so that every way to start a kernel starts with the same one.
 * @module
 */
import { cpioFile, encodeCpio } from '../../src/formats/cpio-writer.ts';

/** The program that the new kernel starts, by `rdinit=`. */
export const INIT = 'khop-bench';

/** `initramfs`, and behind it an archive of its own with the init. */
export function withInit(initramfs: Uint8Array, init: Uint8Array): Uint8Array {
  const archive = encodeCpio([cpioFile(INIT, init, 0o755)]);
  // An uncompressed archive has to begin at a multiple of four bytes
  // (Documentation/driver-api/early-userspace/buffer-format.rst).
  return Buffer.concat([initramfs, Buffer.alloc((4 - (initramfs.length % 4)) % 4), archive]);
}
