/**
 * What every decompressor takes and gives, and the buffer it writes to. A decoder here always works on bytes
 * that are wholly in memory, stops at the first byte that its format does not explain, and never writes more
 * than it was allowed to.
 * @module
 */
import { KhopError } from '../error.ts';

/** Input of a decoder. */
export interface DecodeRequest {
  readonly bytes: Uint8Array;
  /** Whose bytes these are, for messages, e.g. a path. */
  readonly name: string;
  /** Output above this many bytes is refused before it is written. */
  readonly maxOutputBytes: number;
  /**
   * `first`: the first stream (member, frame) only, whatever follows it, as the kernel decodes. `all`: every
   * stream, as the format's command-line tool decodes, and nothing may follow the last.
   */
  readonly extent: 'first' | 'all';
}

/** What came out. */
export interface Decoded {
  readonly bytes: Uint8Array;
  /** How many bytes of the input were used. */
  readonly consumed: number;
}

/** What will come out. */
export interface ExpectedSize {
  /** At most so many bytes, or about. */
  readonly size: number;
  /** Where the input that it is of ends. */
  readonly end: number;
}

const SMALLEST_CAPACITY = 64 * 1024;
/** Bytes; node:zlib wants some. */
const SMALLEST_CHUNK = 1024;
const MODEST_CHUNK = 1024 * 1024;

/** Bytes that grow up to a limit. Decoders reserve first and then write to `bytes` themselves. */
export class OutputBuffer {
  bytes: Uint8Array;
  /** How many of `bytes` are output. */
  length = 0;
  readonly limit: number;
  readonly #name: string;

  /** @param sizeHint the expected size; a wrong or hostile one costs nothing but growth */
  constructor(request: DecodeRequest, sizeHint = SMALLEST_CAPACITY) {
    this.limit = request.maxOutputBytes;
    this.#name = request.name;
    this.bytes = allocateOutput(Math.min(Math.max(sizeHint, 0), this.limit), request.name);
  }

  /** Makes room for `count` more bytes. @throws E_UNSUPPORTED when that is above the limit */
  reserve(count: number): void {
    const needed = this.length + count;
    if (needed <= this.bytes.length) return;
    if (needed > this.limit) this.failLimit();
    const capacity = Math.min(Math.max(needed, this.bytes.length * 2, SMALLEST_CAPACITY), this.limit);
    const grown = allocateOutput(capacity, this.#name);
    grown.set(this.bytes.subarray(0, this.length));
    this.bytes = grown;
  }

  /** @throws E_UNSUPPORTED: there is more output than allowed */
  failLimit(): never {
    return failLimit(this.#name, this.limit);
  }

  /** Appends a copy of `bytes`. */
  append(bytes: Uint8Array): void {
    this.reserve(bytes.length);
    this.bytes.set(bytes, this.length);
    this.length += bytes.length;
  }

  /** The output so far; a view. */
  take(): Uint8Array {
    return this.bytes.subarray(0, this.length);
  }
}

/** @throws E_UNSUPPORTED: the output would be larger than allowed */
export function failLimit(name: string, limit: number): never {
  throw new KhopError('E_UNSUPPORTED', `${name}: unpacks to more than the ${limit} bytes allowed`, {
    hint: 'If the file is meant to be this large, unpack it with its own tool and name the result instead.',
  });
}

/** @throws E_UNSUPPORTED when this machine has not got that much memory */
export function allocateOutput(size: number, name: string): Uint8Array {
  try {
    return new Uint8Array(size);
  } catch (cause) {
    throw new KhopError('E_UNSUPPORTED', `${name}: unpacking needs ${size} bytes of memory`, {
      hint: 'Free memory, or unpack the file on another machine and name the result instead.',
      cause,
    });
  }
}

/**
 * Runs a decoder of node:zlib. Where it needs several chunks of output it puts them together in the end, and all of it is
 * in memory twice; a part of a chunk that nothing is written to is not in memory at all. So the first is to hold it all.
 *
 * @param expectedBytes of output; more or less is no error
 */
export function inOneChunk<T>(expectedBytes: number, decode: (chunkSize: number) => T): T {
  const chunkSize = Math.max(expectedBytes, SMALLEST_CHUNK);
  try {
    return decode(chunkSize);
  } catch (error) {
    // Not every system promises memory that may never be used.
    const isTooMuch = (error as NodeJS.ErrnoException).code === 'ERR_MEMORY_ALLOCATION_FAILED';
    if (!isTooMuch || chunkSize <= MODEST_CHUNK) throw error;
    return decode(MODEST_CHUNK);
  }
}
