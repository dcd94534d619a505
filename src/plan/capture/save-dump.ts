/**
 * The dump, beside a report that is on disk already: `vmcore.incomplete` until it was read back, then `vmcore`.
 * However it ends, the chain says so and the machine goes home.
 * @module
 */
import { fn, type ProgramFunction } from '../../formats/static-program/functions.ts';
import { monotonicMs } from '../../formats/static-program/library/clock.ts';
import { fork } from '../../formats/static-program/library/process.ts';
import { giveBack, set, when } from '../../formats/static-program/statements.ts';
import { sys } from '../../formats/static-program/terms.ts';
import { childWatcher, ENDED_BY } from './bounded-child.ts';
import { NOT_STARTED } from './brought-program.ts';
import { mark, markBecause, say } from './chain.ts';
import { copyMemory } from './copy-memory.ts';
import { isCrashedMemoryOpen } from './crashed-memory.ts';
import { dumpPublisher, giveUp, giveUpAtLimits } from './dump-ending.ts';
import type { DumpOrder } from './dump-order.ts';
import { type EncryptionOrder, isReportEncrypted } from './encrypt-report.ts';
import { encryptedDumpWriter } from './encrypted-dump.ts';
import { freeBytes } from './free-space.ts';
import { becomeFilter } from './run-filter.ts';
import { saveChain } from './save-report.ts';
import { verifyCopy, verifyFiltered } from './verify-dump.ts';

const UNFINISHED = 'vmcore.incomplete';
const publish = dumpPublisher({ unfinished: UNFINISHED, finished: 'vmcore' });

/**
 * Writes it into the current folder. Gives back nothing.
 * @param encryption undefined: nobody asked for it
 */
export function saveDump(order: DumpOrder, encryption?: EncryptionOrder): ProgramFunction<readonly []> {
  const { latestStartMs, minimumFreeBytes } = order;
  const tryAll = encryption === undefined ? dumpWriter(order) : encryptedDumpWriter(order, encryption);
  return fn('saveDump', [], ['free'], ({ free }) => [
    ...(encryption === undefined
      ? []
      : [
          when(
            [isReportEncrypted(), '==', 0],
            [
              markBecause('dump-skipped', 'the report could not be encrypted, files encrypted:', 0),
              giveBack(0),
            ],
          ),
        ]),
    when(
      [isCrashedMemoryOpen(), '==', 0],
      [markBecause('dump-skipped', 'the memory cannot be read, ranges known:', 0), giveBack(0)],
    ),
    when(
      [monotonicMs(), '>=', latestStartMs],
      [markBecause('dump-skipped', 'too late, it may begin until ms:', latestStartMs), giveBack(0)],
    ),
    set(free, freeBytes()),
    when(
      [free, '<u', minimumFreeBytes],
      [markBecause('dump-skipped', 'no space, bytes free:', free), giveBack(0)],
    ),
    mark('dump-started'),
    saveChain(),
    tryAll(),
  ]);
}

function dumpWriter(order: DumpOrder): ProgramFunction<readonly []> {
  const watch = childWatcher(order);
  const { filter } = order;
  const copyInChild = fn('copyInChild', [], ['pid'], ({ pid }) => [
    set(pid, fork()),
    when([pid, '==', 0], [sys.exit_group([0, '-', copyMemory(UNFINISHED, order.minimumFreeBytes)])]),
    giveBack(watch(pid)),
  ]);
  const become = filter === undefined ? undefined : becomeFilter(filter, UNFINISHED);
  const filterInChild = fn('filterInChild', [], ['pid'], ({ pid }) => {
    if (become === undefined) return [giveBack(NOT_STARTED)];
    return [
      set(pid, fork()),
      when([pid, '==', 0], [say('makedumpfile cannot be started:', become()), sys.exit_group(NOT_STARTED)]),
      giveBack(watch(pid)),
    ];
  });
  return fn('tryAll', [], ['status', 'size'], ({ status, size }) => [
    ...(filter === undefined
      ? []
      : [
          set(status, filterInChild()),
          when([status, '==', 0], [set(size, verifyFiltered(UNFINISHED))]),
          when([[status, '==', 0], '&&', [size, '>', 0]], [giveBack(publish('filtered, bytes:', size))]),
          ...giveUpAtLimits(status),
          say('makedumpfile failed, so all memory is saved:', status),
        ]),
    set(status, copyInChild()),
    // Its own look at what is free, or the file system's: the child ends with the errno.
    when([status, '==', -ENDED_BY.space], [set(status, ENDED_BY.space)]),
    ...giveUpAtLimits(status),
    when(status, giveUp(status, 'it could not be written, errno:')),
    set(size, verifyCopy(UNFINISHED)),
    when([size, '<', 0], giveUp(size, 'it is not on disk as it was written, errno:')),
    publish(filter === undefined ? 'whole, bytes:' : 'whole, since makedumpfile failed, bytes:', size),
  ]);
}
