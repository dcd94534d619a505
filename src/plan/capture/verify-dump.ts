/**
 * Reading back what was written: a dump has its name only after its header and its end came from the disk as they
 * should be. Formats: fs/proc/vmcore.c for ELF; makedumpfile's diskdump_mod.h for what it writes.
 * @module
 */
import { AGE_PIECE, AGE_START, ageHeaderSize } from '../../formats/age-file.ts';
import { fn } from '../../formats/static-program/functions.ts';
import { LINUX } from '../../formats/static-program/library/linux.ts';
import { areSame } from '../../formats/static-program/library/memory.ts';
import { giveBack, loopWhile, set, store, when } from '../../formats/static-program/statements.ts';
import { bytesAt, load, sys, type Term, zeroed } from '../../formats/static-program/terms.ts';
import { contentEnd } from './copy-memory.ts';
import { crashedMemoryFile } from './crashed-memory.ts';

const BLOCK = 4096;
/** Two blocks, so that what crosses a boundary is whole. */
const WINDOW = 2 * BLOCK;
const BITMAP_PIECE = 0x1_0000;

/** struct disk_dump_header: where its fields are. */
const STATUS = 424;
const BLOCK_SIZE = 428;
const SUB_HEADER_BLOCKS = 432;
const BITMAP_BLOCKS = 436;
/** DUMP_DH_COMPRESSED_INCOMPLETE. */
const INCOMPLETE = 8;
/** struct page_desc: offset u64, size u32. */
const DESCRIPTOR_SIZE = 24;

/** What `verify…` give back for a dump that is not as it should be. */
export const DAMAGED = -117;

const file = zeroed(8);
const window = zeroed(WINDOW, BLOCK);
const bitmap = zeroed(BITMAP_PIECE, BLOCK);
const original = zeroed(BLOCK);
const layout = { block: zeroed(8), descriptors: zeroed(8), bitmap: zeroed(8), bitmapSize: zeroed(8) };

const BITS_OF_BYTE = Uint8Array.from(
  { length: 256 },
  (_, byte) => byte.toString(2).replaceAll('0', '').length,
);

/** Opens a file past the page cache where the file system can. Gives back 0 or a negative errno. */
const openWritten = fn('openWritten', ['path'], ['fd'], ({ path, fd }) => [
  set(fd, sys.openat(LINUX.AT_FDCWD, path, [LINUX.O_RDONLY | LINUX.O_CLOEXEC, '|', LINUX.O_DIRECT])),
  when([fd, '<', 0], [set(fd, sys.openat(LINUX.AT_FDCWD, path, LINUX.O_RDONLY | LINUX.O_CLOEXEC))]),
  store.u64(file, fd),
  when([fd, '<', 0], [giveBack(fd)]),
]);

const closeWritten = fn('closeWritten', [], [], () => [sys.close(load.u64(file))]);

function sizeOfFile(): Term {
  return sys.lseek(load.u64(file), 0, LINUX.SEEK_END);
}

/** Reads around `offset`: the address of the byte there, of `size` bytes at most BLOCK; 0 when they are not all there. */
const readBack = fn('readBack', ['offset', 'size'], ['start', 'got'], ({ offset, size, start, got }) => [
  set(start, [offset, '&', -BLOCK]),
  set(got, sys.pread64(load.u64(file), window, WINDOW, start)),
  when([[start, '+', got], '<', [offset, '+', size]], [giveBack(0)]),
  giveBack([window, '+', [offset, '-', start]]),
]);

/** Whether `size` bytes, at most BLOCK, are in the file as they are in /proc/vmcore. */
const isSameAt = fn('isSameAt', ['offset', 'size'], ['at'], ({ offset, size, at }) => [
  when([sys.pread64(crashedMemoryFile(), original, size, offset), '!=', size], [giveBack(0)]),
  set(at, readBack(offset, size)),
  when([at, '==', 0], [giveBack(0)]),
  giveBack(areSame(at, original, size)),
]);

/** A copy of all memory. Gives back its size in bytes, or a negative errno. */
export const verifyCopy = fn('verifyCopy', ['path'], ['size', 'status'], ({ path, size, status }) => [
  set(status, openWritten(path)),
  when(status, [giveBack(status)]),
  set(size, sizeOfFile()),
  when(
    [
      [[size, '!=', contentEnd()], '||', [size, '<', BLOCK]],
      '||',
      [[isSameAt(0, BLOCK), '==', 0], '||', [isSameAt([size, '-', BLOCK], BLOCK), '==', 0]],
    ],
    [set(size, DAMAGED)],
  ),
  closeWritten(),
  giveBack(size),
]);

