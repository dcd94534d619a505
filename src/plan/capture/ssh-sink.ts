/**
 * Another machine as the place for a report, by ssh: one archive for each call, which tar unpacks there. The program
 * runs in a child, since a peer that is silent holds it up.
 * @module
 */
import { fn } from '../../formats/static-program/functions.ts';
import { sleepMs } from '../../formats/static-program/library/clock.ts';
import { bytesOf, sizeOf } from '../../formats/static-program/library/growing-text.ts';
import { LINUX } from '../../formats/static-program/library/linux.ts';
import { fork } from '../../formats/static-program/library/process.ts';
import { giveBack, loop, set, when } from '../../formats/static-program/statements.ts';
import { sys } from '../../formats/static-program/terms.ts';
import { childWatcher } from './bounded-child.ts';
import { become, complainOnConsole, NOT_STARTED, STDERR, STDIN, STDOUT } from './brought-program.ts';
import { networkStarter } from './capture-network.ts';
import type { SshTarget } from './capture-target.ts';
import { chain, say } from './chain.ts';
import { CLEAR_FILES, writeEach } from './report-files.ts';
import type { ReportSink } from './report-sink.ts';
import { addToTar, endTar, startTar, tarArchive } from './tar-stream.ts';

/** Between two attempts. */
const PAUSE_MS = 1000;

/** What it does with such a machine. */
export function sshSink(target: SshTarget, files = CLEAR_FILES): ReportSink {
  const { program, network, deadlineMs } = target;
  const watch = childWatcher({ untilMs: deadlineMs, minimumFreeBytes: 0 });

  /** Tries until the archive is there or the time is over. Gives back 0 or a negative errno. */
  const send = fn('sendArchive', [], ['pid', 'status'], ({ pid, status }) => [
    set(status, endTar()),
    when(status, [giveBack(status)]),
    loop([
      sys.lseek(tarArchive(), 0, LINUX.SEEK_SET),
      set(pid, fork()),
      when(
        [pid, '==', 0],
        [
          sys.dup3(tarArchive(), STDIN, 0),
          complainOnConsole(),
          sys.dup3(STDERR, STDOUT, 0),
          become(program),
          sys.exit_group(NOT_STARTED),
        ],
      ),
      set(status, watch(pid)),
      when([status, '<=', 0], [sys.close(tarArchive()), giveBack(status)]),
      say('ssh ended with', status),
      sleepMs(PAUSE_MS),
    ]),
  ]);

  const saveSteps = fn('saveSshSteps', [], ['status'], ({ status }) => [
    set(status, startTar()),
    when(status, [giveBack(status)]),
    set(status, addToTar('chain.txt', bytesOf(chain), sizeOf(chain))),
    when(status, [giveBack(status)]),
    giveBack(send()),
  ]);

  const start = network === undefined ? undefined : networkStarter(network, deadlineMs);
  return {
    open: fn('openSsh', [], [], () => [giveBack(start === undefined ? 0 : start())]),
    save: fn('saveSsh', [], ['status'], ({ status }) => [
      set(status, startTar()),
      when(status, [giveBack(status)]),
      ...writeEach(files, status, ({ name, bytes, size }) => addToTar(name, bytes, size)),
      set(status, addToTar('chain.txt', bytesOf(chain), sizeOf(chain))),
      when(status, [giveBack(status)]),
      giveBack(send()),
    ]),
    saveSteps,
    close: fn('closeSsh', [], [], () => [giveBack(0)]),
  };
}
