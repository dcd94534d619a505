/**
 * Bytes that are too many to be in memory at once, such as a dump: read a piece at a time, by offset.
 * @module
 */

/** A file or a part of one. Readers take this instead of bytes; whoever opens the file implements it. */
export interface ByteSource {
  /** How errors name it, e.g. a path. */
  readonly name: string;
  /** Bytes. */
  readonly size: number;
  /** Bytes that are stored somewhere, of a source that knows how little of it is more than holes. */
  readonly stored?: number | undefined;
  /** The bytes from `offset`; fewer than `length` where the source ends or has a hole. */
  readonly read: (offset: number, length: number) => Uint8Array;
}

/** No more than so many bytes of `source` can differ from each other and from zero. */
export function storedSize({ size, stored }: ByteSource): number {
  return Math.min(size, stored ?? size);
}

/** 64 KiB: a record of the kernel log, a page or a table entry rarely comes alone. */
const BLOCK_SIZE = 64 * 1024;
/** 16 MiB in all. */
const BLOCKS_KEPT = 256;

/** `source` with the blocks kept that were read last. What is larger than a block goes past the cache. */
export function cacheSource(source: ByteSource): ByteSource {
  const blocks = new RecentValues<number, Uint8Array>(BLOCKS_KEPT);
  const blockAt = (index: number) => blocks.get(index, () => source.read(index * BLOCK_SIZE, BLOCK_SIZE));
  const read = (offset: number, length: number): Uint8Array => {
    const index = Math.floor(offset / BLOCK_SIZE);
    const within = offset - index * BLOCK_SIZE;
    if (length > BLOCK_SIZE) return source.read(offset, length);
    if (within + length <= BLOCK_SIZE) return blockAt(index).subarray(within, within + length);
    const head = blockAt(index).subarray(within);
    if (head.length < BLOCK_SIZE - within) return head;
    return Buffer.concat([head, blockAt(index + 1).subarray(0, length - head.length)]);
  };
  return { name: source.name, size: source.size, stored: source.stored, read };
}

/** Values by key, of which the least recently used goes when there are too many. */
export class RecentValues<K, V> {
  readonly #values = new Map<K, V>();
  readonly #limit: number;

  constructor(limit: number) {
    this.#limit = limit;
  }

  /** The value for `key`, made by `make` unless it is here. */
  get(key: K, make: () => V): V {
    const known = this.#values.get(key);
    const value = known ?? make();
    if (known !== undefined) this.#values.delete(key);
    else if (this.#values.size >= this.#limit) this.#values.delete(this.#values.keys().next().value as K);
    this.#values.set(key, value);
    return value;
  }
}
