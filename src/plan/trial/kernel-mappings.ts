/**
 * How the kernel on trial maps its memory, which it decides anew at each start: /proc/kcore tells it, as it does
 * machine/crash-facts.ts. Without it a dump is still whole, but what reads it finds less: the log of a machine with many
 * CPUs lies in the map of all memory.
 * @module
 */
import { ELF_HEADER_SIZE, PROGRAM_HEADER_SIZE, SEGMENT_TYPES } from '../../formats/elf.ts';
import { fn } from '../../formats/static-program/functions.ts';
import { LINUX } from '../../formats/static-program/library/linux.ts';
import { giveBack, loopWhile, nextRound, set, store, when } from '../../formats/static-program/statements.ts';
import { load, sys, type Term, zeroed } from '../../formats/static-program/terms.ts';

/** Offsets in Elf64_Ehdr. */
const E_PHOFF = 32;
const E_PHNUM = 56;
/** Offsets in Elf64_Phdr. */
export const ROW = { flags: 4, offset: 8, virtual: 16, physical: 24, fileSize: 32, memorySize: 40 } as const;
/** p_paddr of what has no place in physical memory. */
const NOWHERE = -1;

const header = zeroed(ELF_HEADER_SIZE);
const row = zeroed(PROGRAM_HEADER_SIZE);
const text = { virtual: zeroed(8), physical: zeroed(8), size: zeroed(8) };
const base = zeroed(8);
const isMixed = zeroed(8);

/** The kernel's own image; the size is 0 when it is not known. */
export const kernelText: Readonly<Record<'virtual' | 'physical' | 'size', Term>> = {
  virtual: load.u64(text.virtual),
  physical: load.u64(text.physical),
  size: load.u64(text.size),
};

/** Virtual address of physical address 0 in the map of all memory; 0 when it is not known. */
export const directMapBase: Term = load.u64(base);

/** Another range than the image: all of them have one distance, or none is taken. */
const noteDistance = fn('noteDistance', ['distance'], [], ({ distance }) => [
  when([[load.u64(base), '!=', 0], '&&', [load.u64(base), '!=', distance]], [store.u64(isMixed, 1)]),
  store.u64(base, distance),
]);

/** The image is mapped above everything else, on x86-64 and on arm64. */
const noteMapping = fn('noteMapping', [], ['virtual', 'physical'], ({ virtual, physical }) => [
  set(virtual, load.u64([row, '+', ROW.virtual])),
  set(physical, load.u64([row, '+', ROW.physical])),
  when([virtual, '<u', kernelText.virtual], [noteDistance([virtual, '-', physical]), giveBack(0)]),
  when(kernelText.size, [noteDistance([kernelText.virtual, '-', kernelText.physical])]),
  store.u64(text.virtual, virtual),
  store.u64(text.physical, physical),
  store.u64(text.size, load.u64([row, '+', ROW.memorySize])),
]);

/** Reads them from the file at `path`: 0, or a negative errno. What is not told stays unknown. */
export const readMappings = fn(
  'readMappings',
  ['path'],
  ['fd', 'at', 'left', 'got'],
  ({ path, fd, at, left, got }) => [
    set(fd, sys.openat(LINUX.AT_FDCWD, path, LINUX.O_RDONLY | LINUX.O_CLOEXEC)),
    when([fd, '<', 0], [giveBack(fd)]),
    set(got, sys.pread64(fd, header, ELF_HEADER_SIZE, 0)),
    when(
      [got, '==', ELF_HEADER_SIZE],
      [set(at, load.u64([header, '+', E_PHOFF])), set(left, load.u16([header, '+', E_PHNUM]))],
    ),
    loopWhile(left, [
      set(got, sys.pread64(fd, row, PROGRAM_HEADER_SIZE, at)),
      set(at, [at, '+', PROGRAM_HEADER_SIZE]),
      set(left, [left, '-', 1]),
      when([got, '!=', PROGRAM_HEADER_SIZE], [nextRound]),
      when(
        [
          [load.u32(row), '==', SEGMENT_TYPES.load],
          '&&',
          [load.u64([row, '+', ROW.physical]), '!=', NOWHERE],
        ],
        [noteMapping()],
      ),
    ]),
    sys.close(fd),
    // One range alone may be anything.
    when([load.u64(base), '==', 0], [store.u64(text.size, 0)]),
    when(load.u64(isMixed), [store.u64(base, 0)]),
    when([got, '<', 0], [giveBack(got)]),
  ],
);
