/**
 * How much memory a panic kernel needs in its reservation, as a sum whose terms can be shown.
 *
 * Two moments count. When it is loaded, the image in the form in which it is loaded, the packed initramfs and
 * what else is kept there have to find room side by side. When it starts user space, the kernel's image, what it
 * has allocated by then, the initramfs unpacked and still packed (populate_rootfs frees it afterwards), and what
 * is kept are there at once. The greater of the two is needed.
 *
 * What a kernel allocates for itself was measured, see docs/decisions/capture-memory.md; the rest is known of
 * the files.
 * @module
 */
import { compareReleases } from '../../kernels/release-order.ts';

/** What is to be in the reservation. All sizes are bytes. */
export interface CaptureMemoryRequest {
  /** `uname -r` of the panic kernel; undefined counts as the hungriest one. */
  readonly release: string | undefined;
  /** Image in memory from its first byte to the end of .bss and .brk (unpacked-kernel.ts). */
  readonly kernelBytes: number;
  /** What its place has to hold when it is loaded: init_size of a bzImage, or the same as `kernelBytes`. */
  readonly placedBytes: number;
  /** The initramfs as it is loaded. */
  readonly packedBytes: number;
  /** The initramfs in memory: each file takes whole pages. */
  readonly unpackedBytes: number;
  /** Segments that stay for the whole time, e.g. the known-good kernel and its initramfs. */
  readonly keptBytes: number;
  /** What programs need at their peak besides their files. */
  readonly userBytes: number;
  /** How that term is called where it is shown. */
  readonly userWhat?: string;
  /** What the kernel allocates because the parameters of a capture do not keep it from that. */
  readonly subsystemsBytes?: number;
  /** CPUs that the capture brings up (`nr_cpus=`). */
  readonly cpus: number;
}

/** One addend, and what it stands for. */
export interface CaptureMemoryTerm {
  readonly what: string;
  readonly bytes: number;
}

/** The need, and how it comes about. */
export interface CaptureMemoryNeed {
  /** What to write into crashkernel=, whole MiB. */
  readonly bytes: number;
  /** Which moment decides. */
  readonly moment: 'load' | 'run';
  readonly load: readonly CaptureMemoryTerm[];
  readonly run: readonly CaptureMemoryTerm[];
}

const MIB = 1024 * 1024;
/** struct page for each page of 4 KiB: a 64th of the reservation. */
const PAGES_PER_STRUCT = 64;
/** Zeropage, command line, ELF core headers, purgatory, and the alignment of the image to 2 MiB. */
const LOAD_EXTRAS_BYTES = 3 * MIB;
/** A CPU beyond the first: its stacks, per-CPU area and kernel threads. */
const CPU_BYTES = MIB;
/** Measured on one machine; another one has more devices, and more tables of its firmware. */
const SLACK_BYTES = 4 * MIB;

/**
 * What a kernel allocates until user space runs, with the parameters of capture-parameters.ts. Newest first.
 * Between 6.12 and 7.2 nothing was measured, so the greater value counts there.
 */
const KERNEL_ALLOCATIONS: readonly { readonly from: string; readonly bytes: number }[] = [
  { from: '6.13', bytes: 15 * MIB },
  { from: '0', bytes: 9 * MIB },
];

/** The reservation for one capture. */
export function captureMemoryNeed(request: CaptureMemoryRequest): CaptureMemoryNeed {
  const files: readonly CaptureMemoryTerm[] = [
    { what: 'the initramfs as it is loaded', bytes: request.packedBytes },
    { what: 'what is kept beside it', bytes: request.keptBytes },
  ];
  const load = [
    { what: 'the place of the kernel', bytes: request.placedBytes },
    { what: 'its parameters, the map of the crashed memory, alignment', bytes: LOAD_EXTRAS_BYTES },
    ...files,
  ];
  const kernel = [
    { what: 'the kernel in memory', bytes: request.kernelBytes },
    { what: 'what the kernel allocates until user space runs', bytes: allocationsOf(request.release) },
    { what: 'parts of the kernel that a capture leaves out', bytes: request.subsystemsBytes ?? 0 },
    { what: `${request.cpus - 1} more CPUs`, bytes: (request.cpus - 1) * CPU_BYTES },
    ...files,
    { what: 'the initramfs unpacked', bytes: request.unpackedBytes },
    { what: request.userWhat ?? 'programs', bytes: request.userBytes },
    { what: 'devices and firmware of other machines', bytes: SLACK_BYTES },
  ];
  const run = withPageStructs(kernel);
  const [loadBytes, runBytes] = [sumOf(load), sumOf(run)];
  return {
    bytes: Math.ceil(Math.max(loadBytes, runBytes) / MIB) * MIB,
    moment: loadBytes > runBytes ? 'load' : 'run',
    load: load.filter(isThere),
    run: run.filter(isThere),
  };
}

function allocationsOf(release: string | undefined): number {
  const known = KERNEL_ALLOCATIONS.find(
    ({ from }) => release === undefined || compareReleases(release, from) >= 0,
  );
  return known?.bytes ?? KERNEL_ALLOCATIONS[0]!.bytes;
}

/** They describe the whole reservation, themselves included. */
function withPageStructs(terms: readonly CaptureMemoryTerm[]): CaptureMemoryTerm[] {
  const bytes = Math.ceil(sumOf(terms) / (PAGES_PER_STRUCT - 1));
  return [...terms, { what: 'a struct page for each page', bytes }];
}

function sumOf(terms: readonly CaptureMemoryTerm[]): number {
  return terms.reduce((sum, { bytes }) => sum + bytes, 0);
}

function isThere({ bytes }: CaptureMemoryTerm): boolean {
  return bytes > 0;
}
