/**
 * Half-open ranges of physical addresses. /proc/iomem, /sys/firmware/memmap and e820 print inclusive or
 * sized ranges; the constructor's name says which one its caller holds, and the rest of khop sees one kind.
 * @module
 */

/** Bytes from `start` up to, not including, `end`. Empty when `end <= start`. */
export interface Range {
  readonly start: bigint;
  readonly end: bigint;
}

/** From `first` to `last`, both included (iomem, firmware memmap). */
export function rangeFromInclusive(first: bigint, last: bigint): Range {
  return { start: first, end: last + 1n };
}

/** `size` bytes from `start` (e820, ELF, FDT reg). */
export function rangeFromSize(start: bigint, size: bigint): Range {
  return { start, end: start + size };
}

export function rangeSize(range: Range): bigint {
  return range.end > range.start ? range.end - range.start : 0n;
}

export function rangesOverlap(a: Range, b: Range): boolean {
  return a.start < b.end && b.start < a.end;
}

/** Whether every byte of `inner` lies in `outer`. */
export function rangeContains(outer: Range, inner: Range): boolean {
  return outer.start <= inner.start && inner.end <= outer.end;
}

/** `range` without `hole`: zero, one or two ranges, in order, none empty. */
export function subtractRange(range: Range, hole: Range): Range[] {
  if (!rangesOverlap(range, hole)) return rangeSize(range) > 0n ? [range] : [];
  return [
    { start: range.start, end: hole.start },
    { start: hole.end, end: range.end },
  ].filter((piece) => rangeSize(piece) > 0n);
}

/** `ranges` without any of `holes`, in the order of `ranges`. */
export function subtractRanges(ranges: readonly Range[], holes: readonly Range[]): Range[] {
  return holes.reduce<Range[]>(
    (left, hole) => left.flatMap((range) => subtractRange(range, hole)),
    ranges.filter((range) => rangeSize(range) > 0n),
  );
}

/** Sorted by start, touching and overlapping ranges joined. */
export function mergeRanges(ranges: readonly Range[]): Range[] {
  const sorted = ranges
    .filter((range) => rangeSize(range) > 0n)
    .sort((a, b) => (a.start < b.start ? -1 : a.start > b.start ? 1 : 0));
  const merged: Range[] = [];
  for (const range of sorted) {
    const last = merged.at(-1);
    if (last !== undefined && range.start <= last.end)
      merged[merged.length - 1] = { start: last.start, end: range.end > last.end ? range.end : last.end };
    else merged.push(range);
  }
  return merged;
}

/** The next multiple of `alignment` (a power of two) that is not below `address`. */
export function alignUp(address: bigint, alignment: bigint): bigint {
  return (address + alignment - 1n) & ~(alignment - 1n);
}

/** The multiple of `alignment` (a power of two) that is not above `address`. */
export function alignDown(address: bigint, alignment: bigint): bigint {
  return address & ~(alignment - 1n);
}