/** Reads the header of a kdump file. Gives back whether it is one, and complete. */
const readKdumpHeader = fn('readKdumpHeader', [], ['at', 'block', 'blocks'], ({ at, block, blocks }) => [
  set(at, readBack(0, BLOCK)),
  when([at, '==', 0], [giveBack(0)]),
  when([areSame(at, bytesAt(Buffer.from('KDUMP   ')), 8), '==', 0], [giveBack(0)]),
  when([load.u32([at, '+', STATUS]), '&', INCOMPLETE], [giveBack(0)]),
  set(block, load.u32([at, '+', BLOCK_SIZE])),
  store.u64(layout.block, block),
  set(blocks, load.u32([at, '+', BITMAP_BLOCKS])),
  // The first half says which pages there are, the second which of them are in the dump.
  store.u64(layout.bitmapSize, [[blocks, '/', 2], '*', block]),
  set(at, [[1, '+', load.u32([at, '+', SUB_HEADER_BLOCKS])], '*', block]),
  store.u64(layout.bitmap, [at, '+', load.u64(layout.bitmapSize)]),
  store.u64(layout.descriptors, [at, '+', [blocks, '*', block]]),
  giveBack([[block, '>', 0], '&&', [blocks, '>', 0]]),
]);

/** How many pages are in the dump; -1 when its bitmap cannot be read. */
const countPages = fn('countPages', [], ['offset', 'left', 'got', 'count', 'at'], (v) => [
  set(v.offset, load.u64(layout.bitmap)),
  set(v.left, load.u64(layout.bitmapSize)),
  loopWhile(v.left, [
    set(v.got, sys.pread64(load.u64(file), bitmap, BITMAP_PIECE, v.offset)),
    when([v.got, '<=', 0], [giveBack(-1)]),
    when([v.got, '>u', v.left], [set(v.got, v.left)]),
    set(v.at, 0),
    loopWhile(
      [v.at, '<u', v.got],
      [
        set(v.count, [v.count, '+', load.u8([bytesAt(BITS_OF_BYTE), '+', load.u8([bitmap, '+', v.at])])]),
        set(v.at, [v.at, '+', 1]),
      ],
    ),
    set(v.offset, [v.offset, '+', v.got]),
    set(v.left, [v.left, '-', v.got]),
  ]),
  giveBack(v.count),
]);

/** Whether the data of the last page are in the file. */
const hasLastPage = fn('hasLastPage', ['size'], ['count', 'at', 'offset'], ({ size, count, at, offset }) => [
  set(count, countPages()),
  when([count, '<=', 0], [giveBack(0)]),
  set(
    at,
    readBack([load.u64(layout.descriptors), '+', [[count, '-', 1], '*', DESCRIPTOR_SIZE]], DESCRIPTOR_SIZE),
  ),
  when([at, '==', 0], [giveBack(0)]),
  set(offset, load.u64(at)),
  when([offset, '<u', load.u64(layout.descriptors)], [giveBack(0)]),
  set(count, load.u32([at, '+', 8])),
  when([[count, '==', 0], '||', [count, '>u', load.u64(layout.block)]], [giveBack(0)]),
  when([[offset, '+', count], '>u', size], [giveBack(0)]),
  giveBack([readBack([[offset, '+', count], '-', 1], 1), '!=', 0]),
]);

/** What makedumpfile wrote. It is made durable first. Gives back its size in bytes, or a negative errno. */
export const verifyFiltered = fn('verifyFiltered', ['path'], ['size', 'status'], ({ path, size, status }) => [
  set(status, openWritten(path)),
  when(status, [giveBack(status)]),
  set(status, sys.fsync(load.u64(file))),
  set(size, sizeOfFile()),
  when(
    [[status, '!=', 0], '||', [[readKdumpHeader(), '==', 0], '||', [hasLastPage(size), '==', 0]]],
    [set(size, DAMAGED)],
  ),
  closeWritten(),
  giveBack(size),
]);

/**
 * What age wrote of `clear` bytes at least, which nothing here can read. It is made durable first. Gives back its size
 * in bytes, or a negative errno.
 */
export function encryptedVerifier(recipients: number) {
  return fn('verifyEncrypted', ['path', 'clear'], ['size', 'status', 'at'], (v) => [
    set(v.status, openWritten(v.path)),
    when(v.status, [giveBack(v.status)]),
    set(v.status, sys.fsync(load.u64(file))),
    set(v.size, sizeOfFile()),
    set(v.clear, [
      v.clear,
      '+',
      [[[v.clear, '+', AGE_PIECE.size - 1], '/', AGE_PIECE.size], '*', AGE_PIECE.tag],
    ]),
    set(v.at, readBack(0, AGE_START.length)),
    when(
      [
        [[v.status, '!=', 0], '||', [v.size, '<u', [v.clear, '+', ageHeaderSize(recipients)]]],
        '||',
        [[v.at, '==', 0], '||', [areSame(v.at, AGE_START, AGE_START.length), '==', 0]],
      ],
      [set(v.size, DAMAGED)],
    ),
    when([[v.size, '>', 0], '&&', [readBack([v.size, '-', 1], 1), '==', 0]], [set(v.size, DAMAGED)]),
    closeWritten(),
    giveBack(v.size),
  ]);
}
