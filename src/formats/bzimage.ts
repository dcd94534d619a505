/**
 * The x86 boot image: a real-mode setup part with the setup header, then the protected-mode kernel.
 * Specification: linux Documentation/arch/x86/boot.rst; section names below are its field names.
 * @module
 */
import { KhopError } from '../error.ts';
import { ByteReader } from './byte-reader.ts';
import { printableText } from './printable-text.ts';

/** Where the setup header begins in the image and in boot_params. */
export const SETUP_HEADER_OFFSET = 0x1f1;
/** Where the 64-bit entry point lies from the start of the protected-mode kernel (boot.rst, "64-bit Boot Protocol"). */
export const ENTRY64_OFFSET = 0x200n;

const BOOT_FLAG = 0xaa55;
const HEADER_MAGIC = 'HdrS';
/** Linux 3.8, the first with xloadflags; older ones have no 64-bit boot protocol. */
const OLDEST_PROTOCOL = 0x20c;
/** handover_offset ends here; protocol 2.12 has every field up to it. */
const SHORTEST_HEADER_END = 0x268;
/** edd_mbr_sig_buffer follows the header in boot_params (zero-page.rst). */
const LONGEST_HEADER_END = 0x290;
const SECTOR = 512;
const VERSION_STRING_LIMIT = 1024;
const SIZE_FIELD = 4;

/** loadflags, 0x211. */
export interface LoadFlags {
  readonly bits: number;
  /** Bit 0: the protected-mode kernel is loaded at 1 MiB or above; clear only in a zImage. */
  readonly isLoadedHigh: boolean;
  readonly isKaslrEnabled: boolean;
  readonly isQuiet: boolean;
  readonly keepsSegments: boolean;
  readonly canUseHeap: boolean;
}

/** xloadflags, 0x236. */
export interface XloadFlags {
  readonly bits: number;
  /** XLF_KERNEL_64: has the 64-bit entry point at 0x200. */
  readonly isKernel64: boolean;
  readonly canBeLoadedAbove4G: boolean;
  readonly hasEfiHandover32: boolean;
  readonly hasEfiHandover64: boolean;
  /** XLF_EFI_KEXEC: takes EFI runtime state over from a previous kernel. */
  readonly supportsEfiKexec: boolean;
  /** XLF_5LEVEL: can be entered with five-level paging on. */
  readonly supportsFiveLevelPaging: boolean;
  readonly isFiveLevelPagingEnabled: boolean;
  readonly supportsMemoryEncryption: boolean;
}

/** A parsed bzImage. Byte fields are views of the input. */
export interface BzImage {
  /** Sectors of 512 bytes after the boot sector; the header's 0 stands for 4. */
  readonly setupSects: number;
  /** e.g. 0x20f for 2.15. */
  readonly protocolVersion: number;
  readonly loadFlags: LoadFlags;
  readonly xloadFlags: XloadFlags;
  /** Bytes of memory the kernel needs at its load address before it can look at a memory map. */
  readonly initSize: number;
  /** Physical address the kernel would like. */
  readonly prefAddress: bigint;
  /** Alignment of the load address, a power of two. */
  readonly kernelAlignment: bigint;
  readonly isRelocatable: boolean;
  /** Longest command line in bytes, without its NUL. */
  readonly commandLineSize: number;
  /** Highest address an initrd's last byte may have, for the 16- and 32-bit entry points. */
  readonly initrdAddressMax: bigint;
  readonly hardwareSubarch: number;
  /** Bytes from the start of the protected-mode kernel; 0 with payloadLength 0 when it has none. */
  readonly payloadOffset: number;
  readonly payloadLength: number;
  /** Offset of the EFI handover entry point in the protected-mode kernel, 0 without one. */
  readonly handoverOffset: number;
  /** `uname -r`, who built it and `uname -v`, printable ASCII; undefined when the image has none. */
  readonly kernelVersion: string | undefined;
  /** First word of `kernelVersion`: what `uname -r` will say. */
  readonly kernelRelease: string | undefined;
  /** 0x1f1 up to the end that the jump at 0x200 names; goes into boot_params as it is. */
  readonly setupHeader: Uint8Array;
  /** Everything after the setup sectors: what is loaded and entered. */
  readonly protectedModeKernel: Uint8Array;
}

