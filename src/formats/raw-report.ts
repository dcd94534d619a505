/**
 * A crash report in a partition without a file system, in khop's own layout. All numbers are little-endian.
 *
 *   0     label    "khop raw report\n" | u32 version | u32 0 | 16 bytes id, random: how the area is found
 *   4096  record   "khop crash here\n" | u64 length of the files | u32 CRC-32 of them | u32 0 | name, ends with NUL
 *   4608  steps    text as of chain.txt, ends with NUL, at most 3584 bytes
 *   8192  files    a cpio archive (newc)
 *
 * The record fits into a sector and is written when the files are on disk, so there is either a whole one or none.
 * The steps go on after it, and have a place of their own.
 * @module
 */
import { crc32 } from 'node:zlib';
import { KhopError } from '../error.ts';
import { ByteReader } from './byte-reader.ts';
import { parseCpio } from './cpio.ts';
import { printableText } from './printable-text.ts';

/** Offsets and sizes in bytes. */
export const RAW_REPORT = {
  label: 0,
  labelMagic: 'khop raw report\n',
  version: 1,
  id: 24,
  idSize: 16,
  labelSize: 40,
  record: 4096,
  recordMagic: 'khop crash here\n',
  recordSize: 512,
  length: 16,
  crc: 24,
  name: 32,
  nameSize: 256,
  steps: 4608,
  stepsSize: 3584,
  files: 8192,
} as const;

/** The capture's texts are cut at 2 MiB; more than that is damage. */
export const RAW_REPORT_LIMIT = 16 * 1024 * 1024;

/** What a raw area holds. */
export type RawReport =
  | { readonly state: 'empty' }
  | { readonly state: 'damaged'; readonly problem: string }
  | {
      readonly state: 'report';
      /** As the capture named it. */
      readonly name: string;
      /** Text as of chain.txt. */
      readonly steps: string;
      readonly files: readonly { readonly name: string; readonly bytes: Uint8Array }[];
    };

/** The first block of an area. @param id RAW_REPORT.idSize bytes */
export function encodeRawLabel(id: Uint8Array): Uint8Array {
  const label = Buffer.alloc(RAW_REPORT.record);
  label.write(RAW_REPORT.labelMagic, 'latin1');
  label.writeUInt32LE(RAW_REPORT.version, RAW_REPORT.labelMagic.length);
  label.set(id, RAW_REPORT.id);
  return label;
}

/** The id of an area; undefined when the bytes do not begin with a label of this version. */
export function readRawLabel(bytes: Uint8Array): Uint8Array | undefined {
  if (bytes.length < RAW_REPORT.labelSize) return undefined;
  const reader = new ByteReader(bytes, 'raw report');
  const magic = Buffer.from(reader.slice(0, RAW_REPORT.labelMagic.length, 'label'));
  const version = reader.u32(RAW_REPORT.labelMagic.length, 'version');
  if (magic.toString('latin1') !== RAW_REPORT.labelMagic || version !== RAW_REPORT.version) return undefined;
  return Uint8Array.from(reader.slice(RAW_REPORT.id, RAW_REPORT.idSize, 'id'));
}

/** How many bytes of the area a report takes from its start, by its record; undefined when there is none. */
export function rawReportSize(bytes: Uint8Array): number | undefined {
  const reader = new ByteReader(bytes, 'raw report');
  const magic = Buffer.from(reader.slice(RAW_REPORT.record, RAW_REPORT.recordMagic.length, 'record'));
  if (magic.toString('latin1') !== RAW_REPORT.recordMagic) return undefined;
  const length = reader.u64(RAW_REPORT.record + RAW_REPORT.length, 'length');
  return RAW_REPORT.files + Number(length < BigInt(RAW_REPORT_LIMIT) ? length : BigInt(RAW_REPORT_LIMIT));
}

/** @param bytes of the area from its start, `rawReportSize` of them. Never throws. */
export function readRawReport(bytes: Uint8Array): RawReport {
  try {
    return parseRawReport(bytes);
  } catch (error) {
    if (!(error instanceof KhopError)) throw error;
    return { state: 'damaged', problem: error.message };
  }
}

function parseRawReport(bytes: Uint8Array): RawReport {
  if (rawReportSize(bytes) === undefined) return { state: 'empty' };
  const reader = new ByteReader(bytes, 'raw report');
  const at = (offset: number) => RAW_REPORT.record + offset;
  const content = reader.slice(
    RAW_REPORT.files,
    reader.size64(at(RAW_REPORT.length), 'length'),
    'files of the report',
  );
  if (crc32(content) !== reader.u32(at(RAW_REPORT.crc), 'CRC'))
    reader.fail('CRC', at(RAW_REPORT.crc), 'is not that of the files');
  const text = (offset: number, size: number, field: string) => {
    const found = Buffer.from(reader.slice(offset, size, field));
    const end = found.indexOf(0);
    return found.toString('utf8', 0, end === -1 ? size : end);
  };
  return {
    state: 'report',
    name: printableText(text(at(RAW_REPORT.name), RAW_REPORT.nameSize, 'name')),
    steps: text(RAW_REPORT.steps, RAW_REPORT.stepsSize, 'steps'),
    files: parseCpio(content).entries.map(({ name, bytes: file }) => ({ name, bytes: file })),
  };
}
