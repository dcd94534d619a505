/**
 * What the kernel keeps of the panic kernel that is loaded. /sys says only that there is one; kexec_crash_image, a pointer
 * to a struct kimage, can be read in /proc/kcore. The struct begins (include/linux/kexec.h; so in 6.1, 6.12 and 7.2, and on
 * arm64):
 *
 *     head, entry, last_entry, start, control_code_page, swap_page, vmcoreinfo_data_copy, nr_segments     8 bytes each
 *     segment[16] of {buf, bufsz, mem, memsz}                                                             from byte 64
 *
 * So much is written while an image is loaded, and never again before it is freed. What later kernels change in between
 * comes after the segments: since 6.6 notes of the elfcorehdr, which is written anew for each CPU that comes or goes (at
 * byte 768 and 776 in Debian's 6.12, at 904 in its 7.2).
 * The pointer alone tells nothing, as the next image often gets the memory of the last one's struct. But another
 * load has other buffers, sizes and places in its segments.
 * @module
 */
import { readCoreRanges, readKernelMemory } from './kernel-core.ts';
import { readKernelSymbol } from './kernel-symbol.ts';
import type { Reading } from './reading.ts';
import { mapReading } from './source.ts';

/** The pointer, and the beginning of what it points to. */
export interface CrashImage {
  readonly address: bigint;
  readonly bytes: Uint8Array;
}

/** Up to the fourteenth segment: within the sixteen that have been there since the first version. */
const IMAGE_BYTES = 512;
const POINTER = 'kexec_crash_image';

/**
 * A reader that finds the pointer once, which takes a good part of /proc/kallsyms. All else it reads as often as it is
 * asked: the headers of /proc/kcore hold until memory comes or goes. Unreadable, too, while nothing is loaded.
 */
export function crashImageReader(root: string): () => Reading<CrashImage> {
  const pointer = readKernelSymbol(root, POINTER);
  return () => {
    if (pointer.state !== 'read') return pointer;
    const ranges = readCoreRanges(root);
    if (ranges.state !== 'read') return ranges;
    const word = readKernelMemory(root, ranges.value, pointer.value, 8);
    if (word.state !== 'read') return word;
    const address = new DataView(word.value.buffer, word.value.byteOffset).getBigUint64(0, true);
    const { source } = word;
    if (address === 0n) return { state: 'unreadable', source, reason: `${POINTER} leads nowhere` };
    const bytes = readKernelMemory(root, ranges.value, address, IMAGE_BYTES);
    // What the kernel cannot read of itself, the file has as zeros.
    if (bytes.state === 'read' && bytes.value.every((byte) => byte === 0))
      return { state: 'unreadable', source, reason: `what ${POINTER} leads to is empty` };
    return mapReading(bytes, (value) => ({ address, bytes: value }));
  };
}
