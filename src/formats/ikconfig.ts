/**
 * The configuration that a kernel carries in itself (CONFIG_IKCONFIG): `.config`, packed by gzip, between two
 * marks. kernel/configs.c; scripts/extract-ikconfig looks for it in the same way.
 * @module
 */
import { KhopError } from '../error.ts';
import { decodeGzip } from './gzip.ts';

/** The mark and the first bytes of gzip, so that the mark alone in some text does not count. */
const START = Buffer.from('IKCFG_ST\x1f\x8b\x08', 'latin1');
const MARK_SIZE = 8;
const END = Buffer.from('IKCFG_ED');
const TEXT_LIMIT = 8 * 1024 * 1024;

/**
 * The text of the configuration; undefined when the kernel has none in it.
 * @param kernel unpacked: a vmlinux or an arm64 Image
 * @throws E_FORMAT when there is one that cannot be unpacked
 */
export function readIkconfig(kernel: Uint8Array, name: string): string | undefined {
  const bytes = Buffer.from(kernel.buffer, kernel.byteOffset, kernel.byteLength);
  const start = bytes.indexOf(START);
  if (start < 0) return undefined;
  const packed = bytes.subarray(start + MARK_SIZE);
  const request = { bytes: packed, name: `${name}: its configuration`, maxOutputBytes: TEXT_LIMIT };
  const { bytes: text, consumed } = decodeGzip({ ...request, extent: 'first' });
  if (!packed.subarray(consumed, consumed + END.length).equals(END))
    throw new KhopError('E_FORMAT', `${name}: its configuration is not followed by ${END.toString()}`, {
      hint: 'The kernel is damaged; fetch or build it again.',
    });
  return Buffer.from(text).toString('utf8');
}
