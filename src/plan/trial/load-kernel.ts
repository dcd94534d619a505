/**
 * Loading a kernel from the first act, as machine/kexec.ts does it from a running system: the same calls, the same
 * flags that an older kernel may not know, the same patience.
 * @module
 */
import { joinBytes } from '../../formats/join-bytes.ts';
import { fn, type ProgramFunction } from '../../formats/static-program/functions.ts';
import { sleepMs } from '../../formats/static-program/library/clock.ts';
import { LINUX } from '../../formats/static-program/library/linux.ts';
import {
  giveBack,
  loopWhile,
  type Statement,
  set,
  store,
  when,
} from '../../formats/static-program/statements.ts';
import { type Call, type Local, perArchitecture, sys, zeroed } from '../../formats/static-program/terms.ts';
import type { FileLoadPlan, LoadPlan, PlannedSegment, SegmentsLoadPlan } from '../load-plan.ts';
import { dumpHeader, type KernelSources } from './dump-header.ts';

/** KEXEC_FILE_NO_INITRAMFS. */
const NO_INITRAMFS = 4;
const KEXEC_ARCH = perArchitecture({ 'x86-64': 62 << 16, arm64: 183 << 16 });
/** struct kexec_segment: buf, bufsz, mem, memsz. */
const SEGMENT_SIZE = 32;
const BUSY_TRIES = 20;
const BUSY_WAIT_MS = 100;

/** A file for the archive, by absolute path. */
export interface TrialFile {
  readonly path: string;
  readonly bytes: Uint8Array;
}

/** A kernel that the first act loads. */
export interface TrialKernel {
  readonly files: readonly TrialFile[];
  /** 0, or a negative errno. */
  readonly load: ProgramFunction<readonly []>;
}

/**
 * @param folder of its files, absolute
 * @param sources for the header of a dump
 */
export function trialKernel(plan: LoadPlan, folder: string, sources: KernelSources): TrialKernel {
  return plan.method === 'file' ? kernelByFile(plan, folder) : kernelBySegments(plan, folder, sources);
}

const openFile = fn('openFile', ['path'], [], ({ path }) => [
  giveBack(sys.openat(LINUX.AT_FDCWD, path, LINUX.O_RDONLY | LINUX.O_CLOEXEC)),
]);

/** One lock guards both calls, and the kernel takes it too when a CPU comes. */
function patiently(status: Local, tries: Local, call: Parameters<typeof set>[1]): readonly Statement[] {
  return [
    loopWhile(
      [tries, '<', BUSY_TRIES],
      [
        set(status, call),
        set(tries, [tries, '+', 1]),
        when([status, '!=', -LINUX.EBUSY], [giveBack(status)]),
        sleepMs(BUSY_WAIT_MS),
      ],
    ),
    giveBack(status),
  ];
}

const kexecFileLoad = fn(
  'kexecFileLoad',
  ['image', 'initrd', 'size', 'commandLine', 'flags'],
  ['status', 'tries'],
  ({ image, initrd, size, commandLine, flags, status, tries }) =>
    patiently(status, tries, sys.kexec_file_load(image, initrd, size, commandLine, flags)),
);

const kexecLoad = fn(
  'kexecLoad',
  ['entry', 'count', 'segments', 'flags'],
  ['status', 'tries'],
  ({ entry, count, segments, flags, status, tries }) =>
    patiently(status, tries, sys.kexec_load(entry, count, segments, [flags, '|', KEXEC_ARCH])),
);

/** Again without the newest flag, as long as the kernel answers EINVAL. */
function withOptionalFlags(
  status: Local,
  { flags, optionalFlags }: Pick<LoadPlan, 'flags' | 'optionalFlags'>,
  call: (flags: number) => Call,
): readonly Statement[] {
  const tried = [flags];
  for (let bit = 1; bit <= optionalFlags; bit *= 2)
    if ((optionalFlags & ~flags & bit) !== 0) tried.unshift(tried[0]! | bit);
  return tried.map((each, index) =>
    index === 0 ? set(status, call(each)) : when([status, '==', -LINUX.EINVAL], [set(status, call(each))]),
  );
}

