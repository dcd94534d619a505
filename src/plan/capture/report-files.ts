/**
 * The files of a report that tell of the crash. What the capture did itself, its steps, is written apart.
 * @module
 */
import { giveBack, type Statement, set, when } from '../../formats/static-program/statements.ts';
import { type Local, load, type Term } from '../../formats/static-program/terms.ts';
import { logSize, logText } from './log-text.ts';
import { vmcoreinfo, vmcoreinfoSize } from './vmcoreinfo-keys.ts';

export interface ReportFile {
  readonly name: string;
  /** Address. */
  readonly bytes: Term;
  readonly size: Term;
  /** Whether it is left out when it is empty: what could not be encrypted is. */
  readonly isOptional: boolean;
}

/** As they were read. */
export const CLEAR_FILES: readonly ReportFile[] = [
  { name: 'dmesg.txt', bytes: logText, size: load.u64(logSize), isOptional: false },
  { name: 'vmcoreinfo.txt', bytes: vmcoreinfo, size: load.u64(vmcoreinfoSize), isOptional: false },
];

/** Writes each of the files that are there; leaves the function with what `write` gave back, unless that was 0. */
export function writeEach(
  files: readonly ReportFile[],
  status: Local,
  write: (file: ReportFile) => Term,
): readonly Statement[] {
  return files.flatMap((file) => {
    const statements = [set(status, write(file)), when(status, [giveBack(status)])];
    return file.isOptional ? [when(file.size, statements)] : statements;
  });
}
