/**
 * The report on disk: a folder with the kernel log, VMCOREINFO and the steps so far. It has its name only when
 * everything in it is durable; until then, the name ends with `.partial`.
 * @module
 */
import { fn, type ProgramFunction } from '../../formats/static-program/functions.ts';
import {
  appendByte,
  appendBytes,
  appendText,
  bytesOf,
  sizeOf,
  startText,
  textMemory,
} from '../../formats/static-program/library/growing-text.ts';
import { LINUX } from '../../formats/static-program/library/linux.ts';
import { writeAll } from '../../formats/static-program/library/output.ts';
import { giveBack, set, when } from '../../formats/static-program/statements.ts';
import { sys } from '../../formats/static-program/terms.ts';
import { TARGET_MOUNT } from './capture-target.ts';
import { chain } from './chain.ts';
import { type ReportFile, writeEach } from './report-files.ts';
import { reportName } from './report-name.ts';

const NAME_ROOM = 256;
const EEXIST = 17;

const partial = textMemory(NAME_ROOM);

/** Makes a file of the current folder durable. Gives back 0 or a negative errno. */
const writeFile = fn(
  'writeFile',
  ['path', 'bytes', 'size'],
  ['fd', 'status'],
  ({ path, bytes, size, fd, status }) => [
    set(fd, sys.openat(LINUX.AT_FDCWD, path, LINUX.O_WRONLY | LINUX.O_CREAT | LINUX.O_TRUNC, 0o600)),
    when([fd, '<', 0], [giveBack(fd)]),
    set(status, writeAll(fd, bytes, size)),
    when([status, '==', 0], [set(status, sys.fsync(fd))]),
    sys.close(fd),
    giveBack(status),
  ],
);

/** Makes the names in the current folder durable. Gives back 0 or a negative errno. */
export const syncFolder = fn('syncFolder', [], ['fd', 'status'], ({ fd, status }) => [
  set(fd, sys.openat(LINUX.AT_FDCWD, '.', LINUX.O_RDONLY)),
  when([fd, '<', 0], [giveBack(fd)]),
  set(status, sys.fsync(fd)),
  sys.close(fd),
  giveBack(status),
]);

/** Makes a folder if there is none, and goes into it. Gives back 0 or a negative errno. */
const enterFolder = fn('enterFolder', ['path'], ['status'], ({ path, status }) => [
  set(status, sys.mkdirat(LINUX.AT_FDCWD, path, 0o700)),
  when([[status, '<', 0], '&&', [status, '!=', -EEXIST]], [giveBack(status)]),
  giveBack(sys.chdir(path)),
]);

/** Writes the steps so far, into the folder of the report, which is the current one after `saveReport`. */
export const saveChain = fn('saveChain', [], ['status'], ({ status }) => [
  set(status, writeFile('chain.new', bytesOf(chain), sizeOf(chain))),
  when(status, [giveBack(status)]),
  giveBack(sys.renameat2(LINUX.AT_FDCWD, 'chain.new', LINUX.AT_FDCWD, 'chain.txt', 0)),
]);

/**
 * Writes the report. Gives back 0 or a negative errno.
 * @param folder of reports, in the target's file system
 */
export function saveReport(folder: string, files: readonly ReportFile[]): ProgramFunction<readonly []> {
  const writeContent = fn('writeContent', [], ['status'], ({ status }) => [
    ...writeEach(files, status, ({ name, bytes, size }) => writeFile(name, bytes, size)),
    set(status, saveChain()),
    when(status, [giveBack(status)]),
    giveBack(syncFolder()),
  ]);
  const steps = folder.split('/').filter((step) => step !== '');
  return fn('saveReport', [], ['status', 'parent'], ({ status, parent }) => [
    set(status, sys.chdir(TARGET_MOUNT)),
    when(status, [giveBack(status)]),
    ...steps.flatMap((step) => [set(status, enterFolder(step)), when(status, [giveBack(status)])]),
    startText(partial, NAME_ROOM),
    appendBytes(partial, bytesOf(reportName), sizeOf(reportName)),
    appendText(partial, '.partial'),
    appendByte(partial, 0),
    set(status, enterFolder(bytesOf(partial))),
    when(status, [giveBack(status)]),
    set(status, writeContent()),
    when(status, [giveBack(status)]),
    set(parent, sys.openat(LINUX.AT_FDCWD, '..', LINUX.O_RDONLY)),
    when([parent, '<', 0], [giveBack(parent)]),
    set(status, sys.renameat2(parent, bytesOf(partial), parent, bytesOf(reportName), 0)),
    when(status, [giveBack(status)]),
    set(status, sys.fsync(parent)),
    sys.close(parent),
    giveBack(status),
  ]);
}
