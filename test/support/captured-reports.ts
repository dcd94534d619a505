/**
 * A capture program in pieces: what it has read when a report is to be saved.
 * @module
 */

import { fn, type ProgramFunction } from '../../src/formats/static-program/functions.ts';
import { bytesOf, sizeOf } from '../../src/formats/static-program/library/growing-text.ts';
import { writeAll } from '../../src/formats/static-program/library/output.ts';
import { giveBack, set, when } from '../../src/formats/static-program/statements.ts';
import type { Term } from '../../src/formats/static-program/terms.ts';
import { chain, mark, startChain } from '../../src/plan/capture/chain.ts';
import { putText, startCounting, startKeeping } from '../../src/plan/capture/log-text.ts';
import { nameReport } from '../../src/plan/capture/report-name.ts';
import type { ReportSink } from '../../src/plan/capture/report-sink.ts';
import { keepVmcoreinfo } from '../../src/plan/capture/vmcoreinfo-keys.ts';

export const REPORT_NAME = '2026-11-29T003000Z-6.1.0-50-amd64';
export const REPORT_INFO = 'OSRELEASE=6.1.0-50-amd64\nCRASHTIME=1795912200\n';
export const REPORT_LOG = `<0>[   12.000000] Kernel panic - not syncing: test\n${'<6>[   13.000000] a line\n'.repeat(300)}`;

/** Saves a report and its steps; the exit status is the errno of what failed, and the steps are the output. */
export function reportSaver(sink: ReportSink, open: Term = sink.open()): ProgramFunction<readonly [string]> {
  return fn('main', ['stack'], ['status'], ({ status }) => [
    startChain(),
    mark('captured'),
    keepVmcoreinfo(REPORT_INFO, REPORT_INFO.length),
    startCounting(),
    putText(REPORT_LOG),
    startKeeping(),
    putText(REPORT_LOG),
    nameReport(),
    set(status, open),
    when(status, [giveBack([0, '-', status])]),
    set(status, sink.save()),
    when(status, [giveBack([0, '-', status])]),
    mark('report'),
    mark('leave-kexec'),
    set(status, sink.saveSteps()),
    sink.close(),
    when(status, [giveBack([0, '-', status])]),
    giveBack(writeAll(1, bytesOf(chain), sizeOf(chain))),
  ]);
}
