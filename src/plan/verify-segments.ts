/**
 * The safety net behind every segment plan. The kernel checks almost nothing on kexec_load: it accepts an
 * entry outside every segment, a destination in a device's registers and address 0. This file shares no
 * code with the placement, so that a mistake there is caught here.
 * @module
 */
import { KhopError } from '../error.ts';
import type { Range } from '../formats/range.ts';
import type { KeptFree, PlannedSegment } from './load-plan.ts';

/** KEXEC_SEGMENT_MAX, include/uapi/linux/kexec.h. */
export const MAXIMUM_SEGMENTS = 16;

/** What the segments are held against. */
export interface SegmentRules {
  /** Where segments may lie: System RAM, or the panic kernel's reservation. Any order. */
  readonly allowed: readonly Range[];
  /** Where none may lie, even inside `allowed`: reservations, soft-reserved and hot-plugged memory. */
  readonly forbidden: readonly Range[];
  /** The lowest address a segment may have; 1 MiB on x86-64, where firmware and the CPUs' trampoline live. */
  readonly lowest: bigint;
  /** Bytes. */
  readonly pageSize: number;
  /** Usable, and nobody else's. */
  readonly keptFree?: readonly KeptFree[] | undefined;
  /** MemTotal in bytes: the kernel refuses segments that together need more than half of it. */
  readonly memoryTotal: bigint;
}

function hex(value: bigint | number): string {
  return `0x${value.toString(16)}`;
}

function describe(segment: PlannedSegment): string {
  return `${segment.name} at ${hex(segment.address)}+${hex(segment.memorySize)}`;
}

/** How many bytes from `start` on are covered by `ranges`, without a gap. */
function coveredUntil(start: bigint, ranges: readonly Range[]): bigint {
  let reached = start;
  let grown = true;
  while (grown) {
    grown = false;
    for (const range of ranges)
      if (range.start <= reached && reached < range.end) {
        reached = range.end;
        grown = true;
      }
  }
  return reached;
}

function shapeViolations(segment: PlannedSegment, rules: SegmentRules): string[] {
  const found: string[] = [];
  const { address, memorySize, bytes } = segment;
  if (!Number.isSafeInteger(memorySize) || memorySize <= 0)
    return [`${segment.name} has the absurd size ${memorySize}`];
  if (address < 0n || address % BigInt(rules.pageSize) !== 0n)
    found.push(`${describe(segment)}: the address is not a multiple of the page size`);
  if (memorySize % rules.pageSize !== 0)
    found.push(`${describe(segment)}: the size is not a multiple of the page size`);
  if (bytes.length > memorySize)
    found.push(`${describe(segment)}: ${hex(bytes.length)} bytes do not fit into it`);
  return found;
}

function placeViolations(segment: PlannedSegment, rules: SegmentRules): string[] {
  const found: string[] = [];
  const end = segment.address + BigInt(segment.memorySize);
  if (segment.address < rules.lowest)
    found.push(`${describe(segment)} lies below ${hex(rules.lowest)}, in the firmware's low memory`);
  if (coveredUntil(segment.address, rules.allowed) < end)
    found.push(`${describe(segment)} leaves the memory it may use`);
  for (const range of rules.forbidden)
    if (range.start < end && segment.address < range.end)
      found.push(`${describe(segment)} touches the reserved range ${hex(range.start)}-${hex(range.end)}`);
  return found;
}

function overlapViolations(segments: readonly PlannedSegment[]): string[] {
  return segments.flatMap((a, index) =>
    segments
      .slice(index + 1)
      .filter(
        (b) => a.address < b.address + BigInt(b.memorySize) && b.address < a.address + BigInt(a.memorySize),
      )
      .map((b) => `${describe(a)} overlaps ${describe(b)}`),
  );
}

/** What the kernel clears and uses behind its content is as much its own as the content. */
function keptFreeViolations(segments: readonly PlannedSegment[], rules: SegmentRules): string[] {
  return (rules.keptFree ?? []).flatMap(({ owner, range }) => {
    const memory: PlannedSegment = {
      name: `the memory of ${owner}`,
      address: range.start,
      memorySize: Number(range.end - range.start),
      bytes: new Uint8Array(0),
      source: owner,
    };
    const others = segments.filter((segment) => segment.name !== owner);
    return [...placeViolations(memory, rules), ...overlapViolations([memory, ...others])];
  });
}

function sumViolations(segments: readonly PlannedSegment[], rules: SegmentRules): string[] {
  const total = segments.reduce((sum, segment) => sum + BigInt(Math.ceil(segment.memorySize)), 0n);
  const half = rules.memoryTotal / 2n;
  if (total <= half) return [];
  return [`the segments need ${hex(total)} bytes, the kernel allows half of RAM, ${hex(half)}`];
}

/** The entry must hit bytes that the plan puts there, not the zeros behind them. */
function entryViolations(entry: bigint, segments: readonly PlannedSegment[]): string[] {
  const inside = segments.some(
    (segment) => entry >= segment.address && entry < segment.address + BigInt(segment.bytes.length),
  );
  return inside ? [] : [`the entry ${hex(entry)} is in no segment's bytes`];
}

/** Every rule the segments break, one sentence each; empty when they are safe to load. */
export function segmentViolations(
  segments: readonly PlannedSegment[],
  entry: bigint,
  rules: SegmentRules,
): string[] {
  const count =
    segments.length === 0 || segments.length > MAXIMUM_SEGMENTS
      ? [`${segments.length} segments; the kernel takes 1 to ${MAXIMUM_SEGMENTS}`]
      : [];
  const shape = segments.flatMap((segment) => shapeViolations(segment, rules));
  if (segments.some((segment) => !Number.isSafeInteger(segment.memorySize))) return [...count, ...shape];
  return [
    ...count,
    ...shape,
    ...segments.flatMap((segment) => placeViolations(segment, rules)),
    ...overlapViolations(segments),
    ...keptFreeViolations(segments, rules),
    ...sumViolations(segments, rules),
    ...entryViolations(entry, segments),
  ];
}

/** @throws E_PLAN with every rule that the segments break */
export function verifySegments(
  segments: readonly PlannedSegment[],
  entry: bigint,
  rules: SegmentRules,
): void {
  const violations = segmentViolations(segments, entry, rules);
  if (violations.length > 0)
    throw new KhopError('E_PLAN', `the segments are not safe to load: ${violations.join('; ')}`, {
      hint: 'Let the kernel place the parts with --method file, or use a smaller kernel or initrd.',
    });
}
