/**
 * Memory that is given back at once. The garbage collector comes by when it likes, and does not know that a kernel is
 * about to be loaded.
 * @module
 */

/** Of fewer bytes it is not worth the call, and Node.js may have put other bytes beside them. */
const SMALLEST_RELEASED = 1024 * 1024;

/**
 * Frees the memory that `bytes` are in, all of it, whatever else is there: for what somebody has made and nobody needs
 * any longer. It has no bytes from then on. Not for memory of a mapped file, which others have.
 */
export function releaseBytes({ buffer }: Uint8Array): void {
  if (buffer instanceof ArrayBuffer && buffer.byteLength >= SMALLEST_RELEASED) buffer.transfer(0);
}
