/**
 * The end of a capture when no kernel is left to go home with: a shell on the console and by ssh, under what the dead
 * kernel said last. Whoever leaves the one on the console, or says `leave` in another, starts the kernel that waits in the
 * reservation after all. Where the console has no shell, it takes Enter to leave; nothing else ends the wait, since
 * going home by itself is what the loop was.
 * @module
 */
import { fn, type ProgramFunction } from '../../formats/static-program/functions.ts';
import { monotonicMs, sleepMs } from '../../formats/static-program/library/clock.ts';
import { bytesOf, sizeOf } from '../../formats/static-program/library/growing-text.ts';
import { LINUX } from '../../formats/static-program/library/linux.ts';
import { writeAll } from '../../formats/static-program/library/output.ts';
import { fork } from '../../formats/static-program/library/process.ts';
import { lengthOf } from '../../formats/static-program/library/text.ts';
import { giveBack, loop, set, when } from '../../formats/static-program/statements.ts';
import { load, sys, wordsAt, zeroed } from '../../formats/static-program/terms.ts';
import { chain, say } from './chain.ts';
import type { WayOut } from './go-home.ts';
import type { Guardian } from './guardian.ts';
import { logSize, logText } from './log-text.ts';
import { type RescueServer, serverStarter } from './rescue-server.ts';

/** What a person finds there. */
export interface RescueOrder {
  /** The shell and what it needs, by absolute path. */
  readonly files: readonly {
    readonly path: string;
    readonly bytes: Uint8Array;
    /** 0755 unless told. */
    readonly mode?: number;
  }[];
  /** How the shell on the console is started: its path first. Undefined: there is none. */
  readonly command: readonly string[] | undefined;
  /** Said in front of it: why it is there, and how to leave. */
  readonly note: string;
  /** Undefined: nobody can log in. */
  readonly server: RescueServer | undefined;
}

/** Where those who log in find it. */
export const RESCUE_FILES = {
  log: '/rescue/dmesg.txt',
  steps: '/rescue/chain.txt',
  note: '/rescue/note',
  /** Its presence says that a person wants to leave. */
  leave: '/rescue/leave',
  /** Number of the process of the shell on the console. */
  shell: '/rescue/shell.pid',
} as const;

const CONSOLE = '/dev/console';
/** Of the kernel log, what a screen or two hold. */
const SHOWN_OF_LOG = 4096;
/** Nobody reads the screen, types and leaves in less. */
const SHORTEST_STAY_MS = 2000;
/** Exit status of a child that could not become the shell, as shells have it. */
const NOT_STARTED = 127;
/** A console in its usual mode gives whole lines only. */
const LINE_ROOM = 256;
const O_NOCTTY = 0o400;
/** asm-generic/ioctls.h. */
const TIOCSCTTY = 0x540e;
const PAUSE_MS = 500;
const SIGTERM = 15;
/** All processes but this one, kill(2). */
const EVERYBODY = -1;
export const RESCUE_ENVIRONMENT = [
  'PATH=/bin:/sbin:/usr/bin:/usr/sbin',
  'HOME=/',
  'TERM=linux',
  'PS1=rescue# ',
];

const wantsToLeave = fn('wantsToLeave', [], ['fd'], ({ fd }) => [
  set(fd, sys.openat(LINUX.AT_FDCWD, RESCUE_FILES.leave, LINUX.O_RDONLY)),
  when([fd, '<', 0], [giveBack(0)]),
  sys.close(fd),
  giveBack(1),
]);

/** Comes back when somebody presses Enter, or has logged in and wants to leave. A console may be missing, or come later. */
export function enterWaiter(console = CONSOLE): ProgramFunction<readonly []> {
  const typed = zeroed(LINE_ROOM);
  return fn('waitForEnter', [], ['fd', 'got', 'since'], ({ fd, got, since }) => [
    set(since, monotonicMs()),
    loop([
      when(wantsToLeave(), [giveBack(0)]),
      when(
        [fd, '<=', 0],
        [
          set(
            fd,
            sys.openat(
              LINUX.AT_FDCWD,
              console,
              LINUX.O_RDONLY | LINUX.O_NONBLOCK | LINUX.O_CLOEXEC | O_NOCTTY,
            ),
          ),
        ],
      ),
      set(got, sys.read(fd, typed, LINE_ROOM)),
      // What was typed before the note could be read was not meant so.
      when([[got, '>', 0], '&&', [[monotonicMs(), '-', since], '>=', SHORTEST_STAY_MS]], [giveBack(0)]),
      when([[got, '<=', 0], '&&', [got, '!=', -LINUX.EAGAIN]], [sys.close(fd), set(fd, 0)]),
      when([got, '<=', 0], [sleepMs(PAUSE_MS)]),
    ]),
  ]);
}

