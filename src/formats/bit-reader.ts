/**
 * Bits out of bytes, the most significant first.
 * @module
 */
import type { ByteReader } from './byte-reader.ts';

/** Reads 1 to 24 bits at a time. Beyond the end it gives zeros: ask `requireWithin` before trusting a run. */
export class BitReader {
  readonly #bytes: Uint8Array;
  readonly #reader: ByteReader;
  #position: number;
  #buffer = 0;
  #count = 0;

  constructor(reader: ByteReader, position: number) {
    this.#reader = reader;
    this.#bytes = reader.bytes;
    this.#position = position;
  }

  /** The next `count` bits as a number, without taking them. */
  peek(count: number): number {
    while (this.#count < count) {
      const byte = this.#position < this.#bytes.length ? this.#bytes[this.#position]! : 0;
      this.#buffer = (this.#buffer << 8) | byte;
      this.#position++;
      this.#count += 8;
    }
    return (this.#buffer >>> (this.#count - count)) & ((1 << count) - 1);
  }

  /** Drops `count` bits that were peeked. */
  skip(count: number): void {
    this.#count -= count;
  }

  read(count: number): number {
    const value = this.peek(count);
    this.#count -= count;
    return value;
  }

  /** Offset of the byte in which the next bit lies. */
  get offset(): number {
    return this.#position - (this.#count >> 3) - (this.#count & 7 ? 1 : 0);
  }

  /** The offset of the next whole byte; the bits before it are dropped. */
  align(): number {
    this.#position -= this.#count >> 3;
    this.#count = 0;
    return this.#position;
  }

  /** @throws E_FORMAT when bits beyond the end were taken */
  requireWithin(field: string): void {
    if (this.#position - (this.#count >> 3) > this.#bytes.length)
      this.#reader.fail(field, this.#bytes.length, 'the data ends too early');
  }
}
