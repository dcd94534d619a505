/**
 * What an image file is, by its bytes.
 * @module
 */
import { isArm64Image, isZboot } from './arm64-image.ts';
import { isBzImage } from './bzimage.ts';
import { type Compression, detectCompression } from './compression.ts';
import { isPe } from './pe.ts';
import { isUki } from './uki.ts';

export type ImageKind = 'bzimage' | 'arm64-image' | 'elf' | 'uki' | 'zboot' | 'pe' | Compression | 'unknown';

/** The first that fits: a bzImage and an arm64 Image are PEs too, and a UKI is a PE. */
export function identifyImage(bytes: Uint8Array): ImageKind {
  if (isBzImage(bytes)) return 'bzimage';
  if (isArm64Image(bytes)) return 'arm64-image';
  if (isZboot(bytes)) return 'zboot';
  if (isUki(bytes)) return 'uki';
  if (isPe(bytes)) return 'pe';
  if (startsWith(bytes, '\x7fELF')) return 'elf';
  return detectCompression(bytes) ?? 'unknown';
}

/** What a file that is no kernel is instead, for an error message. */
export function describeUnknown(bytes: Uint8Array): string {
  if (bytes.length === 0) return 'an empty file';
  if (startsWith(bytes, '!<arch>')) return 'an archive (a .deb?)';
  if (startsWith(bytes, '07070')) return 'a cpio archive (an initrd?)';
  if (startsWith(bytes, '#!')) return 'a script';
  if (/^\s*<(!doctype|html)/i.test(text(bytes, 64))) return 'an HTML page (a failed download?)';
  if (startsWith(bytes, '\xd0\x0d\xfe\xed')) return 'a device tree or FIT image';
  if (startsWith(bytes, '\x27\x05\x19\x56')) return 'a U-Boot image';
  if (bytes.subarray(0, 4096).every((byte) => byte === 0)) return 'a file of zeros';
  return 'no kind of kernel image that khop knows';
}

function startsWith(bytes: Uint8Array, magic: string): boolean {
  return text(bytes, magic.length) === magic;
}

function text(bytes: Uint8Array, length: number): string {
  return Buffer.from(bytes.subarray(0, length)).toString('latin1');
}
