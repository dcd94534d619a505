/**
 * Encrypting the report before anything of it leaves the capture kernel's memory: by age, with public keys, as text, so that every place and every reader that takes the clear report takes this one. All
 * of it is encrypted, or nothing is written.
 * @module
 */
import { AGE_TEXT_START, ageTextSize, mostClearBytes } from '../../formats/age-file.ts';
import { fn, type ProgramFunction } from '../../formats/static-program/functions.ts';
import { readAll } from '../../formats/static-program/library/input.ts';
import { LINUX } from '../../formats/static-program/library/linux.ts';
import { areSame } from '../../formats/static-program/library/memory.ts';
import { writeAll } from '../../formats/static-program/library/output.ts';
import { fork } from '../../formats/static-program/library/process.ts';
import { giveBack, type Statement, set, store, when } from '../../formats/static-program/statements.ts';
import { load, sys, type Term, zeroed } from '../../formats/static-program/terms.ts';
import { childWatcher } from './bounded-child.ts';
import {
  type BroughtProgram,
  become,
  complainOnConsole,
  NOT_STARTED,
  STDIN,
  STDOUT,
} from './brought-program.ts';
import { mark, markBecause } from './chain.ts';
import { LOG_ROOM, logSize, logText, startOfTail } from './log-text.ts';
import type { ReportFile } from './report-files.ts';
import { VMCOREINFO_ROOM, vmcoreinfo, vmcoreinfoSize } from './vmcoreinfo-keys.ts';

/** What is to be encrypted, by whom, and for whom. */
export interface EncryptionOrder {
  /** age, with recipients as its arguments; undefined: it is not there, and so nothing may be written. */
  readonly program: BroughtProgram | undefined;
  readonly recipients: number;
  /** age is killed then, ms from the start of the kernel. */
  readonly untilMs: number;
}

/** The report encrypted. */
export interface ReportEncryption {
  /** Encrypts what was read, and notes what became of it. */
  readonly encrypt: ProgramFunction<readonly []>;
  /** Empty until then. */
  readonly files: readonly ReportFile[];
  /** Those that go home in memory: of a log that is too long, the end. */
  readonly carriedFiles: readonly ReportFile[];
}

const EFBIG = 27;
const MFD_CLOEXEC = 1;

/** Once all of it is there. */
const isDone = zeroed(8);
const clear = zeroed(8);
const sealed = zeroed(8);

/** Whether the report was encrypted. */
export function isReportEncrypted(): Term {
  return load.u64(isDone);
}

/** @param carriedLogRoom bytes that the encrypted log may have in memory; undefined: nothing goes home there */
export function reportEncryption(
  order: EncryptionOrder,
  carriedLogRoom: number | undefined,
): ReportEncryption {
  const { recipients } = order;
  const encryptBytes = encryptor(order);
  const info = encryptedFile('vmcoreinfo.txt.age', ageTextSize(VMCOREINFO_ROOM, recipients));
  const log = encryptedFile('dmesg.txt.age', ageTextSize(LOG_ROOM, recipients));
  const tail = encryptedFile('dmesg.txt.age', ageTextSize(carriedLogRoom ?? 0, recipients));
  const carriedText = { at: zeroed(8), size: zeroed(8) };
  const carried: ReportFile = {
    ...log.file,
    bytes: load.u64(carriedText.at),
    size: load.u64(carriedText.size),
  };

  const encryptTail = fn('encryptTail', [], ['at', 'status'], ({ at, status }) => {
    if (carriedLogRoom === undefined) return [giveBack(0)];
    return [
      set(at, startOfTail(mostClearBytes(carriedLogRoom, recipients))),
      when(
        [at, '==', 0],
        [store.u64(carriedText.at, log.file.bytes), store.u64(carriedText.size, log.file.size), giveBack(0)],
      ),
      set(status, encryptInto(tail, [logText, '+', at], [load.u64(logSize), '-', at])),
      store.u64(carriedText.at, tail.file.bytes),
      store.u64(carriedText.size, tail.file.size),
      giveBack(status),
    ];
  });

  function encryptInto({ file, room, size }: EncryptedFile, bytes: Term, count: Term): Term {
    return encryptBytes(bytes, count, file.bytes, room, size);
  }

  const encryptAll = fn('encryptAll', [], ['status'], ({ status }) => [
    set(status, encryptInto(info, vmcoreinfo, load.u64(vmcoreinfoSize))),
    when(status, [giveBack(status)]),
    set(status, encryptInto(log, logText, load.u64(logSize))),
    when(status, [giveBack(status)]),
    giveBack(encryptTail()),
  ]);

  const encrypt = fn('encryptReport', [], ['status'], ({ status }) => [
    set(status, encryptAll()),
    when([status, '==', 0], [store.u64(isDone, 1), mark('encrypted'), giveBack(0)]),
    ...[info.size, log.size, carriedText.size].map((size) => store.u64(size, 0)),
    ...noteFailure(status),
  ]);
  return { encrypt, files: [log.file, info.file], carriedFiles: [info.file, carried] };
}

