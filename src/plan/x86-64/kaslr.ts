/**
 * Where a kernel that is entered without its decompressor goes: the random choice that the decompressor would
 * have made (arch/x86/boot/compressed/kaslr.c), made by the loader. The physical and the virtual base are
 * drawn independently, each uniformly among all places that fit. They are drawn anew for every plan;
 * those of a kernel that is loaded appear in no file and no message: until the jump they are its secret.
 * @module
 */
import { KhopError } from '../../error.ts';
import { alignUp, type Range } from '../../formats/range.ts';
import { KERNEL_IMAGE_SIZE, type UnpackedLayout } from '../../formats/unpacked-kernel.ts';
import { PAGE_SIZE } from './memory-map.ts';

const DRAW_SIZE = 8;
const DRAW_LIMIT = 1n << 64n;

/** Uniform numbers from random bytes, each byte used once. */
export class RandomDraws {
  readonly #view: DataView;
  #offset = 0;

  /** @param entropy 8 bytes a draw; one in 2^40 draws or fewer needs another 8 */
  constructor(entropy: Uint8Array) {
    this.#view = new DataView(entropy.buffer, entropy.byteOffset, entropy.byteLength);
  }

  /**
   * 0 up to, not including, `count`. Draws above the largest multiple of `count` are rejected: a remainder
   * alone would prefer small numbers.
   * @throws E_PLAN when the bytes are used up
   */
  below(count: number): number {
    const fair = DRAW_LIMIT - (DRAW_LIMIT % BigInt(count));
    for (; this.#offset + DRAW_SIZE <= this.#view.byteLength; ) {
      const draw = this.#view.getBigUint64(this.#offset, true);
      this.#offset += DRAW_SIZE;
      if (draw < fair) return Number(draw % BigInt(count));
    }
    throw new KhopError('E_PLAN', 'the random bytes for KASLR are used up', {
      hint: 'This is a mistake in khop: please report it.',
    });
  }
}

/** At how many virtual addresses the kernel fits: find_random_virt_addr. */
export function virtualSlots({ prefAddress, alignment, virtualSize }: UnpackedLayout): number {
  const needed = Math.ceil(virtualSize / alignment) * alignment;
  return Math.max(0, Math.floor((KERNEL_IMAGE_SIZE - prefAddress - needed) / alignment) + 1);
}

/**
 * How far the kernel moves from the virtual address it is linked at, bytes.
 * @throws E_PLAN when there is no choice, so that nothing would be random
 */
export function drawVirtualDistance(layout: UnpackedLayout, draws: RandomDraws): number {
  const slots = virtualSlots(layout);
  if (slots < 2)
    throw new KhopError('E_PLAN', `the kernel is too large to be moved: ${layout.virtualSize} bytes`, {
      hint: 'Load it without --fast, or without direct-entry.',
    });
  return draws.below(slots) * layout.alignment;
}

/** The multiples of `alignment` in one free range at which all of the kernel's memory fits. */
interface SlotArea {
  readonly first: bigint;
  readonly count: number;
}

function slotAreas(free: readonly Range[], layout: UnpackedLayout): SlotArea[] {
  const alignment = BigInt(layout.alignment);
  const size = alignUp(BigInt(layout.memorySize), BigInt(PAGE_SIZE));
  const lowest = BigInt(layout.prefAddress);
  return free.flatMap(({ start, end }) => {
    const first = alignUp(start > lowest ? start : lowest, alignment);
    if (first + size > end) return [];
    return [{ first, count: Number((end - size - first) / alignment) + 1 }];
  });
}

/**
 * A physical address for the kernel.
 * @param free sorted ranges, without what the other segments occupy
 * @throws E_PLAN when it fits nowhere
 */
export function drawPhysicalBase(free: readonly Range[], layout: UnpackedLayout, draws: RandomDraws): bigint {
  const areas = slotAreas(free, layout);
  const total = areas.reduce((sum, { count }) => sum + count, 0);
  if (total === 0)
    throw new KhopError('E_PLAN', `no free range of RAM holds the kernel’s ${layout.memorySize} bytes`, {
      hint: 'Load it without --fast: the kernel’s own loader needs less room.',
    });
  let slot = draws.below(total);
  for (const { first, count } of areas) {
    if (slot < count) return first + BigInt(slot) * BigInt(layout.alignment);
    slot -= count;
  }
  throw new KhopError('E_PLAN', 'the free ranges of RAM changed while they were counted', {
    hint: 'This is a mistake in khop: please report it.',
  });
}
