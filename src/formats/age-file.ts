/**
 * How large a file of age is. Specification: age-encryption.org/v1; as text RFC 7468, in lines of 64.
 *
 *     age-encryption.org/v1             22 bytes with the line break
 *     -> X25519 SHARE                   54, and
 *     KEY                               44 for each recipient
 *     --- MAC                           48
 *     nonce                             16
 *     pieces of 64 KiB                  each with a tag of 16, at least one
 * @module
 */

/** How it begins, and how it begins as text. */
export const AGE_START = 'age-encryption.org/v1\n';
export const AGE_TEXT_START = '-----BEGIN AGE ENCRYPTED FILE-----\n';

const TEXT_END = '-----END AGE ENCRYPTED FILE-----\n';
const STANZA = 54 + 44;
const MAC = 48;
const NONCE = 16;
/** A line of text, and what stands in it. */
const LINE = 65;
const LINE_CONTENT = 48;

/** Clear bytes of a piece, and what is added to it. */
export const AGE_PIECE = { size: 0x1_0000, tag: 16 } as const;

/** Bytes in front of the first piece. */
export function ageHeaderSize(recipients: number): number {
  return AGE_START.length + STANZA * recipients + MAC + NONCE;
}

/** Bytes of the file. */
export function ageFileSize(clearSize: number, recipients: number): number {
  const pieces = Math.max(1, Math.ceil(clearSize / AGE_PIECE.size));
  return ageHeaderSize(recipients) + clearSize + pieces * AGE_PIECE.tag;
}

/** Bytes of the file as text, at most. */
export function ageTextSize(clearSize: number, recipients: number): number {
  const lines = Math.ceil(ageFileSize(clearSize, recipients) / LINE_CONTENT);
  return AGE_TEXT_START.length + lines * LINE + TEXT_END.length;
}

/** How many clear bytes a text of `size` bytes can hold; 0 when it is too small for any. */
export function mostClearBytes(size: number, recipients: number): number {
  const content = Math.floor((size - AGE_TEXT_START.length - TEXT_END.length) / LINE) * LINE_CONTENT;
  const tags = (Math.ceil(content / AGE_PIECE.size) + 1) * AGE_PIECE.tag;
  return Math.max(0, content - ageHeaderSize(recipients) - tags);
}
