/**
 * A dump of all memory: /proc/vmcore copied as it is, with pages of zeros left out as holes of the file. Its header
 * says that it is incomplete (bit 0 of e_flags, as makedumpfile has it) until everything is on disk.
 * @module
 */
import { fn } from '../../formats/static-program/functions.ts';
import { LINUX } from '../../formats/static-program/library/linux.ts';
import { giveBack, leaveLoop, loopWhile, set, store, when } from '../../formats/static-program/statements.ts';
import { load, sys, type Term, zeroed } from '../../formats/static-program/terms.ts';
import { crashedMemoryFile, ELF_HEADER_SIZE, eachRange } from './crashed-memory.ts';
import { freeBytes } from './free-space.ts';

/** Read at once. */
const BUFFER_SIZE = 0x10_0000;
/** What is a hole or not: the smallest block that file systems give back. */
const PAGE = 4096;
const E_FLAGS = 0x30;
const INCOMPLETE = 1;
const ENOSPC = 28;

/** Memory that this takes, besides what the file system keeps of the file, bytes. */
export const COPY_MEMORY_BYTES = BUFFER_SIZE;

const buffer = zeroed(BUFFER_SIZE, PAGE);
const header = zeroed(ELF_HEADER_SIZE);
const output = zeroed(8);

/** Whether a page is all zeros. 64 bytes at a time: all of memory goes through here. */
const isZeroPage = fn('isZeroPage', ['at'], ['end'], ({ at, end }) => {
  const words = [8, 16, 24, 32, 40, 48, 56].reduce<Term>(
    (sum, offset) => [sum, '|', load.u64([at, '+', offset])],
    load.u64(at),
  );
  return [
    set(end, [at, '+', PAGE]),
    loopWhile([at, '<u', end], [when(words, [giveBack(0)]), set(at, [at, '+', 64])]),
    giveBack(1),
  ];
});

/** Writes `size` bytes at `offset`, however many calls that takes. Gives back 0 or a negative errno. */
const writeAt = fn('writeAt', ['bytes', 'size', 'offset'], ['got'], ({ bytes, size, offset, got }) => [
  loopWhile(size, [
    set(got, sys.pwrite64(load.u64(output), bytes, size, offset)),
    when([got, '<', 0], [giveBack(got)]),
    when([got, '==', 0], [giveBack(-LINUX.EIO)]),
    set(bytes, [bytes, '+', got]),
    set(offset, [offset, '+', got]),
    set(size, [size, '-', got]),
  ]),
]);

/** Writes what of the buffer is not zero. `size` is rounded up to pages; what is behind it has to be zero. */
const writePages = fn('writePages', ['size', 'offset'], ['at', 'start', 'status'], (v) => [
  loopWhile(
    [v.at, '<u', v.size],
    [
      loopWhile(
        [[v.at, '<u', v.size], '&&', isZeroPage([buffer, '+', v.at])],
        [set(v.at, [v.at, '+', PAGE])],
      ),
      set(v.start, v.at),
      loopWhile(
        [[v.at, '<u', v.size], '&&', [isZeroPage([buffer, '+', v.at]), '==', 0]],
        [set(v.at, [v.at, '+', PAGE])],
      ),
      when([v.at, '>u', v.size], [set(v.at, v.size)]),
      when([v.start, '>=u', v.at], [leaveLoop]),
      set(v.status, writeAt([buffer, '+', v.start], [v.at, '-', v.start], [v.offset, '+', v.start])),
      when(v.status, [giveBack(v.status)]),
    ],
  ),
]);

/** Copies a range of the file, as long as `kept` bytes stay free. Gives back 0 or a negative errno. */
const copyRange = fn('copyRange', ['offset', 'size', 'kept'], ['part', 'got', 'status'], (v) => [
  loopWhile(v.size, [
    when([freeBytes(), '<u', v.kept], [giveBack(-ENOSPC)]),
    set(v.part, v.size),
    when([v.part, '>u', BUFFER_SIZE], [set(v.part, BUFFER_SIZE)]),
    set(v.got, sys.pread64(crashedMemoryFile(), buffer, v.part, v.offset)),
    when([v.got, '<', 0], [giveBack(v.got)]),
    when([v.got, '==', 0], [giveBack(-LINUX.EIO)]),
    zeroTail(v.got),
    set(v.status, writePages(v.got, v.offset)),
    when(v.status, [giveBack(v.status)]),
    set(v.offset, [v.offset, '+', v.got]),
    set(v.size, [v.size, '-', v.got]),
  ]),
]);

/** Clears the rest of the last page. */
const zeroTail = fn('zeroTail', ['size'], ['end'], ({ size, end }) => [
  set(end, [[size, '+', PAGE - 1], '&', -PAGE]),
  loopWhile([size, '<u', end], [store.u8([buffer, '+', size], 0), set(size, [size, '+', 1])]),
]);

/** Where the first range begins: in front of it are the headers and notes. */
const contentStart = fn('contentStart', [], ['header', 'left', 'start'], ({ header: at, left, start }) => [
  set(start, -1),
  ...eachRange({ header: at, left }, (offset) => [when([offset, '<u', start], [set(start, offset)])]),
  giveBack(start),
]);

/** Where the last range ends: the size of the dump. */
export const contentEnd = fn('contentEnd', [], ['header', 'left', 'end'], ({ header: at, left, end }) => [
  ...eachRange({ header: at, left }, (offset, size) => [
    when([[offset, '+', size], '>u', end], [set(end, [offset, '+', size])]),
  ]),
  giveBack(end),
]);

const writeHeader = fn('writeHeader', ['flags'], [], ({ flags }) => [
  store.u32([header, '+', E_FLAGS], flags),
  giveBack(writeAt(header, ELF_HEADER_SIZE, 0)),
]);

/** Writes the dump to a file of the current folder, as long as `kept` bytes stay free there. Gives back 0 or a negative errno. */
export const copyMemory = fn('copyMemory', ['path', 'kept'], ['header', 'left', 'status', 'flags'], (v) => [
  store.u64(
    output,
    sys.openat(LINUX.AT_FDCWD, v.path, LINUX.O_WRONLY | LINUX.O_CREAT | LINUX.O_TRUNC, 0o600),
  ),
  when([load.u64(output), '<', 0], [giveBack(load.u64(output))]),
  when(
    [sys.pread64(crashedMemoryFile(), header, ELF_HEADER_SIZE, 0), '!=', ELF_HEADER_SIZE],
    [giveBack(-LINUX.EIO)],
  ),
  set(v.flags, load.u32([header, '+', E_FLAGS])),
  set(v.status, copyRange(0, contentStart(), v.kept)),
  when(v.status, [giveBack(v.status)]),
  set(v.status, writeHeader([v.flags, '|', INCOMPLETE])),
  when(v.status, [giveBack(v.status)]),
  ...eachRange(v, (offset, size) => [
    set(v.status, copyRange(offset, size, v.kept)),
    when(v.status, [giveBack(v.status)]),
  ]),
  // Where memory ends with zeros, nothing was written there.
  set(v.status, sys.ftruncate(load.u64(output), contentEnd())),
  when(v.status, [giveBack(v.status)]),
  set(v.status, sys.fsync(load.u64(output))),
  when(v.status, [giveBack(v.status)]),
  set(v.status, writeHeader(v.flags)),
  when(v.status, [giveBack(v.status)]),
  giveBack(sys.fsync(load.u64(output))),
]);
