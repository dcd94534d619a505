/**
 * The digest that a signature of a PE image covers: all of it but the checksum, the certificate table and the
 * directory entry that names the table.
 * Specification: Windows Authenticode Portable Executable Signature Format, "Calculating the PE Image Hash"; what
 * the kernel does: crypto/asymmetric_keys/verify_pefile.c, pefile_digest_pe.
 * @module
 */
import { createHash } from 'node:crypto';
import { readSignatures, type Signature } from './authenticode.ts';
import { ByteReader } from './byte-reader.ts';
import { type PeImage, parsePe } from './pe.ts';

/** `sha256` of `bytes` as a signature counts it. @throws E_FORMAT when headers and sections contradict each other */
export function authenticodeDigest(bytes: Uint8Array, image: PeImage, algorithm: string): Uint8Array {
  const { checksumOffset, certificateDirectoryOffset, headersSize, certificateTable } = image.layout;
  const reader = new ByteReader(bytes, 'PE');
  const hash = createHash(algorithm);
  const add = (start: number, end: number) => hash.update(reader.slice(start, end - start, 'signed part'));
  add(0, checksumOffset);
  if (certificateDirectoryOffset === undefined) add(checksumOffset + 4, headersSize);
  else {
    add(checksumOffset + 4, certificateDirectoryOffset);
    add(certificateDirectoryOffset + 8, headersSize);
  }
  let hashed = headersSize;
  for (const { raw } of image.sections.toSorted((a, b) => a.raw.offset - b.raw.offset)) {
    // No image that was signed has sections on top of each other; hashing them would be quadratic.
    if (raw.size > 0 && raw.offset < hashed) reader.fail('PointerToRawData', raw.offset, 'sections overlap');
    add(raw.offset, raw.offset + raw.size);
    hashed += raw.size;
  }
  const rest = bytes.length - certificateTable.size;
  if (hashed < rest) add(hashed, rest);
  return hash.digest();
}

/** A signature, and whether the image is still what it was made for; undefined when that cannot be told. */
export interface CheckedSignature extends Signature {
  readonly isIntact: boolean | undefined;
}

/** Every signature of an image. @throws E_FORMAT for what is no PE, or a damaged certificate table */
export function checkSignatures(bytes: Uint8Array): CheckedSignature[] {
  const image = parsePe(bytes);
  return readSignatures(image.certificates).map((signature) => {
    const { digest } = signature;
    if (digest === undefined) return { ...signature, isIntact: undefined };
    const actual = authenticodeDigest(bytes, image, digest.algorithm);
    return { ...signature, isIntact: Buffer.from(digest.value).equals(actual) };
  });
}
