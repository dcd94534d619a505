/**
 * What the first act and its guardian say, in the kernel's log: /dev is not there yet, and later it is another's.
 * @module
 */
import { fn } from '../../formats/static-program/functions.ts';
import { bootMs, sleepMs } from '../../formats/static-program/library/clock.ts';
import {
  appendNumber,
  appendText,
  bytesOf,
  sizeOf,
  startText,
  textMemory,
} from '../../formats/static-program/library/growing-text.ts';
import { LINUX } from '../../formats/static-program/library/linux.ts';
import { findValue } from '../../formats/static-program/library/text.ts';
import { giveBack, leaveLoop, loopWhile, set, store, when } from '../../formats/static-program/statements.ts';
import { load, sys, zeroed } from '../../formats/static-program/terms.ts';

const LINE_ROOM = 256;
/** No record of /dev/kmsg is longer (kernel/printk, PRINTK_MESSAGE_MAX). */
const RECORD_ROOM = 2048;
const PAUSE_MS = 50;

/** /dev/kmsg under a name of khop's own, in the archive. */
export const KERNEL_LOG_NODE = '/khop/kmsg';

const line = textMemory(LINE_ROOM);
const record = zeroed(RECORD_ROOM);
/** A descriptor that outlives the node; 0 is none. */
const kept = zeroed(8);

/** Opens the log for good, for who stays when its node is gone: 0, or a negative errno. */
export const keepKernelLog = fn('keepKernelLog', ['path'], ['fd'], ({ path, fd }) => [
  set(
    fd,
    sys.openat(LINUX.AT_FDCWD, path, LINUX.O_RDWR | LINUX.O_APPEND | LINUX.O_NONBLOCK | LINUX.O_CLOEXEC),
  ),
  when([fd, '<', 0], [giveBack(fd)]),
  store.u64(kept, fd),
]);

/** Each time anew where it can be: the kernel takes ten lines in five seconds from one that has it open. */
const writeLine = fn('writeLine', [], ['fd'], ({ fd }) => [
  appendText(line, '\n'),
  set(fd, load.u64(kept)),
  when(fd, [giveBack(sys.write(fd, bytesOf(line), sizeOf(line)))]),
  set(fd, sys.openat(LINUX.AT_FDCWD, KERNEL_LOG_NODE, LINUX.O_WRONLY | LINUX.O_APPEND | LINUX.O_CLOEXEC)),
  when([fd, '<', 0], [giveBack(fd)]),
  sys.write(fd, bytesOf(line), sizeOf(line)),
  sys.close(fd),
]);

/** Says how a step went, and gives that back: `khop: STEP: done`, or `khop: STEP: errno 2` as an error. */
export const said = fn('said', ['step', 'status'], [], ({ step, status }) => [
  startText(line, LINE_ROOM),
  // KERN_ERR is on the console of a quiet kernel too; KERN_NOTICE is for who asks.
  when([status, '<', 0], [appendText(line, '<3>khop: ')], [appendText(line, '<5>khop: ')]),
  appendText(line, step),
  when(
    [status, '<', 0],
    [appendText(line, ': errno '), appendNumber(line, [0, '-', status], 10, 1, 32)],
    [appendText(line, ': done')],
  ),
  writeLine(),
  giveBack(status),
]);

/** Says what has to be seen, with a number: `khop: TEXT 7`. */
export const warn = fn('warn', ['text', 'value'], [], ({ text, value }) => [
  startText(line, LINE_ROOM),
  appendText(line, '<1>khop: '),
  appendText(line, text),
  appendText(line, ' '),
  appendNumber(line, value, 10, 1, 32),
  writeLine(),
]);

/** Only what comes from here on is read. */
export const skipKernelLog = fn('skipKernelLog', [], [], () => [
  sys.lseek(load.u64(kept), 0, LINUX.SEEK_END),
]);

/** Waits until the kernel says a line with `key`, which stands behind a space there: 0, or -ETIMEDOUT. */
export const awaitKernelLog = fn(
  'awaitKernelLog',
  ['key', 'limitMs'],
  ['until', 'size'],
  ({ key, limitMs, until, size }) => [
    set(until, [bootMs(), '+', limitMs]),
    loopWhile(
      [bootMs(), '<', until],
      [
        set(size, sys.read(load.u64(kept), record, RECORD_ROOM)),
        when([[size, '>', 0], '&&', [findValue(record, size, key), '!=', 0]], [giveBack(0)]),
        // Nothing new, rather than a record of another or one that was overwritten meanwhile.
        when([[size, '==', 0], '||', [size, '==', -LINUX.EAGAIN]], [sleepMs(PAUSE_MS)]),
        when(
          [[size, '<', 0], '&&', [[size, '!=', -LINUX.EAGAIN], '&&', [size, '!=', -LINUX.EPIPE]]],
          [leaveLoop],
        ),
      ],
    ),
    giveBack(-LINUX.ETIMEDOUT),
  ],
);
