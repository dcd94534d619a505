/**
 * A partition without a file system as the place for a report; its layout is in formats/raw-report.ts.
 * @module
 */
import { CPIO_TRAILER } from '../../formats/cpio.ts';
import { RAW_REPORT } from '../../formats/raw-report.ts';
import { fn, type ProgramFunction } from '../../formats/static-program/functions.ts';
import {
  appendNumber,
  appendText,
  bytesOf,
  sizeOf,
  startText,
  textMemory,
} from '../../formats/static-program/library/growing-text.ts';
import { LINUX } from '../../formats/static-program/library/linux.ts';
import { copyBytes, zeroBytes } from '../../formats/static-program/library/memory.ts';
import { lengthOf } from '../../formats/static-program/library/text.ts';
import { giveBack, loopWhile, set, store, when } from '../../formats/static-program/statements.ts';
import { bytesAt, load, sys, type Term, zeroed } from '../../formats/static-program/terms.ts';
import type { RawTarget } from './capture-target.ts';
import { chain } from './chain.ts';
import { addToCrc32 } from './crc32.ts';
import { deviceFinder, foundDevice } from './find-device.ts';
import { CLEAR_FILES, type ReportFile, writeEach } from './report-files.ts';
import { reportName } from './report-name.ts';
import type { ReportSink } from './report-sink.ts';

const HEADER_ROOM = 512;
/** S_IFREG | 0600. */
const FILE_MODE = 0o100600;

const device = zeroed(8);
const position = zeroed(8);
const crc = zeroed(8);
const record = zeroed(RAW_REPORT.recordSize);
const steps = zeroed(RAW_REPORT.stepsSize);
const header = textMemory(HEADER_ROOM);

/** Writes `size` bytes at `offset`. Gives back 0 or a negative errno. */
const writeAt = fn('writeAt', ['bytes', 'size', 'offset'], ['got'], ({ bytes, size, offset, got }) => [
  loopWhile(size, [
    set(got, sys.pwrite64(load.u64(device), bytes, size, offset)),
    when([got, '<', 0], [giveBack(got)]),
    when([got, '==', 0], [giveBack(-LINUX.EIO)]),
    set(bytes, [bytes, '+', got]),
    set(offset, [offset, '+', got]),
    set(size, [size, '-', got]),
  ]),
]);

/** Adds to the archive. Gives back 0 or a negative errno. */
const add = fn('add', ['bytes', 'size'], ['status'], ({ bytes, size, status }) => [
  set(status, writeAt(bytes, size, load.u64(position))),
  store.u64(crc, addToCrc32(load.u64(crc), bytes, size)),
  store.u64(position, [load.u64(position), '+', size]),
  giveBack(status),
]);

/** Adds zeros up to a multiple of 4: in an archive, names and contents begin there. */
const align = fn('align', [], [], () => [
  giveBack(add(bytesAt(new Uint8Array(3)), [[RAW_REPORT.files, '-', load.u64(position)], '&', 3])),
]);

function field(value: Term) {
  return appendNumber(header, value, 16, 8, 48);
}

/** Adds a file to the archive: the header of cpio(5) "newc". Gives back 0 or a negative errno. */
const addFile = fn(
  'addFile',
  ['name', 'bytes', 'size', 'mode'],
  ['status'],
  ({ name, bytes, size, mode, status }) => [
    startText(header, HEADER_ROOM),
    appendText(header, '070701'),
    // Inode, mode, owner, group, names of it, time; size; four numbers of devices; length of the name; no checksum.
    ...[0, mode, 0, 0, 1, 0, size, 0, 0, 0, 0].map(field),
    field([lengthOf(name), '+', 1]),
    field(0),
    appendText(header, name),
    set(status, add(bytesOf(header), sizeOf(header))),
    when(status, [giveBack(status)]),
    set(status, add('', 1)),
    when(status, [giveBack(status)]),
    set(status, align()),
    when(status, [giveBack(status)]),
    set(status, add(bytes, size)),
    when(status, [giveBack(status)]),
    giveBack(align()),
  ],
);

