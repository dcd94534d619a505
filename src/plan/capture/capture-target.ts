/**
 * Where a report goes: a file system that is told by the identity in its superblock, since names of devices are
 * not the same in a capture kernel.
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
import { giveBack, loop, loopWhile, set, when } from '../../formats/static-program/statements.ts';
import { bytesAt, load, sys, zeroed } from '../../formats/static-program/terms.ts';

/** A file system and a folder in it. */
export interface CaptureTarget {
  /** As mount(2) takes it. */
  readonly fileSystem: string;
  /** Options for mount(2). */
  readonly options: string;
  /** What the file system has of its own, and where: its UUID in the superblock. */
  readonly identity: { readonly offset: number; readonly bytes: Uint8Array };
  /** Of the folder of reports, in the file system, e.g. `var/lib/khop/crashes`. */
  readonly folder: string;
  /** How long to wait for the device, ms from the start of the capture kernel. */
  readonly deadlineMs: number;
}

/** Where it is mounted. */
export const TARGET_MOUNT = '/target';

const BLOCK_DEVICES = '/sys/class/block';
const ENTRIES_ROOM = 0x2000;
/** Longer than any UUID. */
const IDENTITY_ROOM = 64;
/** struct linux_dirent64: the entry's own length, and its name. */
const RECORD_LENGTH = 16;
const RECORD_NAME = 19;
const NAME_ROOM = 320;
const ENODEV = 19;
const PAUSE_MS = 50;

const entries = zeroed(ENTRIES_ROOM);
const found = zeroed(IDENTITY_ROOM);
const device = textMemory(NAME_ROOM);

/** Mounts it. Gives back 0 or a negative errno: -ENODEV when the device did not appear in time. */
export function mountTarget({
  fileSystem,
  options,
  identity,
  deadlineMs,
}: CaptureTarget): ProgramFunction<readonly []> {
  const { offset, bytes } = identity;

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
  const look = fn('look', [], ['fd', 'size', 'at'], ({ fd, size, at }) => [
    set(fd, sys.openat(LINUX.AT_FDCWD, BLOCK_DEVICES, LINUX.O_RDONLY | LINUX.O_CLOEXEC)),
    loop([
      set(size, sys.getdents64(fd, entries, ENTRIES_ROOM)),
      when([size, '<=', 0], [sys.close(fd), giveBack(0)]),
      set(at, 0),
      loopWhile(
        [at, '<', size],
        [
          startText(device, NAME_ROOM),
          appendText(device, '/dev/'),
          appendText(device, [[entries, '+', at], '+', RECORD_NAME]),
          appendByte(device, 0),
          when(isTarget(), [sys.close(fd), giveBack(1)]),
          set(at, [at, '+', load.u16([[entries, '+', at], '+', RECORD_LENGTH])]),
        ],
      ),
    ]),
  ]);

  return fn('mountTarget', [], [], () => [
    loopWhile(
      [look(), '==', 0],
      [when([monotonicMs(), '>=', deadlineMs], [giveBack(-ENODEV)]), sleepMs(PAUSE_MS)],
    ),
    giveBack(sys.mount(bytesOf(device), TARGET_MOUNT, fileSystem, 0, options)),
  ]);
}
