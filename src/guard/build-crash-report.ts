/**
 * From what a capture left to a report. Pure: the same files give the same report, wherever it is made.
 * @module
 */
import { parseBootLog } from '../formats/boot-log.ts';
import { type KernelLogLine, parseKernelLogText } from '../formats/kernel-log-text.ts';
import { type OopsReport, parseOops } from '../formats/oops.ts';
import type { OopsEvent } from '../formats/oops-event.ts';
import { fingerprintOops } from '../formats/oops-fingerprint.ts';
import type { OopsKind } from '../formats/oops-headline.ts';
import { printableUnicode } from '../formats/printable-text.ts';
import { decodeTaint } from '../formats/taint.ts';
import type { Reading } from '../machine/reading.ts';
import { outcomeOf, parseChain } from './capture-chain.ts';
import { findCrashHints } from './crash-hints.ts';
import { CRASH_REPORT_VERSION, type CrashReport } from './crash-report.ts';
import { summarizeCrash, summarizeUnread } from './crash-summary.ts';

/** What lies in a crash's folder. */
export interface RawCrash {
  readonly id: string;
  /** dmesg.txt, as dmesg, `dmesg -r` or vmcore-dmesg write it. */
  readonly dmesg: Reading<string>;
  /** The records of log.vmcore, when somebody read it: taken when there is no dmesg.txt. */
  readonly records: readonly KernelLogLine[] | undefined;
  /** chain.txt, see capture-chain.ts. */
  readonly chain: Reading<string>;
  /** vmcoreinfo.txt: lines `KEY=value`. */
  readonly vmcoreinfo: Reading<string>;
  /** Names of files in it that only a secret key opens. */
  readonly encrypted: readonly string[];
}

/** Enough for a report that is pasted; the whole log lies beside it. */
const LOG_LINES = 200;
const LOG_LINE_LENGTH = 500;
const OTHER_EVENTS = 20;

/** Never throws: what is missing or damaged is one of `gaps`. */
export function buildCrashReport(raw: RawCrash): CrashReport {
  const gaps: string[] = [];
  const lines = logOf(raw, gaps);
  const oops = parseOops(lines);
  const boot = parseBootLog(lines);
  const info = readOr(raw.vmcoreinfo, '', gaps, 'when exactly it crashed and the build ID are not known');
  const chain = parseChain(readOr(raw.chain, '', gaps, 'what the guard did is not known'));
  gaps.push(...chain.damaged, ...logGaps(lines, oops, chain.steps.length > 0));
  const { event } = oops;
  if (oops.earlier.length > OTHER_EVENTS)
    gaps.push(`of the earlier warnings and oopses only the last ${OTHER_EVENTS} are in the report`);
  return {
    version: CRASH_REPORT_VERSION,
    id: raw.id,
    when: whenOf(raw.id, info),
    kernel: {
      release: infoValue(info, 'OSRELEASE') ?? event?.release ?? boot.release ?? nameOfEncrypted(raw),
      build: event?.build ?? null,
      buildId: infoValue(info, 'BUILD-ID'),
    },
    machine: { cpus: boot.cpus, memoryKib: boot.memoryKib, hardware: event?.hardware ?? null },
    summary: lines.length === 0 ? summarizeUnread(raw, chain.steps) : summarizeCrash(oops),
    panicLine: oops.panicLine,
    panicSeconds: oops.panicSeconds,
    event,
    panic: oops.panic,
    earlier: oops.earlier.slice(-OTHER_EVENTS).map(briefly),
    later: oops.later.slice(0, OTHER_EVENTS).map(briefly),
    taint: decodeTaint(event?.taint ?? ''),
    fingerprint: event === null ? null : fingerprintOops(event),
    hints: findCrashHints(oops, lines),
    chain: chain.steps,
    outcome: outcomeOf(chain.steps),
    encrypted: raw.encrypted,
    log: lines.slice(-LOG_LINES).map((line) => ({ ...line, text: line.text.slice(0, LOG_LINE_LENGTH) })),
    logLines: lines.length,
    gaps,
  };
}

/** The capture program makes the name of the time and the release. */
function nameOfEncrypted({ id, encrypted }: RawCrash): string | null {
  if (encrypted.length === 0) return null;
  return /^\d{4}-\d\d-\d\dT\d{6}Z-(.+)$/.exec(id)?.[1] ?? null;
}

/** Registers, code and modules are those of the event that the report is about. */
function briefly(event: OopsEvent): CrashReport['earlier'][number] {
  const { kind, headline, seconds, cpu, pid, comm, taint, workqueue, instruction, traces, isInterleaved } =
    event;
  return { kind, headline, seconds, cpu, pid, comm, taint, workqueue, instruction, traces, isInterleaved };
}

function logOf(raw: RawCrash, gaps: string[]): readonly KernelLogLine[] {
  if (raw.dmesg.state !== 'read' && raw.records !== undefined) return raw.records;
  const text = readOr(raw.dmesg, '', gaps, 'what the kernel said is not known');
  const lines = parseKernelLogText(text);
  // The end of a text that ends with a line break is no line.
  while (lines.at(-1)?.text === '' && lines.at(-1)?.seconds === null) lines.pop();
  if (raw.dmesg.state === 'read' && lines.length === 0) gaps.push('dmesg.txt is empty');
  return lines;
}

function readOr(reading: Reading<string>, otherwise: string, gaps: string[], so: string): string {
  if (reading.state === 'read') return reading.value;
  const name = reading.source.replace(/^.*\//, '');
  gaps.push(
    reading.state === 'absent' ? `no ${name}: ${so}` : `${name} cannot be read (${reading.reason}): ${so}`,
  );
  return otherwise;
}

/** Out of these a kernel starts its panic kernel before it would say that it panics (arch/x86 oops_end()). */
const OOPSES: readonly OopsKind[] = [
  ...(['null-dereference', 'page-fault', 'general-protection', 'bug', 'oops'] as const),
  ...(['stack-overflow', 'double-fault'] as const),
];

/** @param isCaptured a panic kernel was there, so the log ends where the kernel did */
function logGaps(
  lines: readonly KernelLogLine[],
  { event, panicLine }: OopsReport,
  isCaptured: boolean,
): string[] {
  if (lines.length === 0) return [];
  if (event === null) return ['the log holds no panic, oops or warning'];
  const isWhole = panicLine !== null || (isCaptured && OOPSES.includes(event.kind));
  return [
    ...(!isWhole ? ['the log holds no panic line: it ends before one, or the machine hung'] : []),
    ...(event.isInterleaved
      ? [
          'lines of two CPUs are mixed in the log: trace and registers may be of either (CONFIG_PRINTK_CALLER tells them apart)',
        ]
      : []),
  ];
}

function whenOf(id: string, info: string): CrashReport['when'] {
  const crashTime = infoValue(info, 'CRASHTIME');
  if (crashTime !== null && /^\d{1,11}$/.test(crashTime))
    return { atMs: Number(crashTime) * 1000, source: 'vmcoreinfo' };
  const named = /^(\d{4}-\d\d-\d\d)T(\d\d)(\d\d)(\d\d)Z/.exec(id);
  if (named === null) return null;
  const atMs = Date.parse(`${named[1]}T${named[2]}:${named[3]}:${named[4]}Z`);
  return Number.isNaN(atMs) ? null : { atMs, source: 'name' };
}

/** Documentation/admin-guide/kdump/vmcoreinfo.rst. */
function infoValue(info: string, key: string): string | null {
  const line = info.split('\n').find((each) => each.startsWith(`${key}=`));
  return line === undefined ? null : printableUnicode(line.slice(key.length + 1).trim());
}
