/**
 * A web server behind TLS as the place for a report: curl puts one file after the other, each in a child, since a peer
 * that is silent holds it up.
 * @module
 */
import { fn } from '../../formats/static-program/functions.ts';
import { sleepMs } from '../../formats/static-program/library/clock.ts';
import {
  appendByte,
  appendText,
  bytesOf,
  sizeOf,
  startText,
  textMemory,
} from '../../formats/static-program/library/growing-text.ts';
import { copyBytes } from '../../formats/static-program/library/memory.ts';
import { writeAll } from '../../formats/static-program/library/output.ts';
import { fork } from '../../formats/static-program/library/process.ts';
import { giveBack, loop, set, when } from '../../formats/static-program/statements.ts';
import { sys, zeroed } from '../../formats/static-program/terms.ts';
import { childWatcher } from './bounded-child.ts';
import { become, complainOnConsole, NOT_STARTED, STDERR, STDIN, STDOUT } from './brought-program.ts';
import type { HttpsTarget } from './capture-target.ts';
import { say } from './chain.ts';
import { CLEAR_FILES } from './report-files.ts';
import type { ReportSink } from './report-sink.ts';
import { sinkOfFiles } from './sink-of-files.ts';
import { appendUrlName } from './url-name.ts';

const MFD_CLOEXEC = 1;
const URL_ROOM = 0x1000;
/** Between two attempts. */
const PAUSE_MS = 1000;

const url = textMemory(URL_ROOM);
/** The same at an address that a program's arguments can name, with its NUL. */
const urlArgument = zeroed(URL_ROOM);

/** What it does with such a server. */
export function httpsSink(target: HttpsTarget, files = CLEAR_FILES): ReportSink {
  const { program, deadlineMs } = target;
  const watch = childWatcher({ untilMs: deadlineMs, minimumFreeBytes: 0 });

  const makeUrl = fn('makeUrl', ['file'], [], ({ file }) => [
    startText(url, URL_ROOM),
    appendText(url, target.url),
    appendUrlName(url),
    appendText(url, '/'),
    appendText(url, file),
    appendByte(url, 0),
    copyBytes(urlArgument, bytesOf(url), sizeOf(url)),
  ]);

  /** Tries until the file is there or the time is over. Gives back 0 or a negative errno. */
  const put = fn('putByCurl', ['file', 'bytes', 'size'], ['fd', 'pid', 'status'], (v) => [
    makeUrl(v.file),
    set(v.fd, sys.memfd_create('report', MFD_CLOEXEC)),
    when([v.fd, '<', 0], [giveBack(v.fd)]),
    set(v.status, writeAll(v.fd, v.bytes, v.size)),
    when(v.status, [giveBack(v.status)]),
    loop([
      set(v.pid, fork()),
      when(
        [v.pid, '==', 0],
        [
          sys.dup3(v.fd, STDIN, 0),
          complainOnConsole(),
          sys.dup3(STDERR, STDOUT, 0),
          become(program, urlArgument),
          sys.exit_group(NOT_STARTED),
        ],
      ),
      set(v.status, watch(v.pid)),
      when([v.status, '<=', 0], [sys.close(v.fd), giveBack(v.status)]),
      say('curl ended with', v.status),
      sleepMs(PAUSE_MS),
    ]),
  ]);

  return sinkOfFiles('Https', target, put, files);
}
