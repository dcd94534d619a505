/**
 * Reading fields out of bytes by offset, with errors that name format, field and offset. A parser built on
 * this cannot read past the end: every overrun is a KhopError E_FORMAT.
 * @module
 */
import { KhopError } from '../error.ts';

/** What `describe` needs to say where bytes came from, e.g. a path. */
const HINT = 'The file is truncated, corrupt or of another format; fetch or build it again.';

/** Bounds-checked little- and big-endian access to one file's or structure's bytes. */
export class ByteReader {
  readonly bytes: Uint8Array;
  readonly #view: DataView;
  readonly #format: string;

  /** @param format how errors name these bytes, e.g. `bzImage` */
  constructor(bytes: Uint8Array, format: string) {
    this.bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.#format = format;
  }

  get length(): number {
    return this.bytes.length;
  }

  /** @throws E_FORMAT saying that `field` at `offset` is wrong because of `problem` */
  fail(field: string, offset: number | bigint, problem: string): never {
    throw new KhopError('E_FORMAT', `${this.#format}: ${field} at 0x${offset.toString(16)}: ${problem}`, {
      hint: HINT,
    });
  }

  #require(offset: number, width: number, field: string): void {
    if (!Number.isSafeInteger(offset) || offset < 0 || offset + width > this.bytes.length)
      this.fail(field, offset, `needs ${width} bytes, the data ends at 0x${this.bytes.length.toString(16)}`);
  }

  u8(offset: number, field: string): number {
    this.#require(offset, 1, field);
    return this.#view.getUint8(offset);
  }

  u16(offset: number, field: string): number {
    this.#require(offset, 2, field);
    return this.#view.getUint16(offset, true);
  }

  u32(offset: number, field: string): number {
    this.#require(offset, 4, field);
    return this.#view.getUint32(offset, true);
  }

  u64(offset: number, field: string): bigint {
    this.#require(offset, 8, field);
    return this.#view.getBigUint64(offset, true);
  }

  u16be(offset: number, field: string): number {
    this.#require(offset, 2, field);
    return this.#view.getUint16(offset, false);
  }

  u32be(offset: number, field: string): number {
    this.#require(offset, 4, field);
    return this.#view.getUint32(offset, false);
  }

  u64be(offset: number, field: string): bigint {
    this.#require(offset, 8, field);
    return this.#view.getBigUint64(offset, false);
  }

  /** A 64-bit field that is used as a length or offset inside this data. @throws E_FORMAT beyond 2^53 */
  size64(offset: number, field: string): number {
    const value = this.u64(offset, field);
    if (value > BigInt(Number.MAX_SAFE_INTEGER))
      this.fail(field, offset, `0x${value.toString(16)} is absurd`);
    return Number(value);
  }

  /** A view (no copy) of `length` bytes at `offset`. */
  slice(offset: number, length: number, field: string): Uint8Array {
    if (!Number.isSafeInteger(length) || length < 0) this.fail(field, offset, `length ${length} is absurd`);
    this.#require(offset, length, field);
    return this.bytes.subarray(offset, offset + length);
  }

  /** Latin-1 text of `length` bytes, cut at the first NUL. */
  text(offset: number, length: number, field: string): string {
    const raw = Buffer.from(this.slice(offset, length, field)).toString('latin1');
    const end = raw.indexOf('\0');
    return end < 0 ? raw : raw.slice(0, end);
  }
}
