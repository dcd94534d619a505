/**
 * A block device that is told by bytes on it, since names of devices are not the same in a capture kernel.
 * @module
 */
import { fn, type ProgramFunction } from '../../formats/static-program/functions.ts';
import { monotonicMs, sleepMs } from '../../formats/static-program/library/clock.ts';
import {
  appendByte,
  appendText,
  bytesOf,
  startText,
  textMemory,
} from '../../formats/static-program/library/growing-text.ts';
import { LINUX } from '../../formats/static-program/library/linux.ts';
import { areSame } from '../../formats/static-program/library/memory.ts';
import { giveBack, loopWhile, set, when } from '../../formats/static-program/statements.ts';
import { bytesAt, sys, type Term, zeroed } from '../../formats/static-program/terms.ts';
import { eachEntry } from './folder-entries.ts';

/** What a device has of its own, and where. */
export interface DeviceIdentity {
  readonly offset: number;
  /** At most 64. */
  readonly bytes: Uint8Array;
}

/** Longer than any UUID. */
const IDENTITY_ROOM = 64;
const NAME_ROOM = 320;
const ENODEV = 19;
const PAUSE_MS = 50;

const found = zeroed(IDENTITY_ROOM);
const device = textMemory(NAME_ROOM);

/** Its path, once it is found. */
export function foundDevice(): Term {
  return bytesOf(device);
}

/**
 * Waits for the device. Gives back 0, or -ENODEV when it did not appear in time.
 * @param deadlineMs from the start of the capture kernel
 */
export function deviceFinder(
  { offset, bytes }: DeviceIdentity,
  deadlineMs: number,
): ProgramFunction<readonly []> {
  /** Whether the device that `device` names is the one. */
  const isTarget = fn('isTarget', [], ['fd', 'got'], ({ fd, got }) => [
    set(fd, sys.openat(LINUX.AT_FDCWD, bytesOf(device), LINUX.O_RDONLY | LINUX.O_CLOEXEC)),
    when([fd, '<', 0], [giveBack(0)]),
    set(got, sys.pread64(fd, found, bytes.length, offset)),
    sys.close(fd),
    when([got, '!=', bytes.length], [giveBack(0)]),
    giveBack(areSame(found, bytesAt(bytes), bytes.length)),
  ]);

  /** Looks at every block device; leaves the name of the right one in `device`, and gives back 1. */
  const look = fn('look', [], ['folder', 'size', 'at'], (walk) => [
    ...eachEntry('/sys/class/block', walk, (name) => [
      startText(device, NAME_ROOM),
      appendText(device, '/dev/'),
      appendText(device, name),
      appendByte(device, 0),
      when(isTarget(), [sys.close(walk.folder), giveBack(1)]),
    ]),
  ]);

  return fn('findDevice', [], [], () => [
    loopWhile(
      [look(), '==', 0],
      [when([monotonicMs(), '>=', deadlineMs], [giveBack(-ENODEV)]), sleepMs(PAUSE_MS)],
    ),
  ]);
}
