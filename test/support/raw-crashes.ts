/**
 * What a capture leaves, as the guard reads it.
 */
import type { RawCrash } from '../../src/guard/build-crash-report.ts';
import type { Reading } from '../../src/machine/reading.ts';
import { type LogEntry, writeLog } from './oops-log-builder.ts';

export const CRASH_ID = '2026-11-29T003000Z-6.1.0-50-amd64';

export const CHAIN =
  'captured 730\nreport 1190\ndump-started 1200\ndump-done 9200\nleave-kexec 9260\nhome 4820\n';

export const VMCOREINFO =
  'OSRELEASE=6.1.0-50-amd64\nBUILD-ID=9f3c1c0e5b0a\nPAGESIZE=4096\nCRASHTIME=1795912201\n';

/** A file that was read. */
export function readFile(name: string, value: string): Reading<string> {
  return { state: 'read', value, source: `/crashes/${CRASH_ID}/${name}` };
}

/** A file that is not there. */
export function noFile(name: string): Reading<string> {
  return { state: 'absent', source: `/crashes/${CRASH_ID}/${name}` };
}

/** A capture that got through, with this log. */
export function rawCrash(entries: readonly LogEntry[], over: Partial<RawCrash> = {}): RawCrash {
  return {
    id: CRASH_ID,
    dmesg: readFile('dmesg.txt', writeLog(entries, { withLevel: true, withTime: true })),
    records: undefined,
    chain: readFile('chain.txt', CHAIN),
    vmcoreinfo: readFile('vmcoreinfo.txt', VMCOREINFO),
    encrypted: [],
    ...over,
  };
}
