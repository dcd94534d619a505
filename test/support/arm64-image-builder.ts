/**
 * Builds small arm64 Images: the 64-byte header and some bytes behind it.
 * @module
 */

/** Fields of the header a test wants different from those of an ordinary distribution kernel. */
export interface Arm64ImageOptions {
  readonly textOffset?: bigint;
  /** Default 8 MiB. */
  readonly imageSize?: bigint;
  /** Default 0b1010: little-endian, pages of 4 KiB, may lie anywhere. */
  readonly flags?: bigint;
}

/** Documentation/arch/arm64/booting.rst, 4. */
export function buildArm64Image(options: Arm64ImageOptions = {}): Uint8Array {
  const bytes = new Uint8Array(1024).fill(0xd5, 64);
  const view = new DataView(bytes.buffer);
  view.setBigUint64(8, options.textOffset ?? 0n, true);
  view.setBigUint64(16, options.imageSize ?? 0x80_0000n, true);
  view.setBigUint64(24, options.flags ?? 0b1010n, true);
  view.setUint32(0x38, 0x644d5241, true);
  return bytes;
}