/** Gives back 1 when a person left the shell, or wants to leave by ssh, 0 when nobody can use one. */
function shellOffer(command: readonly string[]): ProgramFunction<readonly ['server']> {
  const [program = ''] = command;
  const waitStatus = zeroed(8);

  /** Waits for somebody who has logged in. Gives back 1 when a person wants to leave, 0 when nobody can log in. */
  const waitForGuests = fn('waitForGuests', ['pid'], [], ({ pid }) => [
    when([pid, '<=', 0], [giveBack(0)]),
    loop([
      when(wantsToLeave(), [giveBack(1)]),
      when([sys.wait4(pid, waitStatus, LINUX.WNOHANG), '!=', 0], [giveBack(0)]),
      sleepMs(PAUSE_MS),
    ]),
  ]);

  /** In the child: a session of its own with the console as its terminal, so that Ctrl-C works. */
  const becomeShell = fn('becomeShell', [], ['fd'], ({ fd }) => [
    sys.setsid(),
    set(fd, sys.openat(LINUX.AT_FDCWD, CONSOLE, LINUX.O_RDWR)),
    sys.ioctl(fd, TIOCSCTTY, 1),
    ...[0, 1, 2].map((target) => when([fd, '!=', target], [sys.dup3(fd, target, 0)])),
    sys.chdir('/'),
    sys.execve(program, wordsAt(...command, 0), wordsAt(...RESCUE_ENVIRONMENT, 0)),
    sys.exit_group(NOT_STARTED),
  ]);

  return fn('offerShell', ['server'], ['pid', 'status', 'since'], ({ server, pid, status, since }) => [
    loop([
      set(since, monotonicMs()),
      set(pid, fork()),
      when([pid, '==', 0], [becomeShell()]),
      when([pid, '<', 0], [giveBack(0)]),
      sys.wait4(pid, waitStatus, 0),
      set(status, load.u32(waitStatus)),
      when(wantsToLeave(), [giveBack(1)]),
      // Without a console to read from, a shell ends at once, and going home at once is what the loop was.
      when([[monotonicMs(), '-', since], '<', SHORTEST_STAY_MS], [giveBack(waitForGuests(server))]),
      // Killed, for want of memory for example: nobody meant to leave.
      when([[status, '&', 0x7f], '==', 0], [giveBack([[[status, '>>', 8], '&', 0xff], '!=', NOT_STARTED])]),
    ]),
  ]);
}

/** Does not come back. */
export function rescue(
  order: RescueOrder,
  way: WayOut,
  guardian: Guardian,
): ProgramFunction<readonly ['watcher']> {
  const { command, note, server } = order;

  const show = fn('show', [], ['fd', 'size'], ({ fd, size }) => [
    set(fd, sys.openat(LINUX.AT_FDCWD, CONSOLE, LINUX.O_WRONLY)),
    when([fd, '<', 0], [giveBack(fd)]),
    set(size, load.u64(logSize)),
    when([size, '>u', SHOWN_OF_LOG], [set(size, SHOWN_OF_LOG)]),
    writeAll(fd, [[logText, '+', load.u64(logSize)], '-', size], size),
    writeAll(fd, bytesOf(chain), sizeOf(chain)),
    writeAll(fd, note, lengthOf(note)),
    sys.close(fd),
  ]);

  const keep = fn('keepForRescue', ['path', 'bytes', 'size'], ['fd'], ({ path, bytes, size, fd }) => [
    set(fd, sys.openat(LINUX.AT_FDCWD, path, LINUX.O_WRONLY | LINUX.O_CREAT, 0o600)),
    when([fd, '<', 0], [giveBack(fd)]),
    writeAll(fd, bytes, size),
    giveBack(sys.close(fd)),
  ]);

  const startServer = server === undefined ? undefined : serverStarter(server);
  const offerShell = command === undefined ? undefined : shellOffer(command);
  const waitForEnter = enterWaiter();

  return fn('rescue', ['watcher'], ['guests', 'keeper'], ({ watcher, guests, keeper }) => [
    // A person has no deadline; a watchdog still wants to hear of somebody.
    when([watcher, '>', 0], [sys.kill(watcher, LINUX.SIGKILL)]),
    set(keeper, guardian.startKeeper()),
    show(),
    keep(RESCUE_FILES.log, logText, load.u64(logSize)),
    keep(RESCUE_FILES.steps, bytesOf(chain), sizeOf(chain)),
    ...(startServer === undefined ? [] : [set(guests, startServer())]),
    offerShell === undefined
      ? waitForEnter()
      : when(
          [offerShell(guests), '==', 0],
          [say('nobody can use a shell here, so Enter leaves, ms:', monotonicMs()), waitForEnter()],
        ),
    guardian.sayLeaving(keeper),
    // Who is logged in hears that the connection ends.
    ...(startServer === undefined ? [] : [sys.kill(EVERYBODY, SIGTERM), sleepMs(PAUSE_MS)]),
    way.leave(),
  ]);
}
