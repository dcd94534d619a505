/**
 * The header of a dump that was planned before its kernel ran: where each CPU leaves its registers, where VMCOREINFO
 * is, and at which addresses the memory is mapped belong to the kernel on trial, and only that kernel tells. So the
 * plan's ranges of memory are kept, and everything else is made anew by the first act, from /sys and /proc/kcore.
 *
 * A row that cannot be right is left out. Notes that are empty (p_memsz 0) would be worse than none: the panic kernel
 * reads a note's name length behind its end (fs/proc/vmcore.c, update_note_header_size_elf64) and dies of it. It needs
 * one row of notes at least (merge_note_headers_elf64), so without any the kernel is not armed.
 * Formats in /sys: machine/crash-facts.ts.
 * @module
 */
import { ELF_HEADER_SIZE, PROGRAM_HEADER_SIZE, SEGMENT_FLAGS, SEGMENT_TYPES } from '../../formats/elf.ts';
import {
  type CoreMemory,
  decodeElfCoreHeader,
  elfCoreHeaderSize,
  encodeElfCoreHeader,
} from '../../formats/elf-core.ts';
import { fn, type ProgramFunction } from '../../formats/static-program/functions.ts';
import {
  appendByte,
  appendNumber,
  appendText,
  bytesOf,
  startText,
  textMemory,
} from '../../formats/static-program/library/growing-text.ts';
import { readFile } from '../../formats/static-program/library/input.ts';
import { LINUX } from '../../formats/static-program/library/linux.ts';
import { copyBytes, zeroBytes } from '../../formats/static-program/library/memory.ts';
import { decimalAt, hexAt } from '../../formats/static-program/library/text.ts';
import { giveBack, loopWhile, set, store, when } from '../../formats/static-program/statements.ts';
import { load, sys, type Term, zeroed } from '../../formats/static-program/terms.ts';
import { said, warn } from './kernel-log.ts';
import { directMapBase, kernelText, ROW, readMappings } from './kernel-mappings.ts';

/** e_phnum of an ELF header. */
const E_PHNUM = 56;
const SPACE = 32;
const PATH_ROOM = 128;
const VALUE_ROOM = 128;

const path = textMemory(PATH_ROOM);
const value = zeroed(VALUE_ROOM);

/** Where the first act has mounted what tells of the kernel. */
export interface KernelSources {
  readonly sys: string;
  readonly proc: string;
}

/** What becomes of a planned header. */
export interface DumpHeader {
  /** The ranges of memory alone. */
  readonly bytes: Uint8Array;
  /** `from` is where `bytes` are, `to` memory of `room` bytes: the size of the header, or -ENODATA without notes. */
  readonly complete: ProgramFunction<readonly ['to', 'room', 'from']>;
}

/** Where the digits of a number begin that may have 0x in front. */
const skipPrefix = fn('skipPrefix', ['text'], [], ({ text }) => [
  when([load.u16(text), '==', 0x7830], [giveBack([text, '+', 2])]),
  giveBack(text),
]);

/** Writes one row, as elf-core.ts does. */
const writeRow = fn('writeRow', ['row', 'type', 'address', 'size'], [], ({ row, type, address, size }) => [
  zeroBytes(row, PROGRAM_HEADER_SIZE),
  store.u32(row, type),
  store.u64([row, '+', ROW.offset], address),
  store.u64([row, '+', ROW.physical], address),
  store.u64([row, '+', ROW.fileSize], size),
  store.u64([row, '+', ROW.memorySize], size),
]);

/** The row of the kernel's image. */
const writeText = fn('writeText', ['row'], [], ({ row }) => [
  writeRow(row, SEGMENT_TYPES.load, kernelText.physical, kernelText.size),
  store.u32([row, '+', ROW.flags], SEGMENT_FLAGS.read | SEGMENT_FLAGS.write | SEGMENT_FLAGS.execute),
  store.u64([row, '+', ROW.virtual], kernelText.virtual),
]);

/** Says of rows of memory where the kernel has mapped them, if that is known. */
const mapRanges = fn('mapRanges', ['row', 'end'], [], ({ row, end }) => [
  when([directMapBase, '==', 0], [giveBack(0)]),
  loopWhile(
    [row, '<u', end],
    [
      store.u64([row, '+', ROW.virtual], [directMapBase, '+', load.u64([row, '+', ROW.physical])]),
      set(row, [row, '+', PROGRAM_HEADER_SIZE]),
    ],
  ),
]);

/** Rows of the kernel's own image are a range within another: the kernel on trial has its own elsewhere. */
function rangesOnly(memory: readonly CoreMemory[]): CoreMemory[] {
  return memory
    .filter((each) => !memory.some((other) => other !== each && isWithin(each, other)))
    .map((each) => ({ ...each, virtualAddress: 0n }));
}

function isWithin(inner: CoreMemory, outer: CoreMemory): boolean {
  const endOf = ({ physicalAddress, size }: CoreMemory) => physicalAddress + size;
  if (inner.size >= outer.size) return false;
  return inner.physicalAddress >= outer.physicalAddress && endOf(inner) <= endOf(outer);
}

