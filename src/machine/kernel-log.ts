/**
 * The kernel log, read from /dev/kmsg: Documentation/ABI/testing/dev-kmsg.
 * @module
 */
import { closeSync, constants, openSync, readSync } from 'node:fs';
import type { Reading } from './reading.ts';
import { trySyscall } from './syscall.ts';

/** One record. */
export interface KernelLogRecord {
  readonly sequence: number;
  /** 0 emergency to 7 debug. */
  readonly level: number;
  /** Since the kernel's clock started. */
  readonly microseconds: number;
  /** One line without control characters. */
  readonly text: string;
}

/** What the kernel writes from now on; close it with `using`. */
export interface KernelLogMark extends Disposable {
  /** The texts written since the mark or the last call, oldest first. */
  readonly newTexts: () => readonly string[];
}

const KERNEL_LOG = '/dev/kmsg';
/** A record is at most 8 KiB (PRINTK_MESSAGE_MAX, before 6.4 CONSOLE_EXT_LOG_MAX). */
const RECORD_LIMIT = 8192;
/** More than the largest ring (CONFIG_LOG_BUF_SHIFT 25) holds: a kernel that logs faster than we read ends here. */
const RECORDS_LIMIT = 1 << 20;
const SEEK_END = 2;

/** `6,339,5140900,-;text`, then continuation lines that begin with a space; undefined for anything else. */
export function parseKernelLogRecord(line: string): KernelLogRecord | undefined {
  const match = /^(\d+),(\d+),(\d+)[^;\n]*;([^\n]*)/.exec(line);
  if (match === null) return undefined;
  return {
    sequence: Number(match[2]),
    level: Number(match[1]) & 7,
    microseconds: Number(match[3]),
    text: unescapeText(match[4]!),
  };
}

/** The kernel writes every byte outside printable ASCII, and `\`, as `\xHH`: together they may be UTF-8. */
function unescapeText(text: string): string {
  const bytes = Buffer.from(
    text.replaceAll(/\\x([0-9a-f]{2})/g, (_all, hex: string) =>
      String.fromCharCode(Number.parseInt(hex, 16)),
    ),
    'latin1',
  );
  // Names of USB devices end up in the log: what they send must not reach a terminal as an escape sequence.
  return bytes.toString('utf8').replaceAll(/\p{Cc}/gu, '?');
}

/** The records of a text, in its order; other lines are skipped. */
export function parseKernelLog(text: string): KernelLogRecord[] {
  return text
    .split('\n')
    .map(parseKernelLogRecord)
    .filter((record) => record !== undefined);
}

/** All records that are still in the ring, oldest first. */
export function readKernelLog(path: string = KERNEL_LOG): Reading<readonly KernelLogRecord[]> {
  let descriptor: number;
  try {
    descriptor = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
  } catch (error) {
    const reason = String((error as NodeJS.ErrnoException).code);
    return reason === 'ENOENT'
      ? { state: 'absent', source: path }
      : { state: 'unreadable', source: path, reason };
  }
  try {
    return { state: 'read', value: parseKernelLog(drain(descriptor)), source: path };
  } catch (error) {
    return { state: 'unreadable', source: path, reason: String((error as NodeJS.ErrnoException).code) };
  } finally {
    closeSync(descriptor);
  }
}

/** Reads to the end; a read from /dev/kmsg returns one record. */
function drain(descriptor: number): string {
  const parts: Buffer[] = [];
  const buffer = Buffer.alloc(RECORD_LIMIT);
  while (parts.length < RECORDS_LIMIT) {
    try {
      const length = readSync(descriptor, buffer);
      if (length === 0) break;
      parts.push(Buffer.from(buffer.subarray(0, length)));
    } catch (error) {
      const code = (error as NodeJS.ErrnoException).code;
      if (code === 'EAGAIN') break;
      // Records were overwritten before we came to them; the next read gives the oldest there is.
      if (code !== 'EPIPE') throw error;
    }
  }
  return Buffer.concat(parts).toString('utf8');
}

/** Remembers where the log ends now. A log that cannot be read gives no texts: it only explains failures. */
export function markKernelLog(path: string = KERNEL_LOG): KernelLogMark {
  let descriptor: number | undefined;
  try {
    descriptor = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
    trySyscall(
      'lseek',
      { name: 'fd', value: descriptor },
      { name: 'offset', value: 0 },
      { name: 'whence', value: SEEK_END },
    );
  } catch {
    descriptor = undefined;
  }
  return {
    newTexts: () => (descriptor === undefined ? [] : textsOf(descriptor)),
    [Symbol.dispose]: () => {
      if (descriptor !== undefined) closeSync(descriptor);
      descriptor = undefined;
    },
  };
}

function textsOf(descriptor: number): string[] {
  try {
    return parseKernelLog(drain(descriptor)).map((record) => record.text);
  } catch {
    return [];
  }
}