function kernelByFile(plan: FileLoadPlan, folder: string): TrialKernel {
  const image = { path: `${folder}/image`, bytes: plan.image.bytes };
  const initrd = plan.initrd && { path: `${folder}/initrd`, bytes: plan.initrd.bytes };
  const { commandLine, optionalFlags } = plan;
  const flags = plan.flags | (initrd === undefined ? NO_INITRAMFS : 0);
  const size = Buffer.byteLength(commandLine) + 1;
  const load = fn('loadFiles', [], ['kernel', 'archive', 'status'], ({ kernel, archive, status }) => [
    set(kernel, openFile(image.path)),
    when([kernel, '<', 0], [giveBack(kernel)]),
    set(archive, initrd === undefined ? -1 : openFile(initrd.path)),
    ...(initrd === undefined ? [] : [when([archive, '<', 0], [sys.close(kernel), giveBack(archive)])]),
    ...withOptionalFlags(status, { flags, optionalFlags }, (each) =>
      kexecFileLoad(kernel, archive, size, commandLine, each),
    ),
    sys.close(kernel),
    sys.close(archive),
    giveBack(status),
  ]);
  return { files: initrd === undefined ? [image] : [image, initrd], load };
}

/** A segment with the place of its bytes in the file of all. */
interface FiledSegment {
  readonly segment: PlannedSegment;
  readonly bytes: Uint8Array;
  readonly offset: number;
}

function kernelBySegments(plan: SegmentsLoadPlan, folder: string, sources: KernelSources): TrialKernel {
  const planned = plan.slot === 'crash' ? plan.segments.find(({ name }) => name === 'elfcorehdr') : undefined;
  const header = planned && { ...dumpHeader(planned.bytes, sources), room: planned.memorySize };
  const filed: FiledSegment[] = [];
  let size = 0;
  for (const segment of plan.segments) {
    const bytes = segment === planned && header !== undefined ? header.bytes : segment.bytes;
    filed.push({ segment, bytes, offset: size });
    size += bytes.length;
  }
  const file = { path: `${folder}/segments`, bytes: joinBytes(filed.map(({ bytes }) => bytes)) };
  const table = zeroed(filed.length * SEGMENT_SIZE);
  const entryAt = (index: number, field: number) => [table, '+', index * SEGMENT_SIZE + 8 * field] as const;

  const fillTable = fn('fillTable', ['base'], [], ({ base }) =>
    filed.flatMap(({ segment, bytes, offset }, index) => [
      store.u64(entryAt(index, 0), [base, '+', offset]),
      store.u64(entryAt(index, 1), bytes.length),
      store.u64(entryAt(index, 2), segment.address),
      store.u64(entryAt(index, 3), segment.memorySize),
    ]),
  );
  const { PROT_READ, PROT_WRITE, MAP_PRIVATE, MAP_ANONYMOUS } = LINUX;

  /** Puts the header of this kernel's dumps in the place of the planned one: its memory, or a negative errno. */
  const index = filed.findIndex(({ segment }) => segment === planned);
  const correctHeader =
    header &&
    fn('correctHeader', ['base'], ['memory', 'used'], ({ base, memory, used }) => [
      set(memory, sys.mmap(0, header.room, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0)),
      when([memory, '<', 0], [giveBack(memory)]),
      set(used, header.complete(memory, header.room, [base, '+', filed[index]?.offset ?? 0])),
      when([used, '<', 0], [sys.munmap(memory, header.room), giveBack(used)]),
      store.u64(entryAt(index, 0), memory),
      store.u64(entryAt(index, 1), used),
      giveBack(memory),
    ]);

  // Nothing stays mapped: the guardian, which is this process once more, is to be small.
  const load = fn('loadSegments', [], ['fd', 'base', 'memory', 'status'], (variables) => {
    const { fd, base, memory, status } = variables;
    return [
      set(fd, openFile(file.path)),
      when([fd, '<', 0], [giveBack(fd)]),
      set(base, sys.mmap(0, size, PROT_READ, MAP_PRIVATE, fd, 0)),
      sys.close(fd),
      when([base, '<', 0], [giveBack(base)]),
      fillTable(base),
      ...(correctHeader === undefined
        ? []
        : [
            set(memory, correctHeader(base)),
            when([memory, '<', 0], [sys.munmap(base, size), giveBack(memory)]),
          ]),
      ...withOptionalFlags(status, plan, (flags) => kexecLoad(plan.entry, filed.length, table, flags)),
      ...(header === undefined ? [] : [sys.munmap(memory, header.room)]),
      sys.munmap(base, size),
      giveBack(status),
    ];
  });
  return { files: [file], load };
}
