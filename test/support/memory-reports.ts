/**
 * Reports as they come home in memory, written here by other code than the capture program's.
 * @module
 */
import { REPORT_CHECKSUM } from '../../src/formats/memory-report.ts';

export const ARMING = '0123456789abcdef';

/** The data of a node. @param files by name */
export function memoryReportOf(id: string, files: Readonly<Record<string, string>>, arming = ARMING): Buffer {
  const parts = Object.entries(files).map(([name, text]) => `file ${name} ${text.length}\n${text}\n`);
  const text = `khop-report 1 ${arming}\nid ${id}\n${parts.join('')}`;
  const body = Buffer.from(text + '\n'.repeat(-text.length & 7));
  let sum: bigint = REPORT_CHECKSUM.start;
  for (let at = 0; at < body.length; at += 8)
    sum = BigInt.asUintN(64, (sum ^ body.readBigUInt64LE(at)) * REPORT_CHECKSUM.factor);
  return Buffer.concat([body, Buffer.from(`end ${sum.toString(16).padStart(16, '0')}\n`)]);
}
