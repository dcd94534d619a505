/**
 * Which of many overlapping pieces holds a byte, when the piece that came last wins.
 * @module
 */

/** A piece of a file: `length` bytes that belong to `start`, found at `from`. */
export interface StreamPiece {
  readonly start: number;
  readonly length: number;
  readonly from: number;
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
export function indexPieces(pieces: readonly StreamPiece[]): PieceIndex {
  const order = Uint32Array.from(pieces.keys()).sort((a, b) => pieces[a]!.start - pieces[b]!.start);
  const edges = Float64Array.from(pieces.flatMap(({ start, length }) => [start, start + length])).sort();
  const starts: number[] = [];
  const sources: number[] = [];
  const open = new LatestFirst();
  let next = 0;
  let shownOwner = -1;
  let previous = -1;
  for (const edge of edges) {
    if (edge === previous) continue;
    previous = edge;
    for (; next < order.length && pieces[order[next]!]!.start === edge; next++) open.push(order[next]!);
    while (open.top !== undefined && endOf(pieces[open.top]!) <= edge) open.pop();
    const owner = open.top ?? -1;
    if (owner === shownOwner) continue;
    shownOwner = owner;
    starts.push(edge);
    sources.push(owner < 0 ? -1 : pieces[owner]!.from + (edge - pieces[owner]!.start));
  }
  const size = edges.at(-1) ?? 0;
  const sorted = Float64Array.from(starts);
  return { size, find: (offset) => find(sorted, sources, offset) };
}

function endOf(piece: StreamPiece): number {
  return piece.start + piece.length;
}

function find(starts: Float64Array, sources: readonly number[], offset: number) {
  let low = 0;
  let high = starts.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (starts[middle]! <= offset) low = middle + 1;
    else high = middle;
  }
  const end = starts[low] ?? Number.POSITIVE_INFINITY;
  const source = sources[low - 1] ?? -1;
  return { from: source < 0 ? undefined : source + (offset - starts[low - 1]!), length: end - offset };
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
