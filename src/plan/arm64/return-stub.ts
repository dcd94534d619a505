/**
 * The code that takes a machine from its panic kernel home, for arm64: what x86-64/return-stub.ts is there. It copies the
 * parts to where they run, in the memory of the kernel that died, and jumps to the entry of an ordinary plan.
 *
 * The panic kernel jumps to it with the MMU and the data cache off, so it needs no page tables, and each access goes to
 * memory. What the caches still hold of either place is written back and forgotten first (DC CIVAC, by lines of
 * CTR_EL0.DminLine): a line of the dead kernel that left its cache later would be written over what was copied.
 *
 *   0x000  code
 *   0x0a8  the entry
 *   0x100  copies: source, destination, doublewords to copy, doublewords to clear; nothing to do ends them
 * @module
 */
import { KhopError } from '../../error.ts';
import type { ReturnCopy } from '../kept-parts.ts';

/** Bytes of the stub: a page of the largest that a kernel of arm64 can have, since kexec_load takes whole ones. */
export const ARM64_RETURN_STUB_SIZE = 0x1_0000;

const ENTRY_OFFSET = 0xa8;
const COPIES_OFFSET = 0x100;
const COPY_SIZE = 32;

const CODE = [
  0x1000080a, // 00 adr   x10, 0x100     the copies
  0xd53b0025, // 04 mrs   x5, ctr_el0
  0xd3504ca5, // 08 ubfx  x5, x5, #16, #4
  0xd2800086, // 0c mov   x6, #4
  0x9ac520c6, // 10 lsl   x6, x6, x5     bytes of a cache line
  0xd10004c7, // 14 sub   x7, x6, #1
  0xa9400540, // 18 ldp   x0, x1, [x10]
  0xa9410d42, // 1c ldp   x2, x3, [x10, #16]
  0x8b030048, // 20 add   x8, x2, x3
  0xb4000368, // 24 cbz   x8, 0x90
  0x8b020c04, // 28 add   x4, x0, x2, lsl #3
  0x8a270009, // 2c bic   x9, x0, x7     the source's lines
  0xeb04013f, // 30 cmp   x9, x4
  0x54000082, // 34 b.hs  0x44
  0xd50b7e29, // 38 dc    civac, x9
  0x8b060129, // 3c add   x9, x9, x6
  0x17fffffc, // 40 b     0x30
  0x8b080c24, // 44 add   x4, x1, x8, lsl #3
  0x8a270029, // 48 bic   x9, x1, x7     the destination's
  0xeb04013f, // 4c cmp   x9, x4
  0x54000082, // 50 b.hs  0x60
  0xd50b7e29, // 54 dc    civac, x9
  0x8b060129, // 58 add   x9, x9, x6
  0x17fffffc, // 5c b     0x4c
  0xd5033f9f, // 60 dsb   sy
  0xb40000a2, // 64 cbz   x2, 0x78
  0xf8408404, // 68 ldr   x4, [x0], #8
  0xf8008424, // 6c str   x4, [x1], #8
  0xd1000442, // 70 sub   x2, x2, #1
  0x17fffffc, // 74 b     0x64
  0xb4000083, // 78 cbz   x3, 0x88
  0xf800843f, // 7c str   xzr, [x1], #8
  0xd1000463, // 80 sub   x3, x3, #1
  0x17fffffd, // 84 b     0x78
  0x9100814a, // 88 add   x10, x10, #32
  0x17ffffe3, // 8c b     0x18
  0xd5033f9f, // 90 dsb   sy
  0xd508751f, // 94 ic    iallu
  0xd5033f9f, // 98 dsb   sy
  0xd5033fdf, // 9c isb
  0x58000044, // a0 ldr   x4, 0xa8       the entry
  0xd61f0080, // a4 br    x4
] as const;

/** Position independent; entered at its start. */
export function arm64ReturnStub(copies: readonly ReturnCopy[], entry: bigint): Uint8Array {
  if (COPIES_OFFSET + (copies.length + 1) * COPY_SIZE > ARM64_RETURN_STUB_SIZE)
    throw new KhopError('E_PLAN', `${copies.length} parts are too many for the way home`, {
      hint: 'This is a mistake in khop: please report it with the output of khop plan.',
    });
  const bytes = new Uint8Array(ARM64_RETURN_STUB_SIZE);
  const view = new DataView(bytes.buffer);
  CODE.forEach((word, index) => {
    view.setUint32(4 * index, word, true);
  });
  view.setBigUint64(ENTRY_OFFSET, entry, true);
  copies.forEach((copy, index) => {
    const offset = COPIES_OFFSET + index * COPY_SIZE;
    view.setBigUint64(offset, copy.source, true);
    view.setBigUint64(offset + 8, copy.destination, true);
    view.setBigUint64(offset + 16, BigInt(copy.size / 8), true);
    view.setBigUint64(offset + 24, BigInt(copy.cleared / 8), true);
  });
  return bytes;
}
