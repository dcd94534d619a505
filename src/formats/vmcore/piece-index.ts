/**
 * Which of many overlapping pieces holds a byte, when the piece that came last wins.
 * @module
 */
import { partitionPoint } from '../partition-point.ts';

/**
 * Pieces of a file, in the order they came: `lengths[i]` bytes that belong to `starts[i]`, found at `froms[i]`. A stream
 * of 64 GiB has 16 million, which as objects would not fit in memory.
 */
export interface StreamPieces {
  readonly starts: readonly number[];
  readonly lengths: readonly number[];
  readonly froms: readonly number[];
}

/** The pieces without their overlaps, by place. */
export interface PieceIndex {
  /** End of the last piece. */
  readonly size: number;
  /** Where the byte at `offset` is, or undefined in a gap, and how many bytes from there on are alike. */
  readonly find: (offset: number) => { readonly from: number | undefined; readonly length: number };
}

/**
 * Sweeps over the edges of all pieces in order of place, with the pieces that are open there in a heap by order of
 * arrival: n log n for any pieces, hostile ones too.
 */
export function indexPieces({ starts, lengths, froms }: StreamPieces): PieceIndex {
  const order = Uint32Array.from(starts.keys()).sort((a, b) => starts[a]! - starts[b]!);
  const endOf = (piece: number) => starts[piece]! + lengths[piece]!;
  const edges = new Float64Array(starts.length * 2);
  for (let piece = 0; piece < starts.length; piece++) {
    edges[piece * 2] = starts[piece]!;
    edges[piece * 2 + 1] = endOf(piece);
  }
  edges.sort();
  const changes: number[] = [];
  const sources: number[] = [];
  const open = new LatestFirst();
  let next = 0;
  let shownOwner = -1;
  let previous = -1;
  for (const edge of edges) {
    if (edge === previous) continue;
    previous = edge;
    for (; next < order.length && starts[order[next]!] === edge; next++) open.push(order[next]!);
    while (open.top !== undefined && endOf(open.top) <= edge) open.pop();
    const owner = open.top ?? -1;
    if (owner === shownOwner) continue;
    shownOwner = owner;
    changes.push(edge);
    sources.push(owner < 0 ? -1 : froms[owner]! + (edge - starts[owner]!));
  }
  const size = edges.at(-1) ?? 0;
  const sorted = Float64Array.from(changes);
  return { size, find: (offset) => find(sorted, sources, offset) };
}

function find(starts: Float64Array, sources: readonly number[], offset: number) {
  const after = partitionPoint(starts.length, (index) => starts[index]! <= offset);
  const end = starts[after] ?? Number.POSITIVE_INFINITY;
  const source = sources[after - 1] ?? -1;
  return { from: source < 0 ? undefined : source + (offset - starts[after - 1]!), length: end - offset };
}

/** A binary heap of numbers, the largest at the top. */
class LatestFirst {
  readonly #items: number[] = [];

  get top(): number | undefined {
    return this.#items[0];
  }

  push(value: number): void {
    const items = this.#items;
    let at = items.push(value) - 1;
    while (at > 0) {
      const parent = (at - 1) >>> 1;
      if (items[parent]! >= value) break;
      items[at] = items[parent]!;
      at = parent;
    }
    items[at] = value;
  }

  pop(): void {
    const items = this.#items;
    const value = items.pop();
    if (value === undefined || items.length === 0) return;
    let at = 0;
    for (;;) {
      let child = 2 * at + 1;
      if (child >= items.length) break;
      if (child + 1 < items.length && items[child + 1]! > items[child]!) child++;
      if (items[child]! <= value) break;
      items[at] = items[child]!;
      at = child;
    }
    items[at] = value;
  }
}
