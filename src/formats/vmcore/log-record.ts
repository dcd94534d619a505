/**
 * One record of the kernel log as a dump has it, and its line as `makedumpfile --dump-dmesg` and vmcore-dmesg
 * print it.
 * @module
 */
import { KhopError } from '../../error.ts';

/** Who wrote a record: a task by its pid, or a CPU outside of any task. */
export interface LogCaller {
  readonly kind: 'task' | 'cpu';
  readonly id: number;
}

/** A record. What its kernel does not keep is undefined. */
export interface CrashLogRecord {
  readonly sequence: number | undefined;
  /** Since the kernel's clock started. */
  readonly nanoseconds: bigint | undefined;
  /** 0 emergency to 7 debug. */
  readonly level: number | undefined;
  /** 0 the kernel; others were written through /dev/kmsg. */
  readonly facility: number | undefined;
  readonly caller: LogCaller | undefined;
  /** One character a byte, as they are in the ring: no encoding is known. Lines within are parted by `\n`. */
  readonly text: string;
}

/** Records that are not in the log although their numbers are. */
export interface LostRecords {
  /** Sequence number of the first, where it is known. */
  readonly sequence: number | undefined;
  readonly count: number;
  readonly reason: string;
}

/** The log of a crashed kernel, oldest first. `dmesg -C` hid nothing from it. */
export interface CrashLog {
  readonly generation: 'ring of descriptors' | 'ring of records' | 'ring of characters';
  readonly records: readonly CrashLogRecord[];
  readonly lost: readonly LostRecords[];
}

/** Bytes of text that are read. log_buf_len= takes 2 GiB, but kernels are not given so much in practice. */
export const LARGEST_LOG = 256 * 1024 * 1024;
/** Records that are read: a log of 64 MiB has some. */
export const RECORDS_LIMIT = 2 ** 20;
export const TOO_MANY_RECORDS = `the log has more than the ${RECORDS_LIMIT} records that khop reads`;

/** @throws E_FORMAT when `size`, log_buf_len, is none that a kernel has */
export function requireLogSize(size: number): number {
  if (size > 0 && size <= LARGEST_LOG) return size;
  throw new KhopError('E_FORMAT', `log_buf_len is ${size}, which no kernel has`, {
    hint: 'The dump is damaged there; `khop vmcore info` says what it has.',
  });
}

/** The highest bit tells a CPU from a task. */
const CPU_BIT = 0x8000_0000;

/** printk_caller_id() of kernel/printk/printk.c; 0 is the idle task, which boots the kernel. */
export function readCaller(value: number): LogCaller {
  return value >= CPU_BIT ? { kind: 'cpu', id: value - CPU_BIT } : { kind: 'task', id: value };
}

/** `[    1.234567] `; empty for a record that has no time. */
export function formatLogTime(nanoseconds: bigint | undefined): string {
  if (nanoseconds === undefined) return '';
  const seconds = String(nanoseconds / 1_000_000_000n).padStart(5);
  const microseconds = String((nanoseconds % 1_000_000_000n) / 1000n).padStart(6, '0');
  return `[${seconds}.${microseconds}] `;
}

/** What precedes the text on each line that `formatLogRecord` makes, with `words` in front of the time. */
export function formatLogRecord(record: CrashLogRecord, words = ''): string {
  const prefix = `${words}${formatLogTime(record.nanoseconds)}`;
  return `${prefix}${escapeLogText(record.text).replaceAll('\n', `\n${' '.repeat(prefix.length)}`)}`;
}

/** Names of devices end up in the log: no byte of them may reach a terminal as an escape sequence. */
function escapeLogText(text: string): string {
  return text.replaceAll(
    /[^\x20-\x7e\t\n]/g,
    (byte) => `\\x${byte.charCodeAt(0).toString(16).padStart(2, '0')}`,
  );
}
