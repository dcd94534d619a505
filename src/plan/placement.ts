/**
 * Where segments go: a search for holes in RAM. Sizes first, addresses second, bytes last, because boot
 * parameters contain the addresses of the other segments.
 * @module
 */
import { KhopError } from '../error.ts';
import {
  alignDown,
  alignUp,
  mergeRanges,
  type Range,
  rangeContains,
  rangeSize,
  subtractRanges,
} from '../formats/range.ts';

/** What a segment needs of its place. */
export interface PlacementWish {
  /** How errors name it, e.g. `initrd`. */
  readonly name: string;
  /** Bytes. */
  readonly size: bigint;
  /** A power of two; the address is a multiple of it. */
  readonly alignment: bigint;
  /** The lowest address allowed. */
  readonly minimum: bigint;
  /** The first address the segment may not reach; undefined: as far as RAM goes. */
  readonly maximum?: bigint | undefined;
  /** From which end of RAM to search. */
  readonly direction: 'bottom-up' | 'top-down';
}

/** RAM without what must not be touched: sorted, joined. */
export function freeRanges(ram: readonly Range[], avoid: readonly Range[]): Range[] {
  return mergeRanges(subtractRanges(ram, avoid));
}

/** The parts that lie in a range of `a` and in a range of `b`, sorted and joined. */
export function intersectRanges(a: readonly Range[], b: readonly Range[]): Range[] {
  const common = a.flatMap((left) =>
    b.map((right) => ({
      start: left.start > right.start ? left.start : right.start,
      end: left.end < right.end ? left.end : right.end,
    })),
  );
  return mergeRanges(common);
}

function addressInRange(range: Range, wish: PlacementWish): bigint | undefined {
  const end = wish.maximum !== undefined && wish.maximum < range.end ? wish.maximum : range.end;
  const start = wish.minimum > range.start ? wish.minimum : range.start;
  if (end < start + wish.size) return undefined;
  const address =
    wish.direction === 'bottom-up'
      ? alignUp(start, wish.alignment)
      : alignDown(end - wish.size, wish.alignment);
  return address >= start && address + wish.size <= end ? address : undefined;
}

/** The place for `wish` in `free` (sorted), or undefined when no range holds it. */
export function findHole(free: readonly Range[], wish: PlacementWish): Range | undefined {
  if (wish.size <= 0n || wish.alignment <= 0n || (wish.alignment & (wish.alignment - 1n)) !== 0n)
    throw new KhopError(
      'E_PLAN',
      `${wish.name} cannot be placed: ${wish.size} bytes, aligned to ${wish.alignment}`,
      { hint: 'Its size or alignment is absurd: the image is damaged; fetch it again.' },
    );
  const order = wish.direction === 'bottom-up' ? free : free.toReversed();
  for (const range of order) {
    const address = addressInRange(range, wish);
    if (address !== undefined) return { start: address, end: address + wish.size };
  }
  return undefined;
}

function hex(value: bigint): string {
  return `0x${value.toString(16)}`;
}

/** The sentence that says what did not fit, and what there was. */
function describeFailure(free: readonly Range[], wish: PlacementWish): string {
  const largest = free.reduce<Range | undefined>(
    (best, range) => (best === undefined || rangeSize(range) > rangeSize(best) ? range : best),
    undefined,
  );
  const limits = `from ${hex(wish.minimum)}${wish.maximum === undefined ? '' : ` to ${hex(wish.maximum)}`}`;
  const offer =
    largest === undefined
      ? 'no RAM is free'
      : `the largest of ${free.length} free ranges is ${hex(largest.start)}-${hex(largest.end)} (${hex(rangeSize(largest))} bytes)`;
  return `no place for ${wish.name}: ${hex(wish.size)} bytes, aligned to ${hex(wish.alignment)}, ${limits}; ${offer}`;
}

/**
 * Places the wishes in their order, each in what the earlier ones left.
 * @param free sorted ranges, see `freeRanges`
 * @returns one range a wish, by its name
 * @throws E_PLAN naming the wish that does not fit and the largest range left
 */
export function placeAll(
  free: readonly Range[],
  wishes: readonly PlacementWish[],
): ReadonlyMap<string, Range> {
  const placed = new Map<string, Range>();
  let left = mergeRanges(free);
  for (const wish of wishes) {
    const hole = findHole(left, wish);
    if (hole === undefined)
      throw new KhopError('E_PLAN', describeFailure(left, wish), {
        hint: 'Use a smaller initrd or kernel, or let the kernel place the parts with --method file.',
      });
    placed.set(wish.name, hole);
    left = subtractRanges(left, [hole]);
  }
  return placed;
}

/** Whether one of `ranges` (sorted, joined) holds all of `inner`. */
export function isInside(ranges: readonly Range[], inner: Range): boolean {
  return ranges.some((range) => rangeContains(range, inner));
}
