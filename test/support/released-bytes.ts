/**
 * How much memory code gives back by itself. The memory of the process cannot tell: what is given back while the garbage
 * collector sweeps is counted until it is done, and what nobody gives back is collected sooner or later.
 * @module
 */

/** Bytes of buffers that `action` has detached and freed, as `releaseBytes` does. */
export function bytesReleasedBy(action: () => void): number {
  const { transfer } = ArrayBuffer.prototype;
  let released = 0;
  ArrayBuffer.prototype.transfer = function (this: ArrayBuffer, newByteLength) {
    if (newByteLength === 0) released += this.byteLength;
    return transfer.call(this, newByteLength);
  };
  try {
    action();
  } finally {
    ArrayBuffer.prototype.transfer = transfer;
  }
  return released;
}
