/**
 * The report that goes home in memory, where no disk can refuse it: formats/memory-report.ts says how it looks. It is
 * written behind the header of the node that the known-good kernel will find in its list of setup_data.
 * @module
 */
import { MEMORY_REPORT_START, REPORT_CHECKSUM } from '../../formats/memory-report.ts';
import { fn, type ProgramFunction } from '../../formats/static-program/functions.ts';
import {
  appendByte,
  appendBytes,
  appendNumber,
  appendText,
  bytesOf,
  sizeOf,
  startText,
  textMemory,
} from '../../formats/static-program/library/growing-text.ts';
import { loopWhile, set, when } from '../../formats/static-program/statements.ts';
import { bytesAt, load, type Term } from '../../formats/static-program/terms.ts';
import type { ReportRoom } from '../load-plan.ts';
import { chain } from './chain.ts';
import { logSize, logText, startOfTail } from './log-text.ts';
import type { ReportFile } from './report-files.ts';
import { reportName } from './report-name.ts';
import { vmcoreinfo, vmcoreinfoSize } from './vmcoreinfo-keys.ts';

/** Of the room, what the log leaves to all else: VMCOREINFO has 16 KiB at most, the steps 4 KiB. */
const OTHERS_ROOM = 0x6000;
/** Of the room, what the encrypted log leaves to the rest: encrypted VMCOREINFO is half as large again. */
const ENCRYPTED_OTHERS_ROOM = 0x9000;
const NEWLINE = 10;

/** Where the panic kernel may put a report, and for whom. */
export interface MemoryReportOrder {
  readonly room: ReportRoom;
  /** Id of the arming. */
  readonly arming: string;
}

/** What goes into the jump. */
export interface MemoryReportWriter {
  /** Writes it, with the steps so far. */
  readonly write: ProgramFunction<readonly []>;
  /** Address of `room.size` bytes, beginning with the node's header. */
  readonly node: Term;
}

/** Bytes that an encrypted log may have. */
export function encryptedLogRoom({ room }: MemoryReportOrder): number {
  return room.size - ENCRYPTED_OTHERS_ROOM;
}

/**
 * @param order its room is larger than a page
 * @param encryptedFiles what goes home in place of the clear files; those that are empty are left out
 */
export function memoryReport(
  { room, arming }: MemoryReportOrder,
  encryptedFiles?: readonly ReportFile[],
): MemoryReportWriter {
  const text = textMemory(room.size);
  const mostOfLog = room.size - OTHERS_ROOM;

  const appendFile = fn('appendFile', ['name', 'bytes', 'size'], [], ({ name, bytes, size }) => [
    appendText(text, 'file '),
    appendText(text, name),
    appendText(text, ' '),
    appendNumber(text, size, 10, 1, 32),
    appendByte(text, NEWLINE),
    appendBytes(text, bytes, size),
    appendByte(text, NEWLINE),
  ]);

  const appendClearFiles = fn('appendClearFiles', [], ['at'], ({ at }) => [
    set(at, startOfTail(mostOfLog)),
    appendFile('vmcoreinfo.txt', vmcoreinfo, load.u64(vmcoreinfoSize)),
    appendFile('dmesg.txt', [logText, '+', at], [load.u64(logSize), '-', at]),
  ]);

  const appendFiles =
    encryptedFiles === undefined
      ? appendClearFiles
      : fn('appendEncryptedFiles', [], [], () =>
          encryptedFiles.map(({ name, bytes, size }) => when(size, [appendFile(name, bytes, size)])),
        );

  const appendChecksum = fn('appendChecksum', [], ['at', 'sum'], ({ at, sum }) => [
    loopWhile([sizeOf(text), '&', 7], [appendByte(text, NEWLINE)]),
    set(sum, REPORT_CHECKSUM.start),
    set(at, room.header.length),
    loopWhile(
      [at, '<u', sizeOf(text)],
      [
        set(sum, [[sum, '^', load.u64([bytesOf(text), '+', at])], '*', REPORT_CHECKSUM.factor]),
        set(at, [at, '+', 8]),
      ],
    ),
    appendText(text, 'end '),
    appendNumber(text, sum, 16, 16, 48),
    appendByte(text, NEWLINE),
  ]);

  const write = fn('writeMemoryReport', [], [], () => [
    startText(text, room.size),
    appendBytes(text, bytesAt(room.header), room.header.length),
    appendText(text, `${MEMORY_REPORT_START}${arming}\nid `),
    appendBytes(text, bytesOf(reportName), sizeOf(reportName)),
    appendByte(text, NEWLINE),
    appendFiles(),
    appendFile('chain.txt', bytesOf(chain), sizeOf(chain)),
    appendChecksum(),
  ]);
  return { write, node: bytesOf(text) };
}
