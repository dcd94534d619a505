/**
 * A place on the network that takes one file after the other.
 * @module
 */
import { fn, type ProgramFunction } from '../../formats/static-program/functions.ts';
import { bytesOf, sizeOf } from '../../formats/static-program/library/growing-text.ts';
import { giveBack } from '../../formats/static-program/statements.ts';
import { networkStarter } from './capture-network.ts';
import type { HttpsTarget } from './capture-target.ts';
import { chain } from './chain.ts';
import { type ReportFile, writeEach } from './report-files.ts';
import type { ReportSink } from './report-sink.ts';

/**
 * @param name goes into the names of its functions
 * @param put sends one file, tries until it is there or the time is over, and gives back 0 or a negative errno
 */
export function sinkOfFiles(
  name: string,
  { network, deadlineMs }: Pick<HttpsTarget, 'network' | 'deadlineMs'>,
  put: ProgramFunction<readonly ['file', 'bytes', 'size']>,
  files: readonly ReportFile[],
): ReportSink {
  const start = network === undefined ? undefined : networkStarter(network, deadlineMs);
  return {
    open: fn(`open${name}`, [], [], () => [giveBack(start === undefined ? 0 : start())]),
    save: fn(`save${name}`, [], ['status'], ({ status }) => [
      ...writeEach(files, status, (file) => put(file.name, file.bytes, file.size)),
      giveBack(0),
    ]),
    saveSteps: fn(`save${name}Steps`, [], [], () => [
      giveBack(put('chain.txt', bytesOf(chain), sizeOf(chain))),
    ]),
    close: fn(`close${name}`, [], [], () => [giveBack(0)]),
  };
}