/** Whether the bytes carry the boot sector flag and the setup header's magic number. */
export function isBzImage(bytes: Uint8Array): boolean {
  if (bytes.length < 0x206) return false;
  const reader = new ByteReader(bytes, 'bzImage');
  return (
    reader.u16(0x1fe, 'boot_flag') === BOOT_FLAG && reader.text(0x202, 4, 'header magic') === HEADER_MAGIC
  );
}

/**
 * @throws E_FORMAT when the bytes are not a bzImage, are cut short or contradict themselves
 * @throws E_UNSUPPORTED for boot protocols before 2.12 (Linux 3.8)
 */
export function parseBzImage(bytes: Uint8Array): BzImage {
  const reader = new ByteReader(bytes, 'bzImage');
  if (!isBzImage(bytes)) reader.fail('header', 0x202, 'has no boot flag 0xaa55 with the magic number "HdrS"');
  const protocolVersion = reader.u16(0x206, 'version');
  if (protocolVersion < OLDEST_PROTOCOL) throw tooOld(protocolVersion);

  const setupSects = reader.u8(0x1f1, 'setup_sects') || 4;
  const loadFlags = decodeLoadFlags(reader.u8(0x211, 'loadflags'));
  const xloadFlags = decodeXloadFlags(reader.u16(0x236, 'xloadflags'));
  const commandLineSize = reader.u32(0x238, 'cmdline_size');
  const payload = {
    offset: reader.u32(0x248, 'payload_offset'),
    length: reader.u32(0x24c, 'payload_length'),
  };
  const protectedModeKernel = sliceProtectedModeKernel(reader, setupSects);
  const initSize = reader.u32(0x260, 'init_size');
  if (initSize < protectedModeKernel.length)
    reader.fail(
      'init_size',
      0x260,
      `${initSize} is less than the kernel's ${protectedModeKernel.length} bytes`,
    );
  if (payload.offset + payload.length > protectedModeKernel.length)
    reader.fail('payload_offset', 0x248, 'the payload ends after the end of the data');
  const kernelVersion = readKernelVersion(reader, setupSects);
  return {
    setupSects,
    protocolVersion,
    loadFlags,
    xloadFlags,
    initSize,
    prefAddress: reader.u64(0x258, 'pref_address'),
    kernelAlignment: readKernelAlignment(reader),
    isRelocatable: reader.u8(0x234, 'relocatable_kernel') !== 0,
    commandLineSize,
    initrdAddressMax: BigInt(reader.u32(0x22c, 'initrd_addr_max')),
    hardwareSubarch: reader.u32(0x23c, 'hardware_subarch'),
    payloadOffset: payload.offset,
    payloadLength: payload.length,
    handoverOffset: reader.u32(0x264, 'handover_offset'),
    kernelVersion,
    kernelRelease: kernelVersion?.split(' ', 1)[0],
    setupHeader: sliceSetupHeader(reader),
    protectedModeKernel,
  };
}

/** The compressed kernel inside a bzImage. */
export interface BzImagePayload {
  /** gzip, xz, zstd, ...: the first bytes decide. A view of the image. */
  readonly compressed: Uint8Array;
  /** Bytes of the ELF file that comes out. */
  readonly uncompressedSize: number;
}

/**
 * The build appends the uncompressed size (u32) to every format but gzip, which ends with it anyway
 * (scripts/Makefile.lib, size_append); the extra bytes are not part of the compressed data.
 * @throws E_FORMAT for an image without a payload
 */
