/**
 * The kernel log before 3.5: characters in a ring, levels and times written as text.
 * Reference: linux 3.4 kernel/printk.c, emit_log_char(); log_buf_len is a power of two.
 * @module
 */
import type { KernelMemory } from './kernel-memory.ts';
import { readKernelBytes, readPointer, readU32 } from './kernel-values.ts';
import {
  type CrashLog,
  type CrashLogRecord,
  RECORDS_LIMIT,
  requireLogSize,
  TOO_MANY_RECORDS,
} from './log-record.ts';
import { requireKnown, symbolAddress } from './vmcoreinfo.ts';

/**
 * All that was written, or the last log_buf_len bytes of it; logged_chars is less after `dmesg -c`.
 * @throws E_FORMAT when the ring is not in the dump
 */
export function readCharacterRing(memory: KernelMemory): CrashLog {
  const symbol = (name: string) => requireKnown(symbolAddress(memory.vmcoreinfo, name), `SYMBOL(${name})`);
  const buffer = readPointer(memory, symbol('log_buf'), 'log_buf');
  const size = requireLogSize(readU32(memory, symbol('log_buf_len'), 'log_buf_len'));
  const end = readU32(memory, symbol('log_end'), 'log_end');
  const read = (from: number, length: number) =>
    readKernelBytes(memory, buffer + BigInt(from), length, 'log_buf');
  const at = end % size;
  const { lines, before } = lastLines(
    Buffer.concat(end <= size ? [read(0, end)] : [read(at, size - at), read(0, at)]),
  );
  return {
    generation: 'ring of characters',
    records: lines.map(parseLine),
    lost: before === 0 ? [] : [{ sequence: undefined, count: before, reason: TOO_MANY_RECORDS }],
  };
}

const NEWLINE = 10;

/** As many lines as are read, and how many there are before them. */
function lastLines(bytes: Buffer): { readonly lines: readonly string[]; readonly before: number } {
  let newlines = 0;
  let start = 0;
  for (let at = bytes.length - 2; at >= 0; at--)
    if (bytes[at] === NEWLINE && ++newlines === RECORDS_LIMIT) start = at + 1;
  const lines = bytes.toString('latin1', start).split('\n');
  if (lines.at(-1) === '') lines.pop();
  return { lines, before: Math.max(0, newlines + 1 - RECORDS_LIMIT) };
}

/** `<6>[    0.000000] text`; without CONFIG_PRINTK_TIME there is no time. */
function parseLine(line: string): CrashLogRecord {
  const [, level, rest] = /^<([0-7])>(.*)$/s.exec(line) ?? [undefined, undefined, line];
  const [, seconds, microseconds, text] = /^\[ *(\d{1,15})\.(\d{6})\] (.*)$/s.exec(rest!) ?? [];
  return {
    sequence: undefined,
    nanoseconds:
      seconds === undefined ? undefined : BigInt(seconds) * 1_000_000_000n + BigInt(microseconds!) * 1000n,
    level: level === undefined ? undefined : Number(level),
    facility: undefined,
    caller: undefined,
    text: text ?? rest!,
  };
}
