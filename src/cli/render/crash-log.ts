/**
 * The kernel log of a dump as text and as JSON.
 * @module
 */

import { printableLines } from '../../formats/printable-text.ts';
import {
  type CrashLog,
  type CrashLogRecord,
  formatLogRecord,
  type LostRecords,
} from '../../formats/vmcore/log-record.ts';

/** Names of syslog(3), as dmesg(1) prints them. */
const LEVELS = ['emerg', 'alert', 'crit', 'err', 'warn', 'notice', 'info', 'debug'];
const FACILITIES = ['kern', 'user', 'mail', 'daemon', 'auth', 'syslog', 'lpr', 'news', 'uucp', 'cron'];

/** Lines as `makedumpfile --dump-dmesg` prints them; `isDecoded` puts facility, level and caller in front. */
export function renderCrashLog(log: CrashLog, isDecoded: boolean): string {
  return log.records
    .map((record) => formatLogRecord(record, isDecoded ? decodedWords(record) : ''))
    .join('\n');
}

/** As `dmesg --decode`: `kern  :info  : `, then who wrote it. */
function decodedWords(record: CrashLogRecord): string {
  const facility =
    record.facility === undefined ? '' : (FACILITIES[record.facility] ?? String(record.facility));
  const level = record.level === undefined ? '' : LEVELS[record.level]!;
  return `${facility.padEnd(6)}:${level.padEnd(6)}: ${callerWords(record).padStart(7)} `;
}

function callerWords({ caller }: CrashLogRecord): string {
  if (caller === undefined) return '';
  return caller.kind === 'cpu' ? `C${caller.id}` : `T${caller.id}`;
}

/** One sentence for each stretch of records that the dump does not have. */
export function renderLostRecords(lost: readonly LostRecords[]): string[] {
  return lost.map(({ sequence, count, reason }) => {
    const which =
      sequence === undefined
        ? ''
        : count === 1
          ? ` (${sequence})`
          : ` (${sequence} to ${sequence + count - 1})`;
    return `lost: ${count} ${count === 1 ? 'record' : 'records'}${which}: ${reason}`;
  });
}

/** The same facts for a program; text is UTF-8 where it was. */
export function crashLogToJson(log: CrashLog): unknown {
  return {
    generation: log.generation,
    records: log.records.map(({ sequence, nanoseconds, level, facility, caller, text }) => ({
      sequence: sequence ?? null,
      seconds: nanoseconds === undefined ? null : Number(nanoseconds) / 1e9,
      level: level ?? null,
      facility: facility ?? null,
      caller: caller ?? null,
      text: printableLines(Buffer.from(text, 'latin1').toString('utf8')),
    })),
    lost: log.lost.map((each) => ({ ...each, sequence: each.sequence ?? null })),
  };
}
