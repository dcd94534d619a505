/**
 * The kernel log, read from /dev/kmsg: Documentation/ABI/testing/dev-kmsg.
 * @module
 */
import { closeSync, constants, openSync, readSync } from 'node:fs';
import type { Reading } from './reading.ts';

/** One record. */
export interface KernelLogRecord {
  readonly sequence: number;
  /** 0 emergency to 7 debug. */
  readonly level: number;
  /** Since the kernel's clock started. */
  readonly microseconds: number;
  readonly text: string;
}

/** A record is at most 8 KiB (CONSOLE_EXT_LOG_MAX). */
const RECORD_LIMIT = 8192;

/** `6,339,5140900,-;text`, then continuation lines that begin with a space; undefined for anything else. */
export function parseKernelLogRecord(text: string): KernelLogRecord | undefined {
  const match = /^(\d+),(\d+),(\d+),[^;]*;([^\n]*)/.exec(text);
  if (match === null) return undefined;
  return {
    sequence: Number(match[2]),
    level: Number(match[1]) & 7,
    microseconds: Number(match[3]),
    text: match[4]!.replaceAll(/\\x([0-9a-f]{2})/g, (_all, hex: string) =>
      String.fromCharCode(Number.parseInt(hex, 16)),
    ),
  };
}

/** All records that are still in the ring, oldest first. */
export function readKernelLog(): Reading<readonly KernelLogRecord[]> {
  const source = '/dev/kmsg';
  let descriptor: number;
  try {
    descriptor = openSync(source, constants.O_RDONLY | constants.O_NONBLOCK);
  } catch (error) {
    const reason = String((error as NodeJS.ErrnoException).code);
    return reason === 'ENOENT' ? { state: 'absent', source } : { state: 'unreadable', source, reason };
  }
  const records: KernelLogRecord[] = [];
  const buffer = Buffer.alloc(RECORD_LIMIT);
  try {
    for (;;) {
      const record = parseKernelLogRecord(readRecord(descriptor, buffer));
      if (record !== undefined) records.push(record);
    }
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code;
    if (code === 'EAGAIN') return { state: 'read', value: records, source };
    return { state: 'unreadable', source, reason: String(code) };
  } finally {
    closeSync(descriptor);
  }
}

/** EPIPE says that records were overwritten while reading; the next read goes on with the oldest there is. */
function readRecord(descriptor: number, buffer: Buffer): string {
  try {
    return buffer.toString('utf8', 0, readSync(descriptor, buffer));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EPIPE') return '';
    throw error;
  }
}

/** What the kernel wrote after the record with `sequence`, texts only. */
export function kernelLogSince(sequence: number): readonly string[] {
  const log = readKernelLog();
  if (log.state !== 'read') return [];
  return log.value.filter((record) => record.sequence > sequence).map((record) => record.text);
}

/** The sequence number of the newest record; -1 when there is none. */
export function newestKernelLogSequence(): number {
  const log = readKernelLog();
  return log.state === 'read' ? (log.value.at(-1)?.sequence ?? -1) : -1;
}
