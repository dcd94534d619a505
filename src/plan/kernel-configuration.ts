/**
 * With which options a kernel was built, wherever that can be read.
 * @module
 */
import { KhopError } from '../error.ts';
import { bzImagePayload, parseBzImage } from '../formats/bzimage.ts';
import { decompress, detectCompression } from '../formats/compression.ts';
import { readIkconfig } from '../formats/ikconfig.ts';
import { parseKernelConfig } from '../formats/kernel-config.ts';
import { releaseBytes } from '../formats/release-bytes.ts';
import type { Reading } from '../machine/reading.ts';
import type { UnwrappedImage } from './unwrap-image.ts';

/**
 * The text beside the kernel where there is one, else what the kernel carries in itself (CONFIG_IKCONFIG=y).
 * A bzImage has to be unpacked for that, which takes up to a second.
 * @param unpacked what the image unpacks to, where that was done before
 */
export function readKernelConfiguration(
  { kind, kernel }: UnwrappedImage,
  text: string | undefined,
  unpacked?: Uint8Array | undefined,
): Reading<ReadonlyMap<string, string>> {
  const source = `the configuration of ${kernel.name}`;
  if (text !== undefined) return { state: 'read', value: parseKernelConfig(text), source };
  try {
    const content =
      kind === 'bzimage' ? (unpacked ?? unpackPayload(kernel.bytes, kernel.name)) : kernel.bytes;
    const own = readIkconfig(content, kernel.name);
    if (content !== unpacked && content.buffer !== kernel.bytes.buffer) releaseBytes(content);
    if (own === undefined) return { state: 'absent', source };
    return { state: 'read', value: parseKernelConfig(own), source: `the configuration in ${kernel.name}` };
  } catch (error) {
    if (!(error instanceof KhopError)) throw error;
    return { state: 'unreadable', source, reason: error.message };
  }
}

function unpackPayload(bytes: Uint8Array, name: string): Uint8Array {
  const { compressed, uncompressedSize } = bzImagePayload(parseBzImage(bytes));
  // CONFIG_KERNEL_UNCOMPRESSED.
  if (detectCompression(compressed) === undefined) return compressed;
  return decompress(compressed, { name: `the payload of ${name}`, maxOutputBytes: uncompressedSize });
}
