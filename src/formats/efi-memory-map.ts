/**
 * The EFI memory map as a kernel takes it over from another kernel: only the entries that runtime services
 * need, with the virtual addresses they already have.
 * Specification: UEFI 2.10 section 7.2.3, EFI_MEMORY_DESCRIPTOR; linux include/linux/efi.h, efi_memory_desc_t.
 * @module
 */
import { ByteReader } from './byte-reader.ts';

/** Bytes of one descriptor of version 1; goes into efi_info as the descriptor size. */
export const EFI_MEMORY_DESCRIPTOR_SIZE = 40;
export const EFI_MEMORY_DESCRIPTOR_VERSION = 1;

/** One range of memory. */
export interface EfiMemoryDescriptor {
  /** EFI_MEMORY_TYPE: 5 runtime code, 6 runtime data, 11 memory-mapped I/O, ... */
  readonly type: number;
  readonly physicalAddress: bigint;
  readonly virtualAddress: bigint;
  /** Pages of 4 KiB. */
  readonly pageCount: bigint;
  /** EFI_MEMORY_* bits; bit 63 is EFI_MEMORY_RUNTIME. */
  readonly attribute: bigint;
}

/** 40 bytes a descriptor, in the order given. */
export function encodeEfiMemoryMap(descriptors: readonly EfiMemoryDescriptor[]): Uint8Array {
  const bytes = new Uint8Array(descriptors.length * EFI_MEMORY_DESCRIPTOR_SIZE);
  const view = new DataView(bytes.buffer);
  for (const [index, descriptor] of descriptors.entries()) {
    const offset = index * EFI_MEMORY_DESCRIPTOR_SIZE;
    view.setUint32(offset, descriptor.type, true);
    view.setBigUint64(offset + 8, descriptor.physicalAddress, true);
    view.setBigUint64(offset + 16, descriptor.virtualAddress, true);
    view.setBigUint64(offset + 24, descriptor.pageCount, true);
    view.setBigUint64(offset + 32, descriptor.attribute, true);
  }
  return bytes;
}

/** @throws E_FORMAT when the bytes are not a whole number of descriptors */
export function decodeEfiMemoryMap(bytes: Uint8Array): EfiMemoryDescriptor[] {
  const reader = new ByteReader(bytes, 'EFI memory map');
  const descriptors: EfiMemoryDescriptor[] = [];
  for (let offset = 0; offset < bytes.length; offset += EFI_MEMORY_DESCRIPTOR_SIZE)
    descriptors.push({
      type: reader.u32(offset, 'Type'),
      physicalAddress: reader.u64(offset + 8, 'PhysicalStart'),
      virtualAddress: reader.u64(offset + 16, 'VirtualStart'),
      pageCount: reader.u64(offset + 24, 'NumberOfPages'),
      attribute: reader.u64(offset + 32, 'Attribute'),
    });
  return descriptors;
}
