/**
 * A bitmap with a bit for each page frame, and the rank of a bit: page descriptors are numbered by the set bits
 * before them.
 * @module
 */
import type { ByteSource } from '../byte-source.ts';

/** 32768 page frames. */
const CHUNK_SIZE = 4096;
const FRAMES_PER_CHUNK = CHUNK_SIZE * 8;
const CLEAR = Buffer.alloc(CHUNK_SIZE);

/** Bits of `pages` page frames at `offset` of `source`; read a chunk at a time. */
export class PageBitmap {
  readonly #source: ByteSource;
  readonly #offset: number;
  readonly #pages: number;
  /** Set bits before each chunk, as far as somebody asked. */
  readonly #ranks: number[] = [0];

  constructor(source: ByteSource, offset: number, pages: number) {
    this.#source = source;
    this.#offset = offset;
    this.#pages = pages;
  }

  /** Undefined when that part of the bitmap is not in the file. */
  has(frame: number): boolean | undefined {
    if (frame >= this.#pages) return false;
    const byte = this.#source.read(this.#offset + Math.floor(frame / 8), 1)[0];
    return byte === undefined ? undefined : ((byte >>> (frame % 8)) & 1) === 1;
  }

  /** How many bits before `frame` are set; undefined when not all of them are in the file. */
  rank(frame: number): number | undefined {
    const chunk = Math.floor(frame / FRAMES_PER_CHUNK);
    while (this.#ranks.length <= chunk) {
      const done = this.#ranks.length - 1;
      const bits = countBits(this.#chunk(done), FRAMES_PER_CHUNK);
      if (bits === undefined) return undefined;
      this.#ranks.push(this.#ranks[done]! + bits);
    }
    const bits = countBits(this.#chunk(chunk), frame - chunk * FRAMES_PER_CHUNK);
    return bits === undefined ? undefined : this.#ranks[chunk]! + bits;
  }

  /** Runs of set bits, ascending: first frame, and the frame after the last. */
  *runs(): Generator<{ readonly start: number; readonly end: number }> {
    let start: number | undefined;
    // A damaged header may name more pages than the file has bits.
    const inFile = Math.max(0, this.#source.size - this.#offset) * 8;
    for (let base = 0; base < Math.min(this.#pages, inFile); base += FRAMES_PER_CHUNK) {
      const bytes = this.#chunk(base / FRAMES_PER_CHUNK);
      if (CLEAR.equals(bytes) && start === undefined) continue;
      const last = Math.min(FRAMES_PER_CHUNK, this.#pages - base);
      for (let bit = 0; bit < last; bit++) {
        const byte = bytes[bit >>> 3] ?? 0;
        // Whole bytes that change nothing are most of them.
        if ((bit & 7) === 0 && byte === (start === undefined ? 0 : 0xff) && bit + 8 <= last) {
          bit += 7;
          continue;
        }
        const isSet = ((byte >>> (bit & 7)) & 1) === 1;
        if (isSet && start === undefined) start = base + bit;
        if (!isSet && start !== undefined) {
          yield { start, end: base + bit };
          start = undefined;
        }
      }
    }
    if (start !== undefined) yield { start, end: Math.min(this.#pages, inFile) };
  }

  #chunk(index: number): Uint8Array {
    return this.#source.read(this.#offset + index * CHUNK_SIZE, CHUNK_SIZE);
  }
}

/** Set bits among the first `bits` bits; undefined when there are fewer. */
function countBits(bytes: Uint8Array, bits: number): number | undefined {
  if (bytes.length * 8 < bits) return undefined;
  if (CLEAR.equals(bytes)) return 0;
  const whole = bits >>> 3;
  let sum = 0;
  for (let index = 0; index < whole; index++) sum += BITS_OF_BYTE[bytes[index]!]!;
  if ((bits & 7) !== 0) sum += BITS_OF_BYTE[bytes[whole]! & ((1 << (bits & 7)) - 1)]!;
  return sum;
}

const BITS_OF_BYTE = Uint8Array.from(
  { length: 256 },
  (_none, byte) => byte.toString(2).replaceAll('0', '').length,
);
