/**
 * A report that comes home in memory: the data of a node of setup_data. The capture program writes it
 * (plan/capture/memory-report.ts), and the kernel that came home reads it in /sys/kernel/boot_params/setup_data.
 *
 *     khop-report 1 ARMING      ARMING: 16 hexadecimal digits, as in khop.guard= on the command line
 *     id NAME                   NAME: of the crash's folder
 *     file NAME SIZE            SIZE: decimal, bytes of content, which follow; then a line break
 *     end CHECKSUM              16 hexadecimal digits
 *
 * There are as many files as were ready. Line breaks fill up to a multiple of 8 bytes in front of `end`; the checksum
 * is of all words before it. What lies behind is chance, and so is all of the node when nobody put a report there:
 * it is memory of the kernel that died, perhaps with the report of an earlier crash. So the id of the arming counts.
 * @module
 */
import { ByteReader } from './byte-reader.ts';

/** How it begins, for the one who writes it. */
export const MEMORY_REPORT_START = 'khop-report 1 ';

/** FNV-1a with 64 bits, by words instead of bytes: each step can be undone, so no single change is missed. */
export const REPORT_CHECKSUM = { start: 0xcbf2_9ce4_8422_2325n, factor: 0x100_0000_01b3n } as const;

/** What came home. */
export interface MemoryReport {
  readonly id: string;
  /** By name, in the order of writing. */
  readonly files: ReadonlyMap<string, Uint8Array>;
  /** Whether the checksum agrees: otherwise something wrote into it on the way. */
  readonly isWhole: boolean;
}

const LONGEST_LINE = 320;
const NAME = /^[A-Za-z0-9][\w.+~:-]{0,200}$/;
const NEWLINE = 10;

/** Whether the node holds a report of this arming, and not what was there before. */
export function hasMemoryReport(bytes: Uint8Array, arming: string): boolean {
  const start = `${MEMORY_REPORT_START}${arming}\n`;
  return Buffer.from(bytes.subarray(0, start.length)).toString('latin1') === start;
}

/** @throws E_FORMAT when it is not a report, or cut short */
export function parseMemoryReport(bytes: Uint8Array): MemoryReport {
  const reader: ByteReader = new ByteReader(bytes, 'the report in memory');
  let at = 0;
  const line = (what: string): string => {
    const start = at;
    const end = bytes.indexOf(NEWLINE, at);
    if (end < 0 || end - at > LONGEST_LINE) reader.fail(what, at, 'is no line of text');
    at = end + 1;
    return Buffer.from(bytes.subarray(start, end)).toString('latin1');
  };
  const first = line('start');
  if (!first.startsWith(MEMORY_REPORT_START)) reader.fail('start', 0, 'is not that of a report');
  const id = /^id (.+)$/.exec(line('id'))?.[1];
  if (id === undefined || !NAME.test(id)) reader.fail('id', at, 'is no name of a crash');
  const files = new Map<string, Uint8Array>();
  for (;;) {
    const start = at;
    const text = line('file');
    if (text === '') continue;
    const end = /^end ([0-9a-f]{16})$/.exec(text)?.[1];
    if (end !== undefined)
      return { id, files, isWhole: checksumOf(bytes.subarray(0, start)) === BigInt(`0x${end}`) };
    const [, name, size] = /^file (\S+) (\d{1,9})$/.exec(text) ?? [];
    if (name === undefined || !NAME.test(name)) reader.fail('file', start, 'is no name and size');
    files.set(name, reader.slice(at, Number(size), name));
    at += Number(size);
  }
}

/** Of the whole words; the rest of fewer than 8 bytes does not occur in what was written. */
function checksumOf(bytes: Uint8Array): bigint {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  let sum: bigint = REPORT_CHECKSUM.start;
  for (let at = 0; at + 8 <= bytes.length; at += 8)
    sum = BigInt.asUintN(64, (sum ^ view.getBigUint64(at, true)) * REPORT_CHECKSUM.factor);
  return sum;
}
