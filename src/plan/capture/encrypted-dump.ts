/**
 * A dump that nobody can read who has the disk: what makedumpfile writes, or /proc/vmcore as it is, goes through age
 * and only then to the file system. age reads from its start to its end, so makedumpfile writes the stream that it has
 * for pipes (-F), and nothing is left out of a whole dump, not even zeros.
 * @module
 */
import { fn, type ProgramFunction } from '../../formats/static-program/functions.ts';
import { LINUX } from '../../formats/static-program/library/linux.ts';
import { fork } from '../../formats/static-program/library/process.ts';
import { giveBack, type Statement, set, store, when } from '../../formats/static-program/statements.ts';
import { load, sys, type Term, zeroed } from '../../formats/static-program/terms.ts';
import { childWatcher } from './bounded-child.ts';
import {
  type BroughtProgram,
  become,
  complainOnConsole,
  NOT_STARTED,
  STDERR,
  STDIN,
  STDOUT,
} from './brought-program.ts';
import { say } from './chain.ts';
import { contentEnd } from './copy-memory.ts';
import { crashedMemoryFile } from './crashed-memory.ts';
import { dumpPublisher, giveUp, giveUpAtLimits } from './dump-ending.ts';
import type { DumpOrder } from './dump-order.ts';
import type { EncryptionOrder } from './encrypt-report.ts';
import { encryptedVerifier } from './verify-dump.ts';

const UNFINISHED = 'vmcore.age.incomplete';
const publish = dumpPublisher({ unfinished: UNFINISHED, finished: 'vmcore.age' });
/** What makedumpfile says; it may name what is in the memory. */
const MESSAGES = 'makedumpfile.txt.age';
const O_CLOEXEC = LINUX.O_CLOEXEC;

/** Two descriptors of 32 bits each, pipe(2). */
const pipeEnds = zeroed(8);
const messages = zeroed(8);

/** Tries a filtered dump, then a whole one; what became of it is in the chain. */
export function encryptedDumpWriter(
  order: DumpOrder,
  { program, recipients }: EncryptionOrder,
): ProgramFunction<readonly []> {
  const watch = childWatcher(order);
  const verify = encryptedVerifier(recipients);
  const { filter } = order;

  /** Starts age, which reads `from` and writes a file of the current folder. */
  const startAge = fn(
    'startAge',
    ['from', 'path', 'form'],
    ['pid', 'fd'],
    ({ from, path, form, pid, fd }) => {
      if (program === undefined) return [giveBack(-LINUX.EINVAL)];
      return [
        set(pid, fork()),
        when(pid, [giveBack(pid)]),
        set(fd, sys.openat(LINUX.AT_FDCWD, path, LINUX.O_WRONLY | LINUX.O_CREAT | LINUX.O_TRUNC, 0o600)),
        when([fd, '<', 0], [sys.exit_group(NOT_STARTED)]),
        sys.dup3(fd, STDOUT, 0),
        sys.dup3(from, STDIN, 0),
        complainOnConsole(),
        when(form, [become(program, '-a')], [become(program)]),
        sys.exit_group(NOT_STARTED),
      ];
    },
  );

  const writeWhole = fn('writeWhole', [], [], () => [
    sys.lseek(crashedMemoryFile(), 0, LINUX.SEEK_SET),
    giveBack(watch(startAge(crashedMemoryFile(), UNFINISHED, 0))),
  ]);

  const writeFiltered =
    filter === undefined ? undefined : filteredWriter(filter, watch, startAge(pipeEnd(0), UNFINISHED, 0));

  const keepMessages = fn('keepMessages', [], [], () => [
    sys.lseek(load.u64(messages), 0, LINUX.SEEK_SET),
    watch(startAge(load.u64(messages), MESSAGES, 1)),
    sys.close(load.u64(messages)),
  ]);

  return fn('writeEncrypted', [], ['status', 'size'], ({ status, size }) => [
    ...(writeFiltered === undefined
      ? []
      : [
          store.u64(messages, sys.memfd_create('messages', 1)),
          set(status, writeFiltered()),
          keepMessages(),
          when([status, '==', 0], [set(size, verify(UNFINISHED, 1))]),
          when(
            [[status, '==', 0], '&&', [size, '>', 0]],
            [giveBack(publish('encrypted, filtered, bytes:', size))],
          ),
          ...giveUpAtLimits(status),
          say('makedumpfile failed, so all memory is saved:', status),
        ]),
    set(status, writeWhole()),
    ...giveUpAtLimits(status),
    when(status, giveUp(status, 'it could not be written, status:')),
    set(size, verify(UNFINISHED, contentEnd())),
    when([size, '<', 0], giveUp(size, 'it is not on disk as it was written, errno:')),
    publish(
      filter === undefined
        ? 'encrypted, whole, bytes:'
        : 'encrypted, whole, since makedumpfile failed, bytes:',
      size,
    ),
  ]);
}

function pipeEnd(which: 0 | 1): Term {
  return load.u32([pipeEnds, '+', 4 * which]);
}

function closePipe(): readonly Statement[] {
  return [sys.close(pipeEnd(0)), sys.close(pipeEnd(1))];
}

/** Gives back 0 when both ended well, or what the first one that did not ended with. */
function filteredWriter(
  filter: BroughtProgram,
  watch: ProgramFunction<readonly ['pid']>,
  age: Term,
): ProgramFunction<readonly []> {
  return fn('writeFiltered', [], ['status', 'encrypting', 'filtering', 'end'], (v) => [
    set(v.status, sys.pipe2(pipeEnds, O_CLOEXEC)),
    when([v.status, '<', 0], [giveBack(v.status)]),
    set(v.encrypting, age),
    when([v.encrypting, '<', 0], [...closePipe(), giveBack(v.encrypting)]),
    set(v.filtering, fork()),
    when(
      [v.filtering, '==', 0],
      [
        sys.dup3(pipeEnd(1), STDOUT, 0),
        sys.dup3(load.u64(messages), STDERR, 0),
        become(filter, '-F', '/proc/vmcore'),
        sys.exit_group(NOT_STARTED),
      ],
    ),
    // age comes to its end when nobody has the other one.
    ...closePipe(),
    set(v.status, watch(v.filtering)),
    set(v.end, watch(v.encrypting)),
    when(v.status, [giveBack(v.status)]),
    giveBack(v.end),
  ]);
}
