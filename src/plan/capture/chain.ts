/**
 * The steps of the chain as the capture program goes through them: a line `STEP MILLISECONDS` each, counted from
 * the start of the capture kernel. They are in the report, and on the console while it runs.
 * @module
 */
import { fn } from '../../formats/static-program/functions.ts';
import { monotonicMs } from '../../formats/static-program/library/clock.ts';
import {
  appendNumber,
  appendText,
  bytesOf,
  sizeOf,
  startText,
  textMemory,
} from '../../formats/static-program/library/growing-text.ts';
import { LINUX } from '../../formats/static-program/library/linux.ts';
import { giveBack, set, when } from '../../formats/static-program/statements.ts';
import { sys } from '../../formats/static-program/terms.ts';

const ROOM = 0x1000;
const LINE_ROOM = 256;

/** A growing text. */
export const chain = textMemory(ROOM);
const line = textMemory(LINE_ROOM);

/** Before the first step. */
export const startChain = fn('startChain', [], [], () => [startText(chain, ROOM)]);

/** Says on the kernel's console what happens: `khop: TEXT VALUE`. */
export const say = fn('say', ['text', 'value'], ['fd'], ({ text, value, fd }) => [
  startText(line, LINE_ROOM),
  appendText(line, 'khop: '),
  appendText(line, text),
  appendText(line, ' '),
  when([value, '<', 0], [appendText(line, '-'), set(value, [0, '-', value])]),
  appendNumber(line, value, 10, 1, 32),
  appendText(line, '\n'),
  set(fd, sys.openat(LINUX.AT_FDCWD, '/dev/kmsg', LINUX.O_WRONLY | LINUX.O_CLOEXEC)),
  when([fd, '<', 0], [giveBack(0)]),
  sys.write(fd, bytesOf(line), sizeOf(line)),
  sys.close(fd),
]);

const appendStep = fn('appendStep', ['step', 'now'], [], ({ step, now }) => [
  appendText(chain, step),
  appendText(chain, ' '),
  appendNumber(chain, now, 10, 1, 32),
]);

/** Notes that a step is reached now. */
export const mark = fn('mark', ['step'], ['now'], ({ step, now }) => [
  set(now, monotonicMs()),
  appendStep(step, now),
  appendText(chain, '\n'),
  say(step, now),
]);

/** The same with a reason, `TEXT VALUE`; the value is not negative. */
export const markBecause = fn(
  'markBecause',
  ['step', 'reason', 'value'],
  ['now'],
  ({ step, reason, value, now }) => [
    set(now, monotonicMs()),
    appendStep(step, now),
    appendText(chain, ' '),
    appendText(chain, reason),
    appendText(chain, ' '),
    appendNumber(chain, value, 10, 1, 32),
    appendText(chain, '\n'),
    say(step, now),
    say(reason, value),
  ],
);
