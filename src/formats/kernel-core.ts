/**
 * The memory of the running kernel as a file: the headers of /proc/kcore say at which offset a virtual address is.
 * Reference: linux fs/proc/kcore.c, read_kcore_iter and kc_vaddr_to_offset. An offset is an address and the length of the
 * headers in whole pages. So where two ranges overlap, as those of the image and of vmalloc do on arm64, either is right;
 * and all offsets move together when memory has come or gone, so that there are other headers the next time that somebody
 * opens the file.
 * @module
 */
import { ByteReader } from './byte-reader.ts';
import { ELF_TYPES, parseElf, SEGMENT_TYPES } from './elf.ts';

/** Virtual addresses that are in the file. */
export interface CoreRange {
  readonly virtualAddress: bigint;
  /** All ones for what has no one place in memory, such as vmalloc's. */
  readonly physicalAddress: bigint;
  /** Bytes. */
  readonly size: bigint;
  /** In the file. */
  readonly offset: bigint;
}

/** Of addresses. */
const ADDRESS_LIMIT = 1n << 64n;
/** Positions in a file are signed. */
const OFFSET_LIMIT = 1n << 63n;

/**
 * The ranges, as the headers have them.
 * @param bytes the beginning of the file, with all of its headers
 * @throws E_FORMAT when it is no core, or a range leaves the address space or what a file can be; E_UNSUPPORTED
 */
export function parseKernelCore(bytes: Uint8Array): readonly CoreRange[] {
  const reader = new ByteReader(bytes, 'kcore');
  const { type, programHeaders } = parseElf(bytes);
  if (type !== ELF_TYPES.core) reader.fail('e_type', 0x10, `${type} is not ET_CORE`);
  return programHeaders
    .filter((header) => header.type === SEGMENT_TYPES.load)
    .map(({ virtualAddress, physicalAddress, memorySize: size, offset }) => {
      if (virtualAddress + size > ADDRESS_LIMIT)
        reader.fail('p_memsz', virtualAddress, 'a range leaves the address space');
      if (offset + size > OFFSET_LIMIT) reader.fail('p_offset', offset, 'no file is so large');
      return { virtualAddress, physicalAddress, size, offset };
    });
}

/** Where in the file `length` bytes from `address` are; undefined when no range has all of them. */
export function offsetInCore(
  ranges: readonly CoreRange[],
  address: bigint,
  length: number,
): bigint | undefined {
  const range = ranges.find(
    ({ virtualAddress, size }) =>
      address >= virtualAddress && address + BigInt(length) <= virtualAddress + size,
  );
  return range === undefined ? undefined : range.offset + (address - range.virtualAddress);
}
