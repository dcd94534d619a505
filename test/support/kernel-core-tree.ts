/**
 * What a kernel shows of its memory: /proc/kallsyms and /proc/kcore with a loaded panic kernel in it.
 * @module
 */
import { buildElf } from './elf-writer.ts';
import type { TreeFiles } from './tree-builder.ts';

/** Where `kexec_crash_image` is, and what it leads to unless told. */
export const POINTER_AT = 0xffff_ffff_a2b3_c4d8n;
export const IMAGE_AT = 0xffff_8880_0421_c000n;

/** A struct kexec_segment. */
interface Segment {
  readonly address: bigint;
  readonly memorySize: number;
  readonly bytes: Uint8Array;
}

/** A panic kernel that is loaded. */
export interface ShownImage {
  /** 0: none is loaded. */
  readonly imageAt?: bigint;
  readonly entry?: bigint;
  readonly segments?: readonly Segment[];
  /** Address of the first buffer in the program that loaded it. */
  readonly bufferAt?: bigint;
  /** Of what is behind the segments, from byte 576. */
  readonly behind?: bigint;
  readonly symbols?: string;
  /** Ranges of /proc/kcore besides those that are needed: memory that was added. */
  readonly otherRanges?: number;
}

/** struct kimage of 6.x, 1024 bytes of it. */
function encodeImage({ imageAt = IMAGE_AT, entry = 0n, segments = [], ...over }: ShownImage): Uint8Array {
  const words = new BigUint64Array(128);
  words.set([4n, imageAt, imageAt, entry, 0xffff_ea00_0010_0000n, 0n, 0xffff_c900_0001_9000n]);
  words[7] = BigInt(segments.length);
  for (const [index, { address, memorySize, bytes }] of segments.entries())
    words.set(
      [
        (over.bufferAt ?? 0x7f00_0000_0000n) + BigInt(index << 20),
        BigInt(bytes.length),
        address,
        BigInt(memorySize),
      ],
      8 + index * 4,
    );
  words[72] = over.behind ?? 1n;
  return new Uint8Array(words.buffer);
}

/** /proc/kcore: the kernel's image and a part of the map of all memory. */
export function encodeKernelCore(image: ShownImage = {}): Uint8Array {
  const { imageAt = IMAGE_AT } = image;
  return buildElf({
    type: 4,
    segments: [
      { type: 4, bytes: Buffer.from('CORE') },
      ...Array.from({ length: image.otherRanges ?? 0 }, (_none, index) => ({
        virtualAddress: 0xffff_9000_0000_0000n + BigInt(index << 27),
        bytes: new Uint8Array(8),
      })),
      {
        virtualAddress: POINTER_AT - 8n,
        physicalAddress: 0x2_3456n,
        bytes: new Uint8Array(BigUint64Array.of(1n, imageAt, 2n).buffer),
      },
      {
        virtualAddress: IMAGE_AT - 16n,
        physicalAddress: 0x421_bff0n,
        bytes: Buffer.concat([new Uint8Array(16).fill(0xcc), encodeImage(image)]),
      },
    ],
  });
}

/** @param address as the file has it */
export function symbolsWith(address = POINTER_AT.toString(16)): string {
  const others = Array.from({ length: 5000 }, (_none, index) => `ffffffff8${index} t symbol_${index}\n`).join(
    '',
  );
  return (
    `${others}${address} B kexec_crash_image\nffffffffa2b3c4e0 B kexec_crash_image_other\n` +
    'ffffffffc0000000 d kexec_crash_image\t[other]\n'
  );
}

/** The two files. */
export function kernelCoreTree(image: ShownImage = {}): TreeFiles {
  return {
    'proc/kallsyms': image.symbols ?? symbolsWith(),
    'proc/kcore': encodeKernelCore(image),
  };
}
