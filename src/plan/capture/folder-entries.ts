/**
 * The names in a folder, in the capture program: getdents64(2).
 * @module
 */
import { LINUX } from '../../formats/static-program/library/linux.ts';
import { loopWhile, type Statement, set, when } from '../../formats/static-program/statements.ts';
import { type Local, load, sys, type Term, zeroed } from '../../formats/static-program/terms.ts';

const ROOM = 0x2000;
/** struct linux_dirent64: the entry's own length, and its name. */
const RECORD_LENGTH = 16;
const RECORD_NAME = 19;

/** Local variables of the function that walks. */
export interface FolderWalk {
  readonly folder: Local;
  readonly size: Local;
  readonly at: Local;
}

/** Does `statements` with the address of each name, `.` and `..` among them. A folder that is not there has none. */
export function eachEntry(
  path: string,
  { folder, size, at }: FolderWalk,
  statements: (name: Term) => readonly Statement[],
): readonly Statement[] {
  const entries = zeroed(ROOM);
  const entry: Term = [entries, '+', at];
  return [
    set(folder, sys.openat(LINUX.AT_FDCWD, path, LINUX.O_RDONLY | LINUX.O_CLOEXEC)),
    set(size, sys.getdents64(folder, entries, ROOM)),
    loopWhile(
      [size, '>', 0],
      [
        set(at, 0),
        loopWhile(
          [at, '<', size],
          [
            ...statements([entry, '+', RECORD_NAME]),
            set(at, [at, '+', load.u16([entry, '+', RECORD_LENGTH])]),
          ],
        ),
        set(size, sys.getdents64(folder, entries, ROOM)),
      ],
    ),
    when([folder, '>=', 0], [sys.close(folder)]),
  ];
}
