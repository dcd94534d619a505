/**
 * The kernel log of 3.5 to 5.9: records one behind the other in log_buf.
 * Specification: linux 5.9 kernel/printk/printk.c, struct printk_log (before 3.17 struct log):
 *
 *     0  8  ts_nsec     8  2  len     10  2  text_len     12  2  dict_len     14  1  facility
 *     15 1  5 bits of flags, 3 of the level, then caller_id where CONFIG_PRINTK_CALLER is set; then text and dict
 * @module
 */
import { ByteReader } from '../byte-reader.ts';
import type { KernelMemory } from './kernel-memory.ts';
import { readPointer, readU32 } from './kernel-values.ts';
import {
  type CrashLog,
  type CrashLogRecord,
  type LostRecords,
  RECORDS_LIMIT,
  readCaller,
  requireLogSize,
  TOO_MANY_RECORDS,
} from './log-record.ts';
import { memberOffset, requireKnown, structureSize, symbolAddress } from './vmcoreinfo.ts';

/** Without caller_id. */
const PLAIN_SIZE = 16;

/** @throws E_FORMAT when log_buf itself is not in the dump; E_UNSUPPORTED when an offset is missing */
export function readRecordRing(memory: KernelMemory): CrashLog {
  const info = memory.vmcoreinfo;
  const symbol = (name: string) => requireKnown(symbolAddress(info, name), `SYMBOL(${name})`);
  const structure = structureSize(info, 'printk_log') === undefined ? 'log' : 'printk_log';
  const offset = (name: string) =>
    requireKnown(memberOffset(info, `${structure}.${name}`), `OFFSET(${structure}.${name})`);
  const layout = {
    size: requireKnown(structureSize(info, structure), `SIZE(${structure})`),
    time: offset('ts_nsec'),
    length: offset('len'),
    textLength: offset('text_len'),
  };
  const buffer = readPointer(memory, symbol('log_buf'), 'log_buf');
  const bufferSize = requireLogSize(readU32(memory, symbol('log_buf_len'), 'log_buf_len'));
  const end = readU32(memory, symbol('log_next_idx'), 'log_next_idx');
  const records: CrashLogRecord[] = [];
  const lost: LostRecords[] = [];
  let hasWrapped = false;
  for (let at = readU32(memory, symbol('log_first_idx'), 'log_first_idx'); at !== end; ) {
    const next =
      records.length < RECORDS_LIMIT ? readNext(memory, layout, buffer + BigInt(at)) : TOO_MANY_RECORDS;
    if (typeof next === 'string' || at >= bufferSize || (hasWrapped && at > end)) {
      lost.push({
        sequence: undefined,
        count: 1,
        reason: typeof next === 'string' ? next : 'the ring is damaged',
      });
      break;
    }
    // A record of length 0 says that the next one is at the beginning.
    if (next === undefined && hasWrapped) {
      lost.push({ sequence: undefined, count: 1, reason: 'the ring is damaged' });
      break;
    }
    if (next === undefined) {
      hasWrapped = true;
      at = 0;
      continue;
    }
    records.push(next.record);
    at += next.length;
  }
  return { generation: 'ring of records', records, lost };
}

interface RecordLayout {
  readonly size: number;
  readonly time: number;
  readonly length: number;
  readonly textLength: number;
}

/** @returns undefined where the ring begins anew; a sentence when the record is not to be had */
function readNext(
  memory: KernelMemory,
  layout: RecordLayout,
  address: bigint,
): { readonly record: CrashLogRecord; readonly length: number } | string | undefined {
  const read = memory.read(address, layout.size);
  if (read.state !== 'read') return `${read.state}: ${read.reason}; what follows it cannot be found`;
  const header = new ByteReader(read.bytes, 'printk_log');
  const length = header.u16(layout.length, 'len');
  if (length === 0) return undefined;
  const textLength = header.u16(layout.textLength, 'text_len');
  if (length < layout.size + textLength) return 'a record is damaged; what follows it cannot be found';
  const text = memory.read(address + BigInt(layout.size), textLength);
  if (text.state !== 'read') return `${text.state}: ${text.reason}`;
  return {
    length,
    record: {
      sequence: undefined,
      nanoseconds: header.u64(layout.time, 'ts_nsec'),
      level: header.u8(layout.textLength + 5, 'level') >> 5,
      facility: header.u8(layout.textLength + 4, 'facility'),
      caller: layout.size > PLAIN_SIZE ? readCaller(header.u32(PLAIN_SIZE, 'caller_id')) : undefined,
      text: Buffer.from(text.bytes).toString('latin1'),
    },
  };
}
