/**
 * The extended attribute security.ima: what a file's content is appraised by.
 * security/integrity/integrity.h: enum evm_ima_xattr_type, struct signature_v2_hdr.
 * @module
 */
import { ByteReader } from './byte-reader.ts';

/**
 * A digest says what the content was when it was labelled; whoever may write the file may write it anew. Only a
 * signature says who vouches for it.
 */
export type ImaAttribute =
  | {
      readonly kind: 'signature';
      /** The last four bytes of the key's identifier, as hexadecimal digits. */
      readonly keyId: string;
    }
  | { readonly kind: 'digest' }
  /** A type that IMA does not take for the appraisal of content: EVM's own, or one of a newer kernel. */
  | { readonly kind: 'other'; readonly type: number };

const IMA_XATTR_DIGEST = 1;
const EVM_IMA_XATTR_DIGSIG = 3;
const IMA_XATTR_DIGEST_NG = 4;
/** Since 5.19: of the digest that fs-verity has for the file. */
const IMA_VERITY_DIGSIG = 6;
/** Version 3 is that of IMA_VERITY_DIGSIG. */
const SIGNATURE_VERSIONS = [2, 3];

/** @throws E_FORMAT for an attribute that is cut short, and for a signature of an unknown version */
export function parseImaAttribute(bytes: Uint8Array): ImaAttribute {
  const reader = new ByteReader(bytes, 'security.ima');
  const type = reader.u8(0, 'type');
  switch (type) {
    case IMA_XATTR_DIGEST:
    case IMA_XATTR_DIGEST_NG:
      return { kind: 'digest' };
    case EVM_IMA_XATTR_DIGSIG:
    case IMA_VERITY_DIGSIG:
      return { kind: 'signature', keyId: readSignature(reader) };
    default:
      return { kind: 'other', type };
  }
}

/** struct signature_v2_hdr: type, version, hash_algo (u8 each), keyid (be32), sig_size (be16), sig[]. */
function readSignature(reader: ByteReader): string {
  const version = reader.u8(1, 'version');
  if (!SIGNATURE_VERSIONS.includes(version)) reader.fail('version', 1, `${version} is not known`);
  const keyId = reader.u32be(3, 'keyid');
  const size = reader.u16be(7, 'sig_size');
  // integrity_digsig_verify asks for exactly this length.
  if (size === 0 || 9 + size !== reader.length)
    reader.fail('sig_size', 7, `${size} bytes, and ${reader.length - 9} are there`);
  return keyId.toString(16).padStart(8, '0');
}
