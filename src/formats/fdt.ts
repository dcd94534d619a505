/**
 * The flattened device tree (.dtb): big-endian header, reservations, structure and strings.
 * Specification: Devicetree Specification 0.4, chapter 5 "Flattened Devicetree (DTB) Format".
 * @module
 */
import { ByteReader } from './byte-reader.ts';
import type { DeviceTree, MemoryReservation } from './device-tree.ts';
import { encodeFdtStructure, readFdtStructure } from './fdt-structure.ts';

/** 5.2. */
export const FDT_MAGIC = 0xd00dfeed;

/** Versions 16 and 17 differ in size_dt_struct only. */
const VERSION = 17;
const COMPATIBLE_VERSION = 16;
const HEADER_SIZE = 40;
const RESERVATION_SIZE = 16;

export function isFdt(bytes: Uint8Array): boolean {
  return bytes.length >= HEADER_SIZE && new ByteReader(bytes, 'FDT').u32be(0, 'magic') === FDT_MAGIC;
}

/** Property values are views of the input. What follows totalsize is left alone. @throws E_FORMAT */
export function parseFdt(bytes: Uint8Array): DeviceTree {
  const file = new ByteReader(bytes, 'FDT');
  if (!isFdt(bytes)) file.fail('magic', 0, 'is not 0xd00dfeed, or the header is cut short');
  const reader = new ByteReader(file.slice(0, file.u32be(4, 'totalsize'), 'totalsize'), 'FDT');
  const version = reader.u32be(20, 'version');
  const compatible = reader.u32be(24, 'last_comp_version');
  if (version < COMPATIBLE_VERSION || compatible > VERSION)
    reader.fail('version', 20, `version ${version} (compatible with ${compatible}) is unknown`);
  const start = reader.u32be(8, 'off_dt_struct');
  if (start % 4 !== 0) reader.fail('off_dt_struct', 8, 'is not a multiple of 4');
  const length = version >= VERSION ? reader.u32be(36, 'size_dt_struct') : reader.length - start;
  const strings = { start: reader.u32be(12, 'off_dt_strings'), length: reader.u32be(32, 'size_dt_strings') };
  return {
    reservations: readReservations(reader, reader.u32be(16, 'off_mem_rsvmap')),
    bootCpu: reader.u32be(28, 'boot_cpuid_phys'),
    root: readFdtStructure({
      structure: reader.slice(start, length, 'structure block'),
      strings: reader.slice(strings.start, strings.length, 'strings block'),
    }),
  };
}

/** Version 17, without spare room. */
export function encodeFdt(tree: DeviceTree): Uint8Array {
  const { structure, strings } = encodeFdtStructure(tree.root);
  const structureOffset = HEADER_SIZE + (tree.reservations.length + 1) * RESERVATION_SIZE;
  const stringsOffset = structureOffset + structure.length;
  const bytes = new Uint8Array(stringsOffset + strings.length);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, FDT_MAGIC);
  view.setUint32(4, bytes.length);
  view.setUint32(8, structureOffset);
  view.setUint32(12, stringsOffset);
  view.setUint32(16, HEADER_SIZE);
  view.setUint32(20, VERSION);
  view.setUint32(24, COMPATIBLE_VERSION);
  view.setUint32(28, tree.bootCpu);
  view.setUint32(32, strings.length);
  view.setUint32(36, structure.length);
  for (const [index, { address, size }] of tree.reservations.entries()) {
    view.setBigUint64(HEADER_SIZE + index * RESERVATION_SIZE, address);
    view.setBigUint64(HEADER_SIZE + index * RESERVATION_SIZE + 8, size);
  }
  bytes.set(structure, structureOffset);
  bytes.set(strings, stringsOffset);
  return bytes;
}

/** Pairs of address and size up to a pair of zeros, 5.3. */
function readReservations(reader: ByteReader, start: number): MemoryReservation[] {
  const reservations: MemoryReservation[] = [];
  for (let at = start; ; at += RESERVATION_SIZE) {
    const address = reader.u64be(at, 'reservation address');
    const size = reader.u64be(at + 8, 'reservation size');
    if (address === 0n && size === 0n) return reservations;
    reservations.push({ address, size });
  }
}
