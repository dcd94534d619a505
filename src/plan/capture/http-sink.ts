/**
 * A web server as the place for a report: one PUT a file (RFC 9110, section 9.3.4), each in a child, since a peer
 * that is gone ends a process by SIGPIPE and one that is silent holds it up.
 * @module
 */
import { fn } from '../../formats/static-program/functions.ts';
import { sleepMs } from '../../formats/static-program/library/clock.ts';
import {
  appendNumber,
  appendText,
  bytesOf,
  sizeOf,
  startText,
  textMemory,
} from '../../formats/static-program/library/growing-text.ts';
import { readAll } from '../../formats/static-program/library/input.ts';
import { areSame } from '../../formats/static-program/library/memory.ts';
import { writeAll } from '../../formats/static-program/library/output.ts';
import { fork } from '../../formats/static-program/library/process.ts';
import { decimalAt } from '../../formats/static-program/library/text.ts';
import { giveBack, loop, set, when } from '../../formats/static-program/statements.ts';
import { sys, zeroed } from '../../formats/static-program/terms.ts';
import { childWatcher } from './bounded-child.ts';
import { AF_INET, storeAddress } from './capture-network.ts';
import type { HttpTarget } from './capture-target.ts';
import { say } from './chain.ts';
import { CLEAR_FILES } from './report-files.ts';
import type { ReportSink } from './report-sink.ts';
import { sinkOfFiles } from './sink-of-files.ts';
import { appendUrlName } from './url-name.ts';

const SOCK_STREAM = 1;
const ADDRESS_SIZE = 16;
const REQUEST_ROOM = 0x1000;
/** `HTTP/1.1 201` is what is read of an answer. */
const STATUS_LINE = 12;
const STATUS_AT = 9;
const PAUSE_MS = 300;

const request = textMemory(REQUEST_ROOM);
const peer = zeroed(ADDRESS_SIZE);
const answer = zeroed(64);

/** What it does with a web server. */
export function httpSink(target: HttpTarget, files = CLEAR_FILES): ReportSink {
  const { address, port, host, path, deadlineMs } = target;
  const watch = childWatcher({ untilMs: deadlineMs, minimumFreeBytes: 0 });

  const makeRequest = fn('makeRequest', ['file', 'size'], [], ({ file, size }) => [
    startText(request, REQUEST_ROOM),
    appendText(request, `PUT ${path}`),
    appendUrlName(request),
    appendText(request, '/'),
    appendText(request, file),
    appendText(
      request,
      ` HTTP/1.1\r\nHost: ${host}\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Length: `,
    ),
    appendNumber(request, size, 10, 1, 32),
    appendText(request, '\r\nConnection: close\r\n\r\n'),
  ]);

  /** Sends one file. Gives back 0, or 1 when the server did not take it. */
  const send = fn('send', ['file', 'bytes', 'size'], ['fd', 'code'], ({ file, bytes, size, fd, code }) => [
    makeRequest(file, size),
    ...storeAddress(peer, address, port),
    set(fd, sys.socket(AF_INET, SOCK_STREAM, 0)),
    when([fd, '<', 0], [giveBack(1)]),
    set(code, sys.connect(fd, peer, ADDRESS_SIZE)),
    when([code, '<', 0], [say('the server cannot be reached:', code), giveBack(1)]),
    when(writeAll(fd, bytesOf(request), sizeOf(request)), [giveBack(1)]),
    when(writeAll(fd, bytes, size), [giveBack(1)]),
    when([readAll(fd, answer, STATUS_LINE), '!=', STATUS_LINE], [giveBack(1)]),
    when([areSame(answer, 'HTTP/1.', 7), '==', 0], [giveBack(1)]),
    set(code, decimalAt([answer, '+', STATUS_AT])),
    say('the server answers', code),
    giveBack([[code, '<', 200], '||', [code, '>=', 300]]),
  ]);

  /** Tries until it is there or the time is over. Gives back 0 or a negative errno. */
  const put = fn('put', ['file', 'bytes', 'size'], ['pid', 'status'], (v) => [
    loop([
      set(v.pid, fork()),
      when([v.pid, '==', 0], [sys.exit_group(send(v.file, v.bytes, v.size))]),
      set(v.status, watch(v.pid)),
      when([v.status, '<=', 0], [giveBack(v.status)]),
      sleepMs(PAUSE_MS),
    ]),
  ]);

  return sinkOfFiles('Http', target, put, files);
}
