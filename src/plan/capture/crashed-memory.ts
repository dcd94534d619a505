/**
 * The capture program's view of the kernel that died: /proc/vmcore, an ELF file whose headers say which memory
 * lies where in it (ELF-64 Object File Format, "Program Header"). Memory is fetched by virtual address.
 * @module
 */
import { fn } from '../../formats/static-program/functions.ts';
import { LINUX } from '../../formats/static-program/library/linux.ts';
import {
  giveBack,
  loopWhile,
  type Statement,
  set,
  store,
  when,
} from '../../formats/static-program/statements.ts';
import { type Local, load, sys, type Term, zeroed } from '../../formats/static-program/terms.ts';
import { keepVmcoreinfo, keyAt, numberOf, VMCOREINFO_ROOM } from './vmcoreinfo-keys.ts';

/** Room for 1170 program headers: ranges of memory are a few dozen. */
const HEADERS_SIZE = 0x1_0000;
export const ELF_HEADER_SIZE = 64;
const HEADER_SIZE = 56;
const PT_LOAD = 1;
const PT_NOTE = 4;
/** __START_KERNEL_map of x86-64. On arm64 no kernel lies that high, and PT_LOAD headers tell of its image. */
const IMAGE_MAP = 0xffff_ffff_8000_0000n;
/** Notes that are looked at: more CPUs than Linux has, with a few each, and VMCOREINFO at their end. */
const MOST_NOTES = 0x1_0000;
/** Sizes of name and content, and type. */
const NOTE_HEADER_SIZE = 12;
/** The header of VMCOREINFO and its name, padded to 4 bytes. */
const VMCOREINFO_START = 24;

/** Offsets in a program header. */
const FILE_OFFSET = 8;
const VIRTUAL_ADDRESS = 16;
const PHYSICAL_ADDRESS = 24;
const FILE_SIZE = 32;

const EFAULT = 14;
/** What the name of the note begins with, as a word of little-endian memory. */
const VMCOREINFO = Buffer.from('VMCOREIN').readBigUInt64LE();

const dump = zeroed(8);
const elfHeader = zeroed(ELF_HEADER_SIZE);
const headers = zeroed(HEADERS_SIZE);
const headerCount = zeroed(8);
const note = zeroed(VMCOREINFO_START);
const content = zeroed(VMCOREINFO_ROOM);
const word = zeroed(8);

/** Opens the dump, and copies its VMCOREINFO to where `numberOf` looks. Gives back 0 or a negative errno. */
export const openCrashedMemory = fn('openCrashedMemory', ['path'], ['fd', 'count', 'size', 'got'], (v) => [
  set(v.fd, sys.openat(LINUX.AT_FDCWD, v.path, LINUX.O_RDONLY)),
  when([v.fd, '<', 0], [giveBack(v.fd)]),
  store.u64(dump, v.fd),
  when([sys.pread64(v.fd, elfHeader, ELF_HEADER_SIZE, 0), '!=', ELF_HEADER_SIZE], [giveBack(-LINUX.EIO)]),
  set(v.count, load.u16([elfHeader, '+', 56])),
  set(v.size, [v.count, '*', HEADER_SIZE]),
  when([v.size, '>', HEADERS_SIZE], [giveBack(-LINUX.EIO)]),
  set(v.got, sys.pread64(v.fd, headers, v.size, load.u64([elfHeader, '+', 32]))),
  when([v.got, '!=', v.size], [giveBack(-LINUX.EIO)]),
  store.u64(headerCount, v.count),
  readVmcoreinfo(),
  giveBack(0),
]);

/** The descriptor of /proc/vmcore, once it is open. */
export function crashedMemoryFile(): Term {
  return load.u64(dump);
}

/** Whether it was opened and understood. */
export function isCrashedMemoryOpen(): Term {
  return load.u64(headerCount);
}

/** Does `statements` with each range of memory in the file: where it begins there, and its size. */
export function eachRange(
  { header, left }: { readonly header: Local; readonly left: Local },
  statements: (offset: Term, size: Term) => readonly Statement[],
): readonly Statement[] {
  return [
    set(header, headers),
    set(left, load.u64(headerCount)),
    loopWhile(left, [
      when(
        [load.u32(header), '==', PT_LOAD],
        statements(load.u64([header, '+', FILE_OFFSET]), load.u64([header, '+', FILE_SIZE])),
      ),
      set(header, [header, '+', HEADER_SIZE]),
      set(left, [left, '-', 1]),
    ]),
  ];
}

/** Contents of notes are padded to 4 bytes. */
function padded(size: Term): Term {
  return [[size, '+', 3], '&', ~3];
}

