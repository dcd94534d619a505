/**
 * ssh into a panic kernel that stays: the network as the dead kernel had it, a terminal for each session, and the
 * machine's own sshd.
 * @module
 */
import { fn, type ProgramFunction } from '../../formats/static-program/functions.ts';
import { LINUX } from '../../formats/static-program/library/linux.ts';
import { fork } from '../../formats/static-program/library/process.ts';
import { giveBack, set, when } from '../../formats/static-program/statements.ts';
import { sys, wordsAt } from '../../formats/static-program/terms.ts';
import { complainOnConsole, NOT_STARTED } from './brought-program.ts';
import { networkStarter } from './capture-network.ts';
import type { CaptureNetwork } from './capture-target.ts';
import { say } from './chain.ts';

/** What a person logs in to. */
export interface RescueServer {
  readonly network: CaptureNetwork;
  /** How long to wait for the interface, ms from the start of the capture kernel. */
  readonly deadlineMs: number;
  /** How sshd is started: its path first. It stays in the foreground. */
  readonly command: readonly string[];
  readonly environment: readonly string[];
}

/** Starts it. Gives back the number of its process, or a negative errno. */
export function serverStarter(server: RescueServer): ProgramFunction<readonly []> {
  const { network, deadlineMs, command, environment } = server;
  const [program = ''] = command;
  const startNetwork = networkStarter(network, deadlineMs);
  return fn('startServer', [], ['pid', 'status'], ({ pid, status }) => [
    set(status, startNetwork()),
    when([status, '<', 0], [say('there is no network to log in by:', status), giveBack(status)]),
    sys.mkdirat(LINUX.AT_FDCWD, '/dev/pts', 0o755),
    sys.mount('devpts', '/dev/pts', 'devpts', 0),
    set(pid, fork()),
    when(
      [pid, '==', 0],
      [
        sys.setsid(),
        complainOnConsole(),
        sys.execve(program, wordsAt(...command, 0), wordsAt(...environment, 0)),
        sys.exit_group(NOT_STARTED),
      ],
    ),
    giveBack(pid),
  ]);
}
