/**
 * struct boot_params, the "zero page": 4096 bytes between boot loader and x86 kernel.
 * Documentation/arch/x86/zero-page.rst; the setup header in it: Documentation/arch/x86/boot.rst.
 * @module
 */
import { ByteReader } from './byte-reader.ts';
import { decodeE820, E820_ENTRY_SIZE, encodeE820 } from './e820.ts';
import type { MemoryMap } from './memory-map.ts';

export const BOOT_PARAMS_SIZE = 4096;
/** Entries that fit into the page; the rest goes into setup_data of type E820_EXT. */
export const E820_TABLE_LENGTH = 128;

const SETUP_HEADER = { at: 0x1f1, size: 0x290 - 0x1f1 };
const SCREEN_INFO_SIZE = 0x40;
const EDD_MBR_SIG = { at: 0x290, size: 16 * 4 };
const EDDBUF = { at: 0xd00, size: 6 * 82 };

/** efi_info at 0x1c0. Physical addresses; all zero means a machine without EFI. */
export interface EfiInfo {
  /** `EL64` or `EL32` as a number; 0 without EFI. */
  readonly loaderSignature: number;
  readonly systemTable: bigint;
  readonly memoryDescriptorSize: number;
  readonly memoryDescriptorVersion: number;
  readonly memoryMap: bigint;
  readonly memoryMapSize: number;
}

/** The fields khop reads or writes, by their names in zero-page.rst. */
export interface BootParams {
  /** 0x000, 64 bytes. */
  readonly screenInfo: Uint8Array;
  /** 0x070. */
  readonly acpiRsdpAddress: bigint;
  /** 0x13c. */
  readonly ccBlobAddress: number;
  /** 0x1c0. */
  readonly efiInfo: EfiInfo;
  /** 0x1e0, KiB above 1 MiB. */
  readonly altMemK: number;
  /** 0x1ea and 0x1e9, 0x290, 0xd00: BIOS Enhanced Disk Drive data. */
  readonly edd: EddData;
  /** 0x1ec: 0 unset, 1 unknown, 2 disabled, 3 enabled. */
  readonly secureBoot: number;
  /** 0x1f1, at most up to 0x290: the setup header as the image has it. */
  readonly setupHeader: Uint8Array;
  /** 0x210. */
  readonly typeOfLoader: number;
  /** 0x211. */
  readonly loadFlags: number;
  /** 0x218 and 0x0c0, 0x21c and 0x0c4. */
  readonly initrdAddress: bigint;
  readonly initrdSize: bigint;
  /** 0x228 and 0x0c8. */
  readonly commandLineAddress: bigint;
  /** 0x23c. */
  readonly hardwareSubarch: number;
  /** 0x250. */
  readonly setupData: bigint;
  /** 0x2d0, count at 0x1e8; at most 128. Decoded as the table has it: firmware does not always sort. */
  readonly e820: MemoryMap;
}

/** What the BIOS said of disks. */
export interface EddData {
  readonly entryCount: number;
  readonly signatureCount: number;
  readonly signatures: Uint8Array;
  readonly entries: Uint8Array;
}

/** The page; everything else in it, the sentinel at 0x1ef too, is zero. What does not fit is left out. */
export function encodeBootParams(params: BootParams): Uint8Array {
  const bytes = new Uint8Array(BOOT_PARAMS_SIZE);
  const view = new DataView(bytes.buffer);
  const low = (value: bigint) => Number(value & 0xffffffffn);
  const high = (value: bigint) => Number((value >> 32n) & 0xffffffffn);
  bytes.set(params.setupHeader.subarray(0, SETUP_HEADER.size), SETUP_HEADER.at);
  bytes.set(params.screenInfo.subarray(0, SCREEN_INFO_SIZE), 0);
  view.setBigUint64(0x070, params.acpiRsdpAddress, true);
  view.setUint32(0x0c0, high(params.initrdAddress), true);
  view.setUint32(0x0c4, high(params.initrdSize), true);
  view.setUint32(0x0c8, high(params.commandLineAddress), true);
  view.setUint32(0x13c, params.ccBlobAddress, true);
  encodeEfiInfo(view, params.efiInfo);
  view.setUint32(0x1e0, params.altMemK, true);
  view.setUint8(0x1e8, Math.min(params.e820.length, E820_TABLE_LENGTH));
  view.setUint8(0x1e9, params.edd.entryCount);
  view.setUint8(0x1ea, params.edd.signatureCount);
  view.setUint8(0x1ec, params.secureBoot);
  view.setUint8(0x210, params.typeOfLoader);
  view.setUint8(0x211, params.loadFlags);
  view.setUint32(0x218, low(params.initrdAddress), true);
  view.setUint32(0x21c, low(params.initrdSize), true);
  view.setUint32(0x228, low(params.commandLineAddress), true);
  view.setUint32(0x23c, params.hardwareSubarch, true);
  view.setBigUint64(0x250, params.setupData, true);
  bytes.set(params.edd.signatures.subarray(0, EDD_MBR_SIG.size), EDD_MBR_SIG.at);
  bytes.set(encodeE820(params.e820.slice(0, E820_TABLE_LENGTH)), 0x2d0);
  bytes.set(params.edd.entries.subarray(0, EDDBUF.size), EDDBUF.at);
  return bytes;
}