/** Writes and makes durable. Gives back 0 or a negative errno. */
const writeDurably = fn('writeDurably', ['bytes', 'size', 'offset'], ['status'], (v) => [
  set(v.status, writeAt(v.bytes, v.size, v.offset)),
  when(v.status, [giveBack(v.status)]),
  giveBack(sys.fsync(load.u64(device))),
]);

const saveSteps = fn('saveSteps', [], ['size'], ({ size }) => [
  set(size, sizeOf(chain)),
  when([size, '>=u', RAW_REPORT.stepsSize], [set(size, RAW_REPORT.stepsSize - 1)]),
  zeroBytes(steps, RAW_REPORT.stepsSize),
  copyBytes(steps, bytesOf(chain), size),
  giveBack(writeDurably(steps, RAW_REPORT.stepsSize, RAW_REPORT.steps)),
]);

const writeRecord = fn('writeRecord', [], ['size'], ({ size }) => [
  copyBytes(record, RAW_REPORT.recordMagic, RAW_REPORT.recordMagic.length),
  store.u64([record, '+', RAW_REPORT.length], [load.u64(position), '-', RAW_REPORT.files]),
  store.u32([record, '+', RAW_REPORT.crc], load.u64(crc)),
  set(size, sizeOf(reportName)),
  when([size, '>=u', RAW_REPORT.nameSize], [set(size, RAW_REPORT.nameSize - 1)]),
  copyBytes([record, '+', RAW_REPORT.name], bytesOf(reportName), size),
  giveBack(writeDurably(record, RAW_REPORT.recordSize, RAW_REPORT.record)),
]);

/** The one before goes first: its record must not be there with the files of this one. */
function rawSaver(files: readonly ReportFile[]): ProgramFunction<readonly []> {
  const addFiles = fn('addFiles', [], ['status'], ({ status }) => [
    store.u64(position, RAW_REPORT.files),
    store.u64(crc, 0),
    ...writeEach(files, status, ({ name, bytes, size }) => addFile(name, bytes, size, FILE_MODE)),
    set(status, addFile(CPIO_TRAILER, '', 0, 0)),
    when(status, [giveBack(status)]),
    giveBack(sys.fsync(load.u64(device))),
  ]);
  return fn('saveRaw', [], ['status'], ({ status }) => [
    zeroBytes(record, RAW_REPORT.recordSize),
    set(status, writeDurably(record, RAW_REPORT.recordSize, RAW_REPORT.record)),
    when(status, [giveBack(status)]),
    set(status, saveSteps()),
    when(status, [giveBack(status)]),
    set(status, addFiles()),
    when(status, [giveBack(status)]),
    giveBack(writeRecord()),
  ]);
}

/** Opens what has been found. Gives back 0 or a negative errno. */
export const openRawArea = fn('openRawArea', ['path'], [], ({ path }) => [
  store.u64(device, sys.openat(LINUX.AT_FDCWD, path, LINUX.O_RDWR | LINUX.O_CLOEXEC)),
  when([load.u64(device), '<', 0], [giveBack(load.u64(device))]),
]);

/** What it does with such a partition. */
export function rawSink({ id, deadlineMs }: RawTarget, files = CLEAR_FILES): ReportSink {
  const find: ProgramFunction<readonly []> = deviceFinder({ offset: RAW_REPORT.id, bytes: id }, deadlineMs);
  return {
    open: fn('openRaw', [], ['status'], ({ status }) => [
      set(status, find()),
      when(status, [giveBack(status)]),
      giveBack(openRawArea(foundDevice())),
    ]),
    save: rawSaver(files),
    saveSteps,
    close: fn('closeRaw', [], [], () => [giveBack(sys.close(load.u64(device)))]),
  };
}
