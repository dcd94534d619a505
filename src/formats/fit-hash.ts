/**
 * Whether an image of a FIT is as it was built.
 * Specification: Flat Image Tree 1.0, 2.2 "Hash nodes".
 * @module
 */
import { createHash } from 'node:crypto';
import { crc32 } from 'node:zlib';
import { KhopError } from '../error.ts';
import type { FitImage } from './fit.ts';

const ALGORITHMS: ReadonlySet<string> = new Set(['md5', 'sha1', 'sha256', 'sha384', 'sha512']);

/**
 * Compares every hash of the image, and gives the names of the algorithms that agree: empty for an image that
 * has none.
 * @throws E_FORMAT when one does not agree, E_UNSUPPORTED for an algorithm that is not known
 */
export function verifyFitImage(image: FitImage): string[] {
  return image.hashes.map(({ algorithm, value }) => {
    if (!Buffer.from(digest(image, algorithm)).equals(value))
      throw new KhopError('E_FORMAT', `FIT: the ${algorithm} of image ${image.name} is wrong`, {
        hint: 'The file is damaged; fetch or build it again.',
      });
    return algorithm;
  });
}

function digest(image: FitImage, algorithm: string): Uint8Array {
  if (algorithm === 'crc32') {
    const bytes = Buffer.alloc(4);
    bytes.writeUInt32BE(crc32(image.bytes));
    return bytes;
  }
  if (!ALGORITHMS.has(algorithm))
    throw new KhopError('E_UNSUPPORTED', `FIT: image ${image.name} is hashed with ${algorithm}`, {
      hint: 'Build the image with sha256 hashes.',
    });
  try {
    return createHash(algorithm).update(image.bytes).digest();
  } catch (cause) {
    throw new KhopError('E_UNSUPPORTED', `FIT: ${algorithm} of image ${image.name} cannot be computed here`, {
      hint: 'Build the image with sha256 hashes.',
      cause,
    });
  }
}