export function bzImagePayload(image: BzImage): BzImagePayload {
  const { payloadOffset, payloadLength } = image;
  const reader = new ByteReader(image.protectedModeKernel, 'bzImage payload');
  const payload = reader.slice(payloadOffset, payloadLength, 'payload');
  const sizeAt = payloadOffset + payloadLength - SIZE_FIELD;
  if (payloadLength < SIZE_FIELD) reader.fail('payload_length', payloadOffset, 'there is no payload');
  const isGzip = payload[0] === 0x1f && payload[1] === 0x8b;
  return {
    compressed: isGzip ? payload : payload.subarray(0, payloadLength - SIZE_FIELD),
    uncompressedSize: reader.u32(sizeAt, 'uncompressed size'),
  };
}

function tooOld(protocolVersion: number): KhopError {
  const version = `${protocolVersion >> 8}.${String(protocolVersion & 0xff).padStart(2, '0')}`;
  return new KhopError('E_UNSUPPORTED', `bzImage: boot protocol ${version} has no 64-bit entry point`, {
    hint: 'Kernels before Linux 3.8 cannot be started; choose a newer one.',
  });
}

function decodeLoadFlags(bits: number): LoadFlags {
  return {
    bits,
    isLoadedHigh: (bits & 0x01) !== 0,
    isKaslrEnabled: (bits & 0x02) !== 0,
    isQuiet: (bits & 0x20) !== 0,
    keepsSegments: (bits & 0x40) !== 0,
    canUseHeap: (bits & 0x80) !== 0,
  };
}

/** The flags by name. */
export function decodeXloadFlags(bits: number): XloadFlags {
  return {
    bits,
    isKernel64: (bits & 0x01) !== 0,
    canBeLoadedAbove4G: (bits & 0x02) !== 0,
    hasEfiHandover32: (bits & 0x04) !== 0,
    hasEfiHandover64: (bits & 0x08) !== 0,
    supportsEfiKexec: (bits & 0x10) !== 0,
    supportsFiveLevelPaging: (bits & 0x20) !== 0,
    isFiveLevelPagingEnabled: (bits & 0x40) !== 0,
    supportsMemoryEncryption: (bits & 0x80) !== 0,
  };
}

/** syssize counts 16-byte units; what a signature adds after them is loaded too, as the kernel's own loader does. */
function sliceProtectedModeKernel(reader: ByteReader, setupSects: number): Uint8Array {
  const start = (setupSects + 1) * SECTOR;
  const needed = reader.u32(0x1f4, 'syssize') * 16;
  if (needed === 0) reader.fail('syssize', 0x1f4, 'the protected-mode kernel is empty');
  reader.slice(start, needed, 'protected-mode kernel');
  return reader.slice(start, reader.length - start, 'protected-mode kernel');
}

/** The second byte of the jump at 0x200 is where the header ends, relative to 0x202 (boot.rst, "jump"). */
function sliceSetupHeader(reader: ByteReader): Uint8Array {
  const end = 0x202 + reader.u8(0x201, 'jump');
  if (end < SHORTEST_HEADER_END || end > LONGEST_HEADER_END)
    reader.fail('jump', 0x201, `a setup header that ends at 0x${end.toString(16)} is impossible`);
  return reader.slice(SETUP_HEADER_OFFSET, end - SETUP_HEADER_OFFSET, 'setup header');
}

function readKernelAlignment(reader: ByteReader): bigint {
  const alignment = reader.u32(0x230, 'kernel_alignment');
  if (alignment === 0 || (alignment & (alignment - 1)) !== 0)
    reader.fail('kernel_alignment', 0x230, `0x${alignment.toString(16)} is not a power of two`);
  return BigInt(alignment);
}

/** kernel_version is relative to 0x200 and valid only below setup_sects * 512 (boot.rst, "kernel_version"). */
function readKernelVersion(reader: ByteReader, setupSects: number): string | undefined {
  const pointer = reader.u16(0x20e, 'kernel_version');
  if (pointer === 0 || pointer >= setupSects * SECTOR) return undefined;
  const offset = pointer + 0x200;
  const limit = Math.min(VERSION_STRING_LIMIT, (setupSects + 1) * SECTOR - offset);
  const text = printableText(reader.text(offset, limit, 'kernel_version')).trim();
  return text === '' ? undefined : text;
}
