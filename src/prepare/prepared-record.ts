/**
 * What `khop prepare` left for one kernel: prepared.json beside the files it describes, in a folder of
 * /var/cache/khop/prepared named by the SHA-256 of all inputs. The record is written last, and the folder gets
 * its name after that, so a folder with a name is whole.
 * @module
 */
import { crc32 } from 'node:zlib';
import * as v from 'valibot';
import { STORAGE_KINDS } from '../plan/initramfs/standing-modules.ts';
import { VERSION } from '../version.ts';

export const PREPARED_VERSION = 1;
/** Changes whenever other bytes come out of the same inputs, or more is to be known of them. */
export const PREPARED_RECIPE = 5;

/** A file of the boot folder as stat(2) tells it: any change of content changes one of these. */
const FileIdentity = v.object({
  /** Where it was found; the same file may have other paths. */
  path: v.string(),
  device: v.string(),
  inode: v.string(),
  size: v.number(),
  /** Decimal, too large for a number. */
  modifiedNs: v.string(),
  changedNs: v.string(),
});

/** A file of the entry, with a sum that tells decay; the folder is root's own, so nobody else writes there. */
const PreparedFile = v.object({
  name: v.pipe(v.string(), v.regex(/^[a-z.-]+$/)),
  size: v.number(),
  /** CRC-32 of ISO 3309, as gzip has it. */
  crc32: v.number(),
});

const PreparedKernel = v.object({
  layout: v.object({
    prefAddress: v.number(),
    alignment: v.number(),
    entryOffset: v.number(),
    memorySize: v.number(),
    virtualSize: v.number(),
    commandLineSize: v.number(),
    xloadFlags: v.number(),
  }),
  /** Base64. */
  setupHeader: v.string(),
  image: PreparedFile,
  relocations: PreparedFile,
});

const Names = v.pipe(v.array(v.string()), v.readonly());

/** As plan/initramfs/covered-needs.ts has them. */
const CoveredNeeds = v.object({
  modaliases: Names,
  drivers: Names,
  loadedModules: Names,
  storage: v.pipe(v.array(v.picklist(STORAGE_KINDS)), v.readonly()),
  names: Names,
  spareNames: Names,
});

const PreparedInitramfs = v.object({
  file: PreparedFile,
  packing: v.picklist(['none', 'lz4']),
  /** Bytes of what the boot loader would load, and of all that is in it. */
  originalBytes: v.number(),
  unpackedBytes: v.number(),
  /** What was left out for this machine; null when nothing was trimmed, and then why. */
  trimmed: v.nullable(
    v.object({
      modules: v.number(),
      firmware: v.number(),
      /** Of modules and firmware. */
      bytes: v.number(),
      /** Bytes of names in hwdb.bin. */
      hardwareNames: v.number(),
      keptModules: v.number(),
      /** What it was trimmed for: it fits a machine that needs no more. */
      covered: CoveredNeeds,
    }),
  ),
  untrimmedBecause: v.nullable(v.string()),
});

/** SHA-256, hex. */
const Digest = v.pipe(v.string(), v.regex(/^[0-9a-f]{64}$/));

const PreparedRecord = v.object({
  version: v.literal(PREPARED_VERSION),
  recipe: v.number(),
  /** SHA-256 of the inputs, hex; also the folder's name. */
  key: Digest,
  /** SHA-256 of those of the files, hex. */
  content: Digest,
  release: v.nullable(v.string()),
  image: FileIdentity,
  initrds: v.array(FileIdentity),
  /** How the initramfs was to be prepared, see variantOf: one that was trimmed has a condition besides. */
  variant: v.string(),
  /** Null with a reason where the kernel cannot be unpacked beforehand. */
  kernel: v.nullable(PreparedKernel),
  kernelObstacle: v.nullable(v.string()),
  initramfs: v.nullable(PreparedInitramfs),
  initramfsObstacle: v.nullable(v.string()),
  /** Whether an obstacle is one of the files: for want of memory, the next one tries again. */
  isLasting: v.boolean(),
  /** Version of khop. */
  madeBy: v.string(),
  /** What the entry would take with the initramfs that is not in it for want of room: of the disk, and of memory. */
  leftOut: v.optional(v.object({ diskBytes: v.number(), memoryBytes: v.number() })),
  madeAtMs: v.number(),
  tookMs: v.number(),
});

export type FileIdentity = v.InferOutput<typeof FileIdentity>;
export type PreparedFile = v.InferOutput<typeof PreparedFile>;
export type PreparedRecord = v.InferOutput<typeof PreparedRecord>;

/** Whether trying again would come to the same. Another khop may be able to do what the one before was not. */
export function isSettled({ kernelObstacle, initramfsObstacle, isLasting, madeBy }: PreparedRecord): boolean {
  if (kernelObstacle === null && initramfsObstacle === null) return true;
  return isLasting && madeBy === VERSION;
}

/** With a sum over all of it: what it says of the kernel's place and entry is jumped to as it stands. */
export function encodePreparedRecord(record: PreparedRecord): string {
  return `${JSON.stringify({ ...record, sum: sumOf(record) }, null, 2)}\n`;
}

/**
 * Undefined for anything but a record of this version that is as it was written: a cache entry that is not understood
 * or has decayed is made anew.
 */
export function decodePreparedRecord(text: string): PreparedRecord | undefined {
  try {
    const { sum, ...record }: { readonly sum?: unknown } = JSON.parse(text);
    if (sum !== sumOf(record)) return undefined;
    const result = v.safeParse(PreparedRecord, record);
    return result.success && result.output.recipe === PREPARED_RECIPE ? result.output : undefined;
  } catch {
    return undefined;
  }
}

/** CRC-32 of the record as JSON. It depends on the order of the fields, which a file keeps. */
function sumOf(record: object): number {
  return crc32(JSON.stringify(record));
}
