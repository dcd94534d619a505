/**
 * Builds security.ima as evmctl writes it: a type byte and struct signature_v2_hdr.
 * @module
 */

/** What it holds. */
export interface ImaSignature {
  /** 3, EVM_IMA_XATTR_DIGSIG, unless told. */
  readonly type?: number;
  /** 2 unless told. */
  readonly version?: number;
  readonly keyId: number;
  readonly signature: Uint8Array;
}

/** The attribute's value. */
export function buildImaSignature(content: ImaSignature): Uint8Array {
  const HASH_ALGO_SHA256 = 4;
  const header = Buffer.alloc(9);
  header[0] = content.type ?? 3;
  header[1] = content.version ?? 2;
  header[2] = HASH_ALGO_SHA256;
  header.writeUInt32BE(content.keyId, 3);
  header.writeUInt16BE(content.signature.length, 7);
  return Buffer.concat([header, content.signature]);
}