/** @param planned the bytes of the plan's segment `elfcorehdr` */
export function dumpHeader(planned: Uint8Array, sources: KernelSources): DumpHeader {
  const { machine, memory: plannedMemory } = decodeElfCoreHeader(planned);
  const memory = rangesOnly(plannedMemory);
  const bytes = encodeElfCoreHeader({ machine, notes: [], memory });
  const rows = bytes.length - ELF_HEADER_SIZE;
  const { cpuFile, lastCpu } = cpuFolder(`${sources.sys}/devices/system/cpu`);
  const readValue = (file: Term): Term => [readFile(file, value, VALUE_ROOM), '>', 0];

  /** The address of a CPU's notes and, behind it in memory, their size; 0 unless both are told. */
  const found = zeroed(16);
  const findNotes = fn('findNotes', ['cpu'], [], ({ cpu }) => [
    when([readValue(cpuFile(cpu, '/crash_notes')), '==', 0], [giveBack(0)]),
    store.u64(found, hexAt(skipPrefix(value))),
    when([readValue(cpuFile(cpu, '/crash_notes_size')), '==', 0], [giveBack(0)]),
    store.u64([found, '+', 8], decimalAt(value)),
    giveBack([[load.u64(found), '!=', 0], '&&', [load.u64([found, '+', 8]), '!=', 0]]),
  ]);

  const isPresent = fn('isPresent', ['cpu'], ['fd'], ({ cpu, fd }) => [
    set(fd, sys.openat(LINUX.AT_FDCWD, cpuFile(cpu, ''), LINUX.O_RDONLY | LINUX.O_CLOEXEC)),
    when([fd, '<', 0], [giveBack(0)]),
    sys.close(fd),
    giveBack(1),
  ]);

  /** Writes VMCOREINFO’s row: 1, or 0 when it is not told. */
  const writeInfo = fn('writeInfo', ['row'], ['at', 'address', 'size'], ({ row, at, address, size }) => [
    when([readValue(`${sources.sys}/kernel/vmcoreinfo`), '==', 0], [giveBack(0)]),
    set(at, skipPrefix(value)),
    set(address, hexAt(at)),
    loopWhile([load.u8(at), '>u', SPACE], [set(at, [at, '+', 1])]),
    when([load.u8(at), '==', SPACE], [set(size, hexAt(skipPrefix([at, '+', 1])))]),
    when([[address, '==', 0], '||', [size, '==', 0]], [giveBack(0)]),
    writeRow(row, SEGMENT_TYPES.note, address, size),
    giveBack(1),
  ]);

  /** One row for each CPU that says where its notes are, as long as there is room: how many. */
  const writeCpus = fn(
    'writeCpus',
    ['row', 'most'],
    ['cpu', 'last', 'count'],
    ({ row, most, cpu, last, count }) => [
      set(last, lastCpu()),
      loopWhile(
        [[cpu, '<=', last], '&&', [count, '<', most]],
        [
          when(
            findNotes(cpu),
            [
              writeRow(row, SEGMENT_TYPES.note, load.u64(found), load.u64([found, '+', 8])),
              set(row, [row, '+', PROGRAM_HEADER_SIZE]),
              set(count, [count, '+', 1]),
            ],
            [when(isPresent(cpu), [warn('a dump will lack the registers of CPU', cpu)])],
          ),
          set(cpu, [cpu, '+', 1]),
        ],
      ),
      when([cpu, '<=', last], [warn('a dump has no room for the registers from CPU', cpu)]),
      giveBack(count),
    ],
  );

  const complete = fn('completeHeader', ['to', 'room', 'from'], ['most', 'count', 'row'], (variables) => {
    const { to, room, from, most, count, row } = variables;
    return [
      set(row, [to, '+', ELF_HEADER_SIZE]),
      // Besides the CPUs: VMCOREINFO and the kernel's image.
      set(most, [[room, '-', elfCoreHeaderSize(1, memory.length + 1)], '/', PROGRAM_HEADER_SIZE]),
      set(count, writeCpus(row, most)),
      set(row, [row, '+', [count, '*', PROGRAM_HEADER_SIZE]]),
      when(
        writeInfo(row),
        [set(row, [row, '+', PROGRAM_HEADER_SIZE]), set(count, [count, '+', 1])],
        [said('find VMCOREINFO for a dump', -LINUX.ENODATA)],
      ),
      when([count, '==', 0], [giveBack(-LINUX.ENODATA)]),
      set(count, [count, '+', memory.length]),
      said('read how a dump’s memory is mapped', readMappings(`${sources.proc}/kcore`)),
      when(kernelText.size, [
        writeText(row),
        set(row, [row, '+', PROGRAM_HEADER_SIZE]),
        set(count, [count, '+', 1]),
      ]),
      copyBytes(to, from, ELF_HEADER_SIZE),
      store.u16([to, '+', E_PHNUM], count),
      copyBytes(row, [from, '+', ELF_HEADER_SIZE], rows),
      mapRanges(row, [row, '+', rows]),
      giveBack([[row, '+', rows], '-', to]),
    ];
  });
  return { bytes, complete };
}

function cpuFolder(folder: string) {
  /** The path of a CPU’s file, until the next. */
  const cpuFile = fn('cpuFile', ['cpu', 'name'], [], ({ cpu, name }) => [
    startText(path, PATH_ROOM),
    appendText(path, `${folder}/cpu`),
    appendNumber(path, cpu, 10, 1, SPACE),
    appendText(path, name),
    appendByte(path, 0),
    giveBack(bytesOf(path)),
  ]);
  /** The last number in `possible`, e.g. `0-3` or `0,2-7`. */
  const lastCpu = fn('lastCpu', [], ['at', 'number'], ({ at, number }) => [
    when([readFile(`${folder}/possible`, value, VALUE_ROOM), '<=', 0], [giveBack(-1)]),
    set(number, value),
    set(at, value),
    loopWhile(load.u8(at), [
      when([[load.u8(at), '==', 0x2c], '||', [load.u8(at), '==', 0x2d]], [set(number, [at, '+', 1])]),
      set(at, [at, '+', 1]),
    ]),
    giveBack(decimalAt(number)),
  ]);
  return { cpuFile, lastCpu };
}
