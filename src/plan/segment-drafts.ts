/**
 * From drafts to segments. Parts of a load point at each other: boot parameters hold the addresses of initrd
 * and command line, a panic kernel's command line holds the address of its ELF header. So a draft says what it
 * needs once the drafts before it have a place, and its bytes once all have.
 * @module
 */
import { KhopError } from '../error.ts';
import { alignUp, type Range, subtractRanges } from '../formats/range.ts';
import type { PlannedSegment } from './load-plan.ts';
import type { PlacementMemory } from './machine-memory.ts';
import { freeRanges, type PlacementWish, placeAll } from './placement.ts';

/** Physical address of a draft that has a place, by its name. */
export type AddressOf = (name: string) => bigint;

/** What a draft needs of its place; `size` in bytes, rounded up to pages here. */
export interface DraftWish extends Omit<PlacementWish, 'name' | 'size'> {
  readonly size: number | bigint;
  /** Picks the address itself; what it picks must be free and aligned. */
  readonly choosePlace?: ((free: readonly Range[]) => bigint) | undefined;
}

/** One segment to be. */
export interface SegmentDraft {
  readonly name: string;
  /** Where the bytes come from, for people. */
  readonly source: string;
  /** @param addressOf of the drafts before this one */
  readonly wish: (addressOf: AddressOf) => DraftWish;
  /** How much of its size, from its start, is copied in the jump; undefined: all. The rest is only kept free. */
  readonly copiedSize?: number | undefined;
  /** @param addressOf of all drafts */
  readonly bytes: (addressOf: AddressOf) => Uint8Array;
}

/** Of a segment that knows its place already: what starts it from there does, too. */
export function keptDraft({ name, source, address, memorySize, bytes }: PlannedSegment): SegmentDraft {
  return {
    name,
    source,
    wish: () => ({
      ...{ size: memorySize, alignment: 1n, minimum: 0n, direction: 'bottom-up' },
      choosePlace: () => address,
    }),
    bytes: () => bytes,
  };
}

/** Segments sorted by address, and where each draft went. */
export interface PlacedDrafts {
  readonly segments: readonly PlannedSegment[];
  readonly addressOf: AddressOf;
}

function addressLookup(places: ReadonlyMap<string, Range>): AddressOf {
  return (name) => {
    const place = places.get(name);
    if (place === undefined)
      throw new KhopError('E_PLAN', `the segment ${name} is pointed at, but has no place`, {
        hint: 'This is a mistake in khop: please report it with the output of khop plan.',
      });
    return place.start;
  };
}

/**
 * Places the drafts in their order and asks each for its bytes.
 * @param pageSize the running kernel's, bytes
 * @throws E_PLAN naming the draft that does not fit
 */
export function placeDrafts(
  drafts: readonly SegmentDraft[],
  memory: PlacementMemory,
  pageSize: number,
): PlacedDrafts {
  const page = BigInt(pageSize);
  const places = new Map<string, Range>();
  const addressOf = addressLookup(places);
  let free = freeRanges(memory.ram, memory.avoid);
  for (const { name, wish } of drafts) {
    const wanted = wish(addressOf);
    const alignment = wanted.alignment > page ? wanted.alignment : page;
    const size = alignUp(BigInt(wanted.size), page);
    const chosen = wanted.choosePlace?.(free);
    const place =
      chosen === undefined
        ? placeAll(free, [{ ...wanted, name, size, alignment }]).get(name)!
        : { start: chosen, end: chosen + size };
    places.set(name, place);
    free = subtractRanges(free, [place]);
  }
  const segments = drafts
    .map(({ name, source, bytes, copiedSize }): PlannedSegment => {
      const place = places.get(name)!;
      const size = copiedSize === undefined ? place.end - place.start : alignUp(BigInt(copiedSize), page);
      return {
        name,
        source,
        address: place.start,
        memorySize: Number(size),
        bytes: bytes(addressOf),
      };
    })
    .sort((a, b) => (a.address < b.address ? -1 : 1));
  return { segments, addressOf };
}