function encodeEfiInfo(view: DataView, efi: EfiInfo): void {
  view.setUint32(0x1c0, efi.loaderSignature, true);
  view.setUint32(0x1c4, Number(efi.systemTable & 0xffffffffn), true);
  view.setUint32(0x1c8, efi.memoryDescriptorSize, true);
  view.setUint32(0x1cc, efi.memoryDescriptorVersion, true);
  view.setUint32(0x1d0, Number(efi.memoryMap & 0xffffffffn), true);
  view.setUint32(0x1d4, efi.memoryMapSize, true);
  view.setUint32(0x1d8, Number(efi.systemTable >> 32n), true);
  view.setUint32(0x1dc, Number(efi.memoryMap >> 32n), true);
}

/** @throws E_FORMAT unless `bytes` are a whole page with a sane e820 count */
export function decodeBootParams(bytes: Uint8Array): BootParams {
  const reader = new ByteReader(bytes, 'boot_params');
  if (bytes.length !== BOOT_PARAMS_SIZE)
    reader.fail('size', 0, `${bytes.length} bytes, not ${BOOT_PARAMS_SIZE}`);
  const wide = (lowAt: number, highAt: number, field: string) =>
    BigInt(reader.u32(lowAt, field)) | (BigInt(reader.u32(highAt, `ext_${field}`)) << 32n);
  const count = reader.u8(0x1e8, 'e820_entries');
  if (count > E820_TABLE_LENGTH) reader.fail('e820_entries', 0x1e8, `${count} is above ${E820_TABLE_LENGTH}`);
  return {
    screenInfo: reader.slice(0, SCREEN_INFO_SIZE, 'screen_info'),
    acpiRsdpAddress: reader.u64(0x070, 'acpi_rsdp_addr'),
    ccBlobAddress: reader.u32(0x13c, 'cc_blob_address'),
    efiInfo: {
      loaderSignature: reader.u32(0x1c0, 'efi_loader_signature'),
      systemTable: wide(0x1c4, 0x1d8, 'efi_systab'),
      memoryDescriptorSize: reader.u32(0x1c8, 'efi_memdesc_size'),
      memoryDescriptorVersion: reader.u32(0x1cc, 'efi_memdesc_version'),
      memoryMap: wide(0x1d0, 0x1dc, 'efi_memmap'),
      memoryMapSize: reader.u32(0x1d4, 'efi_memmap_size'),
    },
    altMemK: reader.u32(0x1e0, 'alt_mem_k'),
    edd: {
      entryCount: reader.u8(0x1e9, 'eddbuf_entries'),
      signatureCount: reader.u8(0x1ea, 'edd_mbr_sig_buf_entries'),
      signatures: reader.slice(EDD_MBR_SIG.at, EDD_MBR_SIG.size, 'edd_mbr_sig_buffer'),
      entries: reader.slice(EDDBUF.at, EDDBUF.size, 'eddbuf'),
    },
    secureBoot: reader.u8(0x1ec, 'secure_boot'),
    setupHeader: reader.slice(SETUP_HEADER.at, SETUP_HEADER.size, 'hdr'),
    typeOfLoader: reader.u8(0x210, 'type_of_loader'),
    loadFlags: reader.u8(0x211, 'loadflags'),
    initrdAddress: wide(0x218, 0x0c0, 'ramdisk_image'),
    initrdSize: wide(0x21c, 0x0c4, 'ramdisk_size'),
    commandLineAddress: wide(0x228, 0x0c8, 'cmd_line_ptr'),
    hardwareSubarch: reader.u32(0x23c, 'hardware_subarch'),
    setupData: reader.u64(0x250, 'setup_data'),
    e820: decodeE820(reader.slice(0x2d0, count * E820_ENTRY_SIZE, 'e820_table'), count),
  };
}