interface EncryptedFile {
  readonly file: ReportFile;
  readonly room: number;
  /** Where its size is kept. */
  readonly size: Term;
}

function encryptedFile(name: string, room: number): EncryptedFile {
  const size = zeroed(8);
  return { file: { name, bytes: zeroed(room), size: load.u64(size), isOptional: true }, room, size };
}

function noteFailure(status: Term): readonly Statement[] {
  return [
    when(
      [status, '<', 0],
      [markBecause('encryption-failed', 'nothing of the crash is written, errno:', [0, '-', status])],
      [markBecause('encryption-failed', 'nothing of the crash is written, age ended with:', status)],
    ),
  ];
}

/**
 * A function that puts `size` bytes, encrypted, into memory of `room` bytes and their number into `written`. Gives back 0,
 * what age ended with, or a negative errno. No file has a name: nothing of this can be on a disk.
 */
function encryptor({ program, untilMs }: EncryptionOrder) {
  const watch = childWatcher({ untilMs, minimumFreeBytes: 0 });
  const ageInChild = fn('ageInChild', [], ['pid'], ({ pid }) => {
    if (program === undefined) return [giveBack(NOT_STARTED)];
    return [
      set(pid, fork()),
      when(
        [pid, '==', 0],
        [
          sys.dup3(load.u64(clear), STDIN, 0),
          sys.dup3(load.u64(sealed), STDOUT, 0),
          complainOnConsole(),
          become(program, '-a'),
          sys.exit_group(NOT_STARTED),
        ],
      ),
      giveBack(watch(pid)),
    ];
  });
  const readSealed = fn('readSealed', ['at', 'room', 'written'], ['size'], ({ at, room, written, size }) => [
    set(size, sys.lseek(load.u64(sealed), 0, LINUX.SEEK_END)),
    when([size, '>u', room], [giveBack(-EFBIG)]),
    sys.lseek(load.u64(sealed), 0, LINUX.SEEK_SET),
    when([readAll(load.u64(sealed), at, size), '!=', size], [giveBack(-LINUX.EIO)]),
    // Whatever was started in place of age: only what looks like its file is written.
    when(
      [
        [size, '<u', AGE_TEXT_START.length],
        '||',
        [areSame(at, AGE_TEXT_START, AGE_TEXT_START.length), '==', 0],
      ],
      [giveBack(-LINUX.EINVAL)],
    ),
    store.u64(written, size),
    giveBack(0),
  ]);
  return fn('encryptBytes', ['bytes', 'size', 'at', 'room', 'written'], ['status'], (v) => [
    store.u64(clear, sys.memfd_create('clear', MFD_CLOEXEC)),
    when([load.u64(clear), '<', 0], [giveBack(load.u64(clear))]),
    store.u64(sealed, sys.memfd_create('sealed', MFD_CLOEXEC)),
    when([load.u64(sealed), '<', 0], [sys.close(load.u64(clear)), giveBack(load.u64(sealed))]),
    set(v.status, writeAll(load.u64(clear), v.bytes, v.size)),
    sys.lseek(load.u64(clear), 0, LINUX.SEEK_SET),
    when([v.status, '==', 0], [set(v.status, ageInChild())]),
    when([v.status, '==', 0], [set(v.status, readSealed(v.at, v.room, v.written))]),
    sys.close(load.u64(clear)),
    sys.close(load.u64(sealed)),
    giveBack(v.status),
  ]);
}
