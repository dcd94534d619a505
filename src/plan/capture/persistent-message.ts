/**
 * A line for pstore, where the capture kernel has a place that outlives it: the last evidence when nothing else can
 * be written. Documentation/admin-guide/pstore-blk.rst, "pmsg".
 * @module
 */
import { fn } from '../../formats/static-program/functions.ts';
import {
  appendBytes,
  appendText,
  bytesOf,
  sizeOf,
  startText,
  textMemory,
} from '../../formats/static-program/library/growing-text.ts';
import { LINUX } from '../../formats/static-program/library/linux.ts';
import { giveBack, set, when } from '../../formats/static-program/statements.ts';
import { sys } from '../../formats/static-program/terms.ts';
import { reportName } from './report-name.ts';

const ROOM = 512;

const line = textMemory(ROOM);

/** Says that a kernel crashed, and when. */
export const leavePersistentMessage = fn('leavePersistentMessage', [], ['fd'], ({ fd }) => [
  set(fd, sys.openat(LINUX.AT_FDCWD, '/dev/pmsg0', LINUX.O_WRONLY | LINUX.O_CLOEXEC)),
  when([fd, '<', 0], [giveBack(fd)]),
  startText(line, ROOM),
  appendText(line, 'khop: a kernel crashed: '),
  appendBytes(line, bytesOf(reportName), sizeOf(reportName)),
  appendText(line, '\n'),
  sys.write(fd, bytesOf(line), sizeOf(line)),
  sys.close(fd),
]);
