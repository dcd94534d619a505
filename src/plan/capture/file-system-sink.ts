/**
 * A file system as the place for a report: a folder for each.
 * @module
 */
import { fn } from '../../formats/static-program/functions.ts';
import { giveBack, set, when } from '../../formats/static-program/statements.ts';
import { sys } from '../../formats/static-program/terms.ts';
import { type FileSystemTarget, TARGET_MOUNT } from './capture-target.ts';
import { deviceFinder, foundDevice } from './find-device.ts';
import type { ReportFile } from './report-files.ts';
import type { ReportSink } from './report-sink.ts';
import { saveChain, saveReport } from './save-report.ts';

/** What the program does with a file system. */
export function fileSystemSink(target: FileSystemTarget, files: readonly ReportFile[]): ReportSink {
  const { fileSystem, options, identity, folder, deadlineMs } = target;
  const find = deviceFinder(identity, deadlineMs);
  return {
    open: fn('mountTarget', [], ['status'], ({ status }) => [
      set(status, find()),
      when(status, [giveBack(status)]),
      giveBack(sys.mount(foundDevice(), TARGET_MOUNT, fileSystem, 0, options)),
    ]),
    save: saveReport(folder, files),
    saveSteps: saveChain,
    close: fn('leaveTarget', [], [], () => [sys.chdir('/'), giveBack(sys.umount2(TARGET_MOUNT, 0))]),
  };
}
