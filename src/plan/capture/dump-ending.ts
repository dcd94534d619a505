/**
 * How a dump ends: with its name, or without, and then the chain says why.
 * @module
 */
import { fn, type ProgramFunction } from '../../formats/static-program/functions.ts';
import { monotonicMs } from '../../formats/static-program/library/clock.ts';
import { LINUX } from '../../formats/static-program/library/linux.ts';
import { giveBack, type Statement, set, when } from '../../formats/static-program/statements.ts';
import { type Local, sys } from '../../formats/static-program/terms.ts';
import { ENDED_BY } from './bounded-child.ts';
import { markBecause } from './chain.ts';
import { freeBytes } from './free-space.ts';
import { syncFolder } from './save-report.ts';

/** Names of a dump in the current folder, until it was read back and from then on. */
export interface DumpNames {
  readonly unfinished: string;
  readonly finished: string;
}

/** What another try would run into as well. */
export function giveUpAtLimits(status: Local): readonly Statement[] {
  return [
    when(
      [status, '==', ENDED_BY.time],
      [markBecause('dump-incomplete', 'no time, it was ended at ms:', monotonicMs()), giveBack(0)],
    ),
    when(
      [status, '==', ENDED_BY.space],
      [markBecause('dump-incomplete', 'no space, bytes left:', freeBytes()), giveBack(0)],
    ),
  ];
}

/** For a dump that could not be written, or is not there as it was written. `status` is not 0. */
export function giveUp(status: Local, why: string): readonly Statement[] {
  return [
    when([status, '<', 0], [set(status, [0, '-', status])]),
    markBecause('dump-incomplete', why, status),
    giveBack(0),
  ];
}

/** A function that gives the dump its name. */
export function dumpPublisher({
  unfinished,
  finished,
}: DumpNames): ProgramFunction<readonly ['what', 'size']> {
  return fn('publish', ['what', 'size'], ['status'], ({ what, size, status }) => [
    set(status, sys.renameat2(LINUX.AT_FDCWD, unfinished, LINUX.AT_FDCWD, finished, 0)),
    when([status, '==', 0], [set(status, syncFolder())]),
    when(
      [status, '<', 0],
      [markBecause('dump-incomplete', 'it could not be renamed, errno:', [0, '-', status]), giveBack(0)],
    ),
    markBecause('dump-done', what, size),
  ]);
}
