/**
 * What an image file is, by its bytes.
 * @module
 */
import { isArm64Image, isZboot } from './arm64-image.ts';
import { isBzImage } from './bzimage.ts';
import { type Compression, detectCompression } from './compression.ts';
import { isElf } from './elf.ts';
import { isFdt } from './fdt.ts';
import { isFit } from './fit.ts';
import { isPe, SUBSYSTEM_EFI_APPLICATION } from './pe.ts';
import { isUimage } from './uimage.ts';
import { isUki } from './uki.ts';

export type ImageKind =
  | 'bzimage'
  | 'arm64-image'
  | 'elf'
  | 'uki'
  | 'zboot'
  | 'pe'
  | 'uimage'
  | 'fit'
  | Compression
  | 'unknown';

/** The first that fits: a bzImage and an arm64 Image are PEs too, a UKI is a PE, and a FIT is a device tree. */
export function identifyImage(bytes: Uint8Array): ImageKind {
  if (isBzImage(bytes)) return 'bzimage';
  if (isArm64Image(bytes)) return 'arm64-image';
  if (isZboot(bytes)) return 'zboot';
  if (isUki(bytes)) return 'uki';
  if (isPe(bytes)) return 'pe';
  if (isElf(bytes)) return 'elf';
  if (isUimage(bytes)) return 'uimage';
  if (isFit(bytes)) return 'fit';
  return detectCompression(bytes) ?? 'unknown';
}

/** Magic numbers of files that people take for kernels, at their offsets. */
const MAGICS: readonly (readonly [offset: number, magic: string, description: string])[] = [
  [0, '!<arch>\ndebian-binary', 'a Debian package'],
  [0, '!<arch>', 'an archive of object files'],
  [0, '\xed\xab\xee\xdb', 'an RPM package'],
  [0, '07070', 'a cpio archive (an initrd?)'],
  [0, '#!', 'a script'],
  [0, 'PK\x03\x04', 'a ZIP archive'],
  [0, 'QFI\xfb', 'a disk image of QEMU'],
  [0, 'hsqs', 'a squashfs file system'],
  [0, '-----BEGIN ', 'a key or certificate'],
  [0, 'MZ', 'a DOS program, or a damaged EFI program'],
  [0x101, 'ustar', 'a tar archive'],
  [0x438, '\x53\xef', 'an ext4 file system'],
  [0x8001, 'CD001', 'an ISO image'],
];

/** What a file that is no kernel is instead, for an error message. */
export function describeUnknown(bytes: Uint8Array): string {
  if (bytes.length === 0) return 'an empty file';
  if (isPe(bytes)) return describePe(bytes);
  if (isFdt(bytes)) return 'a device tree';
  const known = MAGICS.find(([offset, magic]) => text(bytes, offset, magic.length) === magic);
  if (known !== undefined) return known[2];
  if (/^\s*<(!doctype|html|\?xml)/i.test(text(bytes, 0, 64))) return 'an HTML page (a failed download?)';
  if (bytes.subarray(0, 4096).every((byte) => byte === 0)) return 'a file of zeros';
  if (/^[\t\n\r\x20-\x7e]{16}/.test(text(bytes, 0, 16))) return 'a text file';
  if (text(bytes, 0x1fe, 2) === '\x55\xaa') return 'a boot sector or disk image';
  return 'no kind of kernel image that khop knows';
}

/** Subsystem is at 68 of the optional header, which follows the signature and 20 bytes. PE/COFF 3.4.2. */
function describePe(bytes: Uint8Array): string {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const subsystem = view.getUint32(0x3c, true) + 24 + 68;
  const isEfi =
    subsystem + 2 <= bytes.length && view.getUint16(subsystem, true) === SUBSYSTEM_EFI_APPLICATION;
  return isEfi ? 'an EFI program without a Linux kernel in it' : 'a Windows program or driver';
}

function text(bytes: Uint8Array, offset: number, length: number): string {
  return Buffer.from(bytes.subarray(offset, offset + length)).toString('latin1');
}
