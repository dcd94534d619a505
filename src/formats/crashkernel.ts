/**
 * The kernel parameter crashkernel=: how much memory is kept for a panic kernel, and where.
 * Specification: linux Documentation/admin-guide/kdump/kdump.rst, "crashkernel syntax"; what several of them
 * mean together: kernel/crash_reserve.c (before 6.9 crash_core.c), parse_crashkernel().
 * @module
 */
import { KhopError } from '../error.ts';
import { printMemorySize, readMemorySize } from './memory-size.ts';

/** `START-[END]:SIZE`: for machines with at least `start` and less than `end` bytes. */
export interface CrashkernelRange {
  readonly start: bigint;
  /** Exclusive; undefined: no limit. */
  readonly end: bigint | undefined;
  readonly size: bigint;
}

/** One crashkernel= argument. Sizes and addresses are bytes. */
export type CrashkernelArgument =
  /** `SIZE[@OFFSET]` */
  | { readonly kind: 'size'; readonly size: bigint; readonly offset: bigint | undefined }
  /** `RANGE:SIZE[,RANGE:SIZE...][@OFFSET]` */
  | {
      readonly kind: 'ranges';
      readonly ranges: readonly CrashkernelRange[];
      readonly offset: bigint | undefined;
    }
  /** `SIZE,high`: above 4 GiB where there is room; `SIZE,low`: what it gets below; `SIZE,cma`: on top (6.17). */
  | { readonly kind: 'high' | 'low' | 'cma'; readonly size: bigint };

const SUFFIXES = ['high', 'low', 'cma'] as const;

/**
 * The value of one argument, without `crashkernel=`.
 * @throws E_USAGE naming the place of what the kernel would not understand
 */
export function parseCrashkernel(value: string): CrashkernelArgument {
  const cursor = new Cursor(value);
  if (value.includes(':')) {
    const ranges = [cursor.range()];
    while (cursor.take(',')) ranges.push(cursor.range());
    return { kind: 'ranges', ranges, offset: cursor.offsetAtEnd() };
  }
  const size = cursor.size();
  if (!cursor.take(',')) return { kind: 'size', size, offset: cursor.offsetAtEnd() };
  const kind = SUFFIXES.find((suffix) => cursor.rest === suffix);
  return kind === undefined ? cursor.fail('high, low or cma is expected here') : { kind, size };
}

/** The value as the kernel takes it; `parseCrashkernel` gives the same argument back. */
export function printCrashkernel(argument: CrashkernelArgument): string {
  switch (argument.kind) {
    case 'size':
      return `${printMemorySize(argument.size)}${printOffset(argument.offset)}`;
    case 'ranges':
      return `${argument.ranges.map(printRange).join(',')}${printOffset(argument.offset)}`;
    default:
      return `${printMemorySize(argument.size)},${argument.kind}`;
  }
}

function printRange({ start, end, size }: CrashkernelRange): string {
  return `${printMemorySize(start)}-${end === undefined ? '' : printMemorySize(end)}:${printMemorySize(size)}`;
}

function printOffset(offset: bigint | undefined): string {
  return offset === undefined ? '' : `@${printMemorySize(offset)}`;
}

/** Where the parser stands in a value. */
class Cursor {
  readonly #value: string;
  #position = 0;

  constructor(value: string) {
    this.#value = value;
  }

  get rest(): string {
    return this.#value.slice(this.#position);
  }

  fail(problem: string): never {
    const place = this.rest === '' ? 'at its end' : `at ${JSON.stringify(this.rest)}`;
    throw new KhopError('E_USAGE', `crashkernel=${this.#value}: ${place}: ${problem}`, {
      hint: 'Write SIZE[@OFFSET], SIZE,high, SIZE,low, SIZE,cma or START-[END]:SIZE,... with sizes such as 128M.',
    });
  }

  take(character: string): boolean {
    if (!this.rest.startsWith(character)) return false;
    this.#position += character.length;
    return true;
  }

  size(): bigint {
    const read = readMemorySize(this.rest);
    if (read === undefined) this.fail('a size below 2^64 bytes is expected here');
    this.#position += read.length;
    return read.bytes;
  }

  range(): CrashkernelRange {
    const start = this.size();
    if (!this.take('-')) this.fail('"-" is expected after the start of a range');
    const before = this.#position;
    const end = this.rest.startsWith(':') ? undefined : this.size();
    if (end !== undefined && end <= start) {
      this.#position = before;
      this.fail('a range must end above its start');
    }
    if (!this.take(':')) this.fail('":" is expected after a range');
    return { start, end, size: this.size() };
  }

  offsetAtEnd(): bigint | undefined {
    const offset = this.take('@') ? this.size() : undefined;
    if (this.rest !== '') this.fail('nothing more is expected here');
    return offset;
  }
}
