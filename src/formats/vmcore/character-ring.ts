/**
 * The kernel log before 3.5: characters in a ring, levels and times written as text.
 * Reference: linux 3.4 kernel/printk.c, emit_log_char(); log_buf_len is a power of two.
 * @module
 */

import { KhopError } from '../../error.ts';
import type { KernelMemory } from './kernel-memory.ts';
import { readKernelBytes, readPointer, readU32 } from './kernel-values.ts';
import type { CrashLog, CrashLogRecord } from './log-record.ts';
import { requireKnown, symbolAddress } from './vmcoreinfo.ts';

/** log_buf_len= of those kernels was not larger in practice. */
const LARGEST_BUFFER = 256 * 1024 * 1024;

/**
 * All that was written, or the last log_buf_len bytes of it; logged_chars is less after `dmesg -c`.
 * @throws E_FORMAT when the ring is not in the dump
 */
export function readCharacterRing(memory: KernelMemory): CrashLog {
  const symbol = (name: string) => requireKnown(symbolAddress(memory.vmcoreinfo, name), `SYMBOL(${name})`);
  const buffer = readPointer(memory, symbol('log_buf'), 'log_buf');
  const size = readU32(memory, symbol('log_buf_len'), 'log_buf_len');
  const end = readU32(memory, symbol('log_end'), 'log_end');
  if (size === 0 || size > LARGEST_BUFFER)
    throw new KhopError('E_FORMAT', `log_buf_len is ${size}, which no kernel has`, {
      hint: 'The dump is damaged there; `khop vmcore info` says what it has.',
    });
  const read = (from: number, length: number) =>
    Buffer.from(readKernelBytes(memory, buffer + BigInt(from), length, 'log_buf')).toString('latin1');
  const at = end % size;
  const text = end <= size ? read(0, end) : read(at, size - at) + read(0, at);
  const lines = text.split('\n');
  if (lines.at(-1) === '') lines.pop();
  return { generation: 'ring of characters', records: lines.map(parseLine), lost: [] };
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
