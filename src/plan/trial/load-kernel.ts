/**
 * Loading a kernel from the first act, as machine/kexec.ts does it from a running system: the same calls, the same
 * flags that an older kernel may not know, the same patience.
 * @module
 */
import { fn, type ProgramFunction } from '../../formats/static-program/functions.ts';
import { sleepMs } from '../../formats/static-program/library/clock.ts';
import { KEXEC_ARCH } from '../../formats/static-program/library/kexec.ts';
import { LINUX } from '../../formats/static-program/library/linux.ts';
import {
  giveBack,
  loopWhile,
  type Statement,
  set,
  store,
  when,
} from '../../formats/static-program/statements.ts';
import { type Call, type Local, load, sys, wordsAt, zeroed } from '../../formats/static-program/terms.ts';
import type { FileLoadPlan, LoadPlan, SegmentsLoadPlan } from '../load-plan.ts';
import { dumpHeader, type KernelSources } from './dump-header.ts';

/** KEXEC_FILE_NO_INITRAMFS. */
const NO_INITRAMFS = 4;
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
  const loadFiles = fn('loadFiles', [], ['kernel', 'archive', 'status'], ({ kernel, archive, status }) => [
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
  return { files: initrd === undefined ? [image] : [image, initrd], load: loadFiles };
}

/** One row of the program's table of segments: path, and the other three numbers as the kernel wants them. */
const ROW = { path: 0, bytes: 8, address: 16, memory: 24 } as const;
/** struct kexec_segment. */
const ENTRY = { buffer: 0, bytes: 8, address: 16, memory: 24 } as const;

/** Memory with the content of a file, or a negative errno. */
const mapFile = fn('mapFile', ['path', 'size'], ['fd', 'memory'], ({ path, size, fd, memory }) => [
  set(fd, openFile(path)),
  when([fd, '<', 0], [giveBack(fd)]),
  set(memory, sys.mmap(0, size, LINUX.PROT_READ, LINUX.MAP_PRIVATE, fd, 0)),
  sys.close(fd),
  giveBack(memory),
]);

/** Gives back the memory of the first `count` entries of a table. */
const unmapEntries = fn('unmapEntries', ['table', 'count'], ['at'], ({ table, count, at }) => [
  set(at, table),
  loopWhile(
    [count, '>', 0],
    [
      sys.munmap(load.u64([at, '+', ENTRY.buffer]), load.u64([at, '+', ENTRY.bytes])),
      set(at, [at, '+', SEGMENT_SIZE]),
      set(count, [count, '-', 1]),
    ],
  ),
]);

/** Fills a table with what the rows say: 0, or a negative errno. A segment without bytes has no file. */
const mapRows = fn(
  'mapRows',
  ['rows', 'table', 'count'],
  ['index', 'at', 'row', 'memory'],
  ({ rows, table, count, index, at, row, memory }) => [
    loopWhile(
      [index, '<', count],
      [
        set(row, [rows, '+', [index, '*', SEGMENT_SIZE]]),
        set(at, [table, '+', [index, '*', SEGMENT_SIZE]]),
        set(memory, 0),
        when(load.u64([row, '+', ROW.bytes]), [
          set(memory, mapFile(load.u64([row, '+', ROW.path]), load.u64([row, '+', ROW.bytes]))),
        ]),
        when([memory, '<', 0], [unmapEntries(table, index), giveBack(memory)]),
        store.u64([at, '+', ENTRY.buffer], memory),
        store.u64([at, '+', ENTRY.bytes], load.u64([row, '+', ROW.bytes])),
        store.u64([at, '+', ENTRY.address], load.u64([row, '+', ROW.address])),
        store.u64([at, '+', ENTRY.memory], load.u64([row, '+', ROW.memory])),
        set(index, [index, '+', 1]),
      ],
    ),
    giveBack(0),
  ],
);

/** Each segment is a file of its own, so that what two kernels have alike is in the archive once. */
function kernelBySegments(plan: SegmentsLoadPlan, folder: string, sources: KernelSources): TrialKernel {
  const { segments } = plan;
  const headerIndex = plan.slot === 'crash' ? segments.findIndex(({ name }) => name === 'elfcorehdr') : -1;
  const planned = segments[headerIndex];
  const header = planned && { ...dumpHeader(planned.bytes, sources), room: planned.memorySize };
  const files = segments.map((segment) => ({
    path: `${folder}/${segment.name}`,
    bytes: segment === planned && header !== undefined ? header.bytes : segment.bytes,
  }));
  const rows = wordsAt(
    ...segments.flatMap(({ address, memorySize }, index) => {
      const { path, bytes } = files[index]!;
      return [path, bytes.length, address, memorySize];
    }),
  );
  const table = zeroed(segments.length * SEGMENT_SIZE);
  const headerEntry = [table, '+', headerIndex * SEGMENT_SIZE] as const;
  const { PROT_READ, PROT_WRITE, MAP_PRIVATE, MAP_ANONYMOUS } = LINUX;

  /** Puts the header of this kernel's dumps in the place of the planned one: its memory, or a negative errno. */
  const correctHeader =
    header &&
    fn('correctHeader', [], ['memory', 'used', 'from'], ({ memory, used, from }) => [
      set(memory, sys.mmap(0, header.room, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0)),
      when([memory, '<', 0], [giveBack(memory)]),
      set(from, load.u64([headerEntry, '+', ENTRY.buffer])),
      set(used, header.complete(memory, header.room, from)),
      when([used, '<', 0], [sys.munmap(memory, header.room), giveBack(used)]),
      sys.munmap(from, header.bytes.length),
      store.u64([headerEntry, '+', ENTRY.buffer], memory),
      store.u64([headerEntry, '+', ENTRY.bytes], used),
      giveBack(memory),
    ]);

  // Nothing stays mapped: the guardian, which is this process once more, is to be small.
  const loadAll = fn('loadSegments', [], ['memory', 'status'], ({ memory, status }) => [
    set(status, mapRows(rows, table, segments.length)),
    when([status, '<', 0], [giveBack(status)]),
    ...(correctHeader === undefined
      ? []
      : [
          set(memory, correctHeader()),
          when([memory, '<', 0], [unmapEntries(table, segments.length), giveBack(memory)]),
        ]),
    ...withOptionalFlags(status, plan, (flags) => kexecLoad(plan.entry, segments.length, table, flags)),
    ...(header === undefined ? [] : [sys.munmap(memory, header.room)]),
    unmapEntries(table, segments.length),
    giveBack(status),
  ]);
  return { files: files.filter(({ bytes }) => bytes.length > 0), load: loadAll };
}
