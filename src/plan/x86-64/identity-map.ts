/**
 * Page tables that map chosen memory one to one, for code that runs where no kernel does. AMD64 Architecture
 * Programmer's Manual, volume 2, section 5.3 (long-mode page translation): PML4 (and PML5 above it with
 * five-level paging), page-directory pointers, page directories of 2 MiB pages.
 * @module
 */
import type { Range } from '../../formats/range.ts';

const TABLE_SIZE = 4096;
const ENTRIES = 512;
const GIB_SHIFT = 30n;
const LARGE_PAGE = 0x20_0000n;
/** Present, writable. */
const TABLE = 3n;
/** Present, writable, page size: a 2 MiB page. */
const PAGE = 0x83n;

/** Tables, and what CR3 is to hold. */
export interface IdentityMap {
  /** To be placed at the address that was given; a multiple of 4096 long. */
  readonly bytes: Uint8Array;
  /** Physical address of the highest table. */
  readonly root: bigint;
}

/** Bytes that `identityMap` will need for these ranges. */
export function identityMapSize(ranges: readonly Range[], isFiveLevel: boolean): number {
  return tableNames(ranges, isFiveLevel).length * TABLE_SIZE;
}

/**
 * @param address physical, page aligned: where the tables will lie
 * @param ranges what has to be mapped; whole GiB around them are
 */
export function identityMap(address: bigint, ranges: readonly Range[], isFiveLevel: boolean): IdentityMap {
  const names = tableNames(ranges, isFiveLevel);
  const view = new DataView(new ArrayBuffer(names.length * TABLE_SIZE));
  const offsetOf = new Map(names.map((name, index) => [name, index * TABLE_SIZE]));
  const write = (table: string, index: number, entry: bigint) => {
    view.setBigUint64(offsetOf.get(table)! + index * 8, entry, true);
  };
  const link = (table: string, index: number, child: string) => {
    write(table, index, (address + BigInt(offsetOf.get(child)!)) | TABLE);
  };
  for (const gib of gibibytes(ranges)) {
    const top = Number(gib / BigInt(ENTRIES));
    if (isFiveLevel) link('pml5', 0, 'pml4');
    link('pml4', top, `pointers ${top}`);
    link(`pointers ${top}`, Number(gib % BigInt(ENTRIES)), `directory ${gib}`);
    for (let index = 0; index < ENTRIES; index += 1)
      write(`directory ${gib}`, index, ((gib << GIB_SHIFT) + BigInt(index) * LARGE_PAGE) | PAGE);
  }
  return { bytes: new Uint8Array(view.buffer), root: address };
}

/** Which GiB of the address space the ranges touch, ascending. */
function gibibytes(ranges: readonly Range[]): bigint[] {
  const touched = new Set<bigint>();
  for (const { start, end } of ranges)
    for (let gib = start >> GIB_SHIFT; gib << GIB_SHIFT < end; gib += 1n) touched.add(gib);
  return [...touched].sort((a, b) => (a < b ? -1 : 1));
}

/** One name a table, the highest first. */
function tableNames(ranges: readonly Range[], isFiveLevel: boolean): string[] {
  const gibs = gibibytes(ranges);
  const pointers = [...new Set(gibs.map((gib) => Number(gib / BigInt(ENTRIES))))];
  return [
    ...(isFiveLevel ? ['pml5'] : []),
    'pml4',
    ...pointers.map((index) => `pointers ${index}`),
    ...gibs.map((gib) => `directory ${gib}`),
  ];
}