/**
 * Finds the note VMCOREINFO behind the registers of the CPUs; without it, the text stays empty. Only headers are read on
 * the way: the registers of thousands of CPUs are megabytes, and dumps that drivers made of their devices
 * (NT_VMCOREDD) are more.
 */
const readVmcoreinfo = fn('readVmcoreinfo', [], ['header', 'left', 'at', 'end', 'size', 'count'], (v) => [
  set(v.header, headers),
  set(v.left, load.u64(headerCount)),
  loopWhile(
    [[v.left, '>', 0], '&&', [load.u32(v.header), '!=', PT_NOTE]],
    [set(v.header, [v.header, '+', HEADER_SIZE]), set(v.left, [v.left, '-', 1])],
  ),
  when([v.left, '==', 0], [giveBack(0)]),
  set(v.at, load.u64([v.header, '+', FILE_OFFSET])),
  set(v.end, [v.at, '+', load.u64([v.header, '+', FILE_SIZE])]),
  loopWhile(
    [[[v.at, '+', VMCOREINFO_START], '<=u', v.end], '&&', [v.count, '<', MOST_NOTES]],
    [
      when(
        [sys.pread64(load.u64(dump), note, VMCOREINFO_START, v.at), '!=', VMCOREINFO_START],
        [giveBack(-LINUX.EIO)],
      ),
      set(v.size, load.u32([note, '+', 4])),
      when(
        [load.u64([note, '+', NOTE_HEADER_SIZE]), '==', VMCOREINFO],
        [giveBack(readContent([v.at, '+', VMCOREINFO_START], v.size, v.end))],
      ),
      set(v.at, [[v.at, '+', NOTE_HEADER_SIZE], '+', [padded(load.u32(note)), '+', padded(v.size)]]),
      set(v.count, [v.count, '+', 1]),
    ],
  ),
]);

/** Takes what stands at the offset `at` as the text, unless it is cut off. */
const readContent = fn('readContent', ['at', 'size', 'end'], [], ({ at, size, end }) => [
  when([[at, '+', size], '>u', end], [giveBack(-LINUX.EIO)]),
  when([size, '>u', VMCOREINFO_ROOM], [set(size, VMCOREINFO_ROOM)]),
  when([sys.pread64(load.u64(dump), content, size, at), '!=', size], [giveBack(-LINUX.EIO)]),
  keepVmcoreinfo(content, size),
]);

/** The offset in the dump of `length` bytes at a virtual address, or a negative errno. */
const offsetOf = fn('offsetOf', ['address', 'length'], ['header', 'left', 'by', 'at'], (v) => [
  set(v.by, VIRTUAL_ADDRESS),
  set(v.at, v.address),
  // The image by its physical place: headers made by older tools leave its virtual address out.
  when(
    [[v.address, '>=u', IMAGE_MAP], '&&', keyAt('NUMBER(phys_base)=')],
    [
      set(v.by, PHYSICAL_ADDRESS),
      set(v.at, [[v.address, '-', IMAGE_MAP], '+', numberOf('NUMBER(phys_base)=')]),
    ],
  ),
  set(v.header, headers),
  set(v.left, load.u64(headerCount)),
  loopWhile(
    [v.left, '>', 0],
    [
      when(
        [
          [load.u32(v.header), '==', PT_LOAD],
          '&&',
          [
            [v.at, '>=u', load.u64([v.header, '+', v.by])],
            '&&',
            [
              [[v.at, '-', load.u64([v.header, '+', v.by])], '+', v.length],
              '<=u',
              load.u64([v.header, '+', FILE_SIZE]),
            ],
          ],
        ],
        [
          giveBack([
            load.u64([v.header, '+', FILE_OFFSET]),
            '+',
            [v.at, '-', load.u64([v.header, '+', v.by])],
          ]),
        ],
      ),
      set(v.header, [v.header, '+', HEADER_SIZE]),
      set(v.left, [v.left, '-', 1]),
    ],
  ),
  giveBack(-EFAULT),
]);

/** Fetches `length` bytes at a virtual address. Gives back 0 or a negative errno. */
export const fetch = fn('fetch', ['address', 'buffer', 'length'], ['offset'], (v) => [
  set(v.offset, offsetOf(v.address, v.length)),
  when([v.offset, '<', 0], [giveBack(v.offset)]),
  when([sys.pread64(load.u64(dump), v.buffer, v.length, v.offset), '!=', v.length], [giveBack(-LINUX.EIO)]),
  giveBack(0),
]);

/** The 64-bit word at a virtual address; 0 where there is none. */
export const wordAt = fn('wordAt', ['address'], [], (v) => [
  store.u64(word, 0),
  fetch(v.address, word, 8),
  giveBack(load.u64(word)),
]);
