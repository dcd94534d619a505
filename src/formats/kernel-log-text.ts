/**
 * The kernel log as text, the way people and tools keep it: `dmesg`, `dmesg -r`, vmcore-dmesg, a console, /dev/kmsg
 * or the journal. Any text is read; what has no prefix is a line without a time.
 * Specification: Documentation/admin-guide/serial-console.rst, Documentation/ABI/testing/dev-kmsg,
 * kernel/printk/printk.c (info_print_prefix, print_caller).
 * @module
 */
import { printableUnicode } from './printable-text.ts';

/** One line. What the text does not say is null, as in the reports that are made of it. */
export interface KernelLogLine {
  /** 0 emergency to 7 debug. */
  readonly level: number | null;
  /** Since the kernel's clock started. */
  readonly seconds: number | null;
  /** `T123`, the thread that wrote it, or `C1`, the CPU when it was no thread (CONFIG_PRINTK_CALLER). */
  readonly caller: string | null;
  /** Printable characters only; tabs are spaces. */
  readonly text: string;
}

/** The longest line that is kept: a record has at most 2 KiB (PRINTK_MESSAGE_MAX), with escapes four times that. */
const LINE_LIMIT = 8192;
/** Narrower than any terminal that wraps: shorter lines end because they are short. */
const NARROWEST_TERMINAL = 72;

/** `<4>[   12.345678][  T123] `: level with facility, time, caller; the time may have been left out. */
const PREFIX =
  /^(?:<(?<level>\d{1,4})>)?(?:\[ *(?<seconds>\d{1,10}\.\d{1,9})\](?: ?\[ *(?<caller>[TC]\d{1,10})\])?(?: |$))?/;
/** `4,339,5140900,-,caller=T12;text`. */
const DEVICE_PREFIX =
  /^(?<level>\d{1,4}),\d{1,20},(?<microseconds>\d{1,18}),[^;,]{1,8}(?:,caller=(?<caller>[TC]\d{1,10}))?[^;]{0,64};/;
/** `Jul 09 02:42:32 host kernel: `, the same with an ISO date, and the dates of `dmesg -T` and of console loggers. */
const DATE_PREFIX =
  /^(?:(?:[A-Z][a-z]{2} [ \d]\d \d\d:\d\d:\d\d(?:\.\d+)?|\d{4}-\d\d-\d\dT[\d:.,+Z-]{8,30}) \S{1,64} kernel: ?|\[(?:[A-Z][a-z]{2} [A-Z][a-z]{2} [ \d]\d \d\d:\d\d:\d\d \d{4}|\d{4}-\d\d-\d\d \d\d:\d\d:\d\d)\] ?)/;

/** The lines of a text. Lines that a terminal of fixed width had cut in pieces are put together again. */
export function parseKernelLogText(text: string): KernelLogLine[] {
  return unwrapLines(text.split(/\r?\n/)).map(parseLine);
}

function parseLine(raw: string): KernelLogLine {
  const line = printableUnicode(raw.slice(0, LINE_LIMIT).replaceAll('\t', ' ')).replace(DATE_PREFIX, '');
  const device = DEVICE_PREFIX.exec(line);
  if (device !== null)
    return {
      level: Number(device.groups!['level']) & 7,
      seconds: Number(device.groups!['microseconds']) / 1e6,
      caller: device.groups!['caller'] ?? null,
      text: line.slice(device[0].length),
    };
  const { 0: prefix, groups } = PREFIX.exec(line)!;
  const { level, seconds, caller } = groups!;
  return {
    level: level === undefined ? null : Number(level) & 7,
    seconds: seconds === undefined ? null : Number(seconds),
    caller: caller ?? null,
    text: line.slice(prefix.length),
  };
}

/**
 * A terminal of n columns that was copied from breaks every longer line after n characters. So it is taken for one
 * when a line without a time follows one that has one, and what precedes it is as wide as all that are so followed.
 */
function unwrapLines(raw: readonly string[]): string[] {
  const isStart = raw.map((line) => /^(?:<\d+>)?\[ *\d+\.\d+\]/.test(line));
  if (!isStart.includes(true)) return [...raw];
  let width = 0;
  for (let index = 1; index < raw.length; index++)
    if (isContinuation(raw, isStart, index)) width = Math.max(width, raw[index - 1]!.length);
  if (width < NARROWEST_TERMINAL) return [...raw];
  const lines: string[] = [];
  let seenStart = false;
  for (const [index, line] of raw.entries()) {
    const continues = seenStart && isContinuation(raw, isStart, index) && raw[index - 1]!.length === width;
    if (continues) lines[lines.length - 1] += line;
    else lines.push(line);
    seenStart ||= isStart[index]!;
  }
  return lines;
}

function isContinuation(raw: readonly string[], isStart: readonly boolean[], index: number): boolean {
  return index > 0 && !isStart[index]! && raw[index] !== '';
}
