/**
 * Bytes with a name that a person recognises.
 * @module
 */

/** An image, an initrd, a device tree. */
export interface NamedBytes {
  /** What it is and where it comes from, e.g. `/boot/vmlinuz-6.12.9-amd64` or `.linux of /boot/a.efi`. */
  readonly name: string;
  /** Set when the file at this path holds exactly these bytes, so that it can be handed over as it is. */
  readonly path: string | undefined;
  readonly bytes: Uint8Array;
}

/** Bytes that nobody has put together yet, because they are many. */
export interface NamedPieces {
  readonly name: string;
  /** One behind the other. */
  readonly pieces: readonly Uint8Array[];
}
