/**
 * A crash report: everything that is known of one crash, as one value. report.json in the crash's folder is this
 * value; it is derived from the files beside it and can be made again. What is not known is null, never a guess.
 * @module
 */
import * as v from 'valibot';
import { KhopError } from '../error.ts';
import { OOPS_KINDS } from '../formats/oops-headline.ts';
import { CHAIN_STEPS } from './capture-chain.ts';

export const CRASH_REPORT_VERSION = 1;

/** A list that nobody changes. */
function list<S extends v.GenericSchema>(item: S) {
  return v.pipe(v.array(item), v.readonly());
}

const Text = v.nullable(v.string());
const Count = v.nullable(v.pipe(v.number(), v.integer(), v.minValue(0)));

const PLACE = { symbol: v.string(), offset: Count, size: Count, module: Text };
const Place = v.object(PLACE);

const Frame = v.object({ ...PLACE, isReliable: v.boolean() });

const Event = v.object({
  kind: v.picklist(OOPS_KINDS),
  headline: v.string(),
  /** On the crashed kernel's clock. */
  seconds: v.nullable(v.number()),
  panicLine: Text,
  cpu: Count,
  pid: Count,
  comm: Text,
  taint: Text,
  release: Text,
  build: Text,
  hardware: Text,
  workqueue: Text,
  instruction: v.nullable(Place),
  link: v.nullable(Place),
  /** Hexadecimal without 0x, as all addresses and registers here. */
  faultAddress: Text,
  stackPointer: Text,
  registers: list(v.object({ name: v.string(), value: v.string() })),
  code: Text,
  traces: list(v.object({ stack: Text, cpu: Count, frames: list(Frame) })),
  modules: list(v.object({ name: v.string(), marks: v.string() })),
  lastUnloaded: Text,
  isInterleaved: v.boolean(),
});

/** Of what came before and after: what happened, where and to whom. */
const OtherEvent = v.pick(Event, [
  'kind',
  'headline',
  'seconds',
  'cpu',
  'pid',
  'comm',
  'taint',
  'workqueue',
  'instruction',
  'traces',
  'isInterleaved',
]);

const CrashReport = v.object({
  version: v.literal(CRASH_REPORT_VERSION),
  /** Also the folder's name: UTC time and release, `2026-11-29T003000Z-6.1.0-50-amd64`. */
  id: v.string(),
  /** Realtime, ms since 1970, and who says so: VMCOREINFO's CRASHTIME to a second, or the folder's name. */
  when: v.nullable(v.object({ atMs: v.number(), source: v.picklist(['vmcoreinfo', 'name']) })),
  kernel: v.object({ release: Text, build: Text, buildId: Text }),
  machine: v.object({ cpus: Count, memoryKib: Count, hardware: Text }),
  /** One sentence that a person would say. */
  summary: v.string(),
  panicLine: Text,
  panicSeconds: v.nullable(v.number()),
  event: v.nullable(Event),
  panic: v.nullable(Event),
  earlier: list(OtherEvent),
  later: list(OtherEvent),
  taint: list(v.object({ letter: v.string(), meaning: v.string() })),
  /** Equal for the same crash; null when nothing says what happened. */
  fingerprint: v.nullable(v.object({ id: v.string(), text: v.string() })),
  hints: list(
    v.object({
      id: v.string(),
      title: v.string(),
      evidence: v.string(),
      remedy: v.string(),
      source: v.string(),
    }),
  ),
  /** What the guard did; ms on the clock named. */
  chain: list(
    v.object({
      step: v.picklist(CHAIN_STEPS),
      ms: v.number(),
      clock: v.picklist(['capture', 'home']),
      reason: Text,
    }),
  ),
  outcome: v.picklist(['home-by-kexec', 'home-by-firmware', 'continued', 'unknown']),
  /** Names of the files that only a secret key opens; what is in them is not in this report. */
  encrypted: v.optional(list(v.string()), []),
  /** The end of the log. */
  log: list(v.object({ level: Count, seconds: v.nullable(v.number()), caller: Text, text: v.string() })),
  /** Lines of the whole log. */
  logLines: v.number(),
  /** One sentence for each thing that is missing or damaged. */
  gaps: list(v.string()),
});

export type CrashReport = v.InferOutput<typeof CrashReport>;

export function encodeCrashReport(report: CrashReport): string {
  return `${JSON.stringify(report, null, 1)}\n`;
}

/** Whether the text is a report of a khop that knows more than this one. */
export function isNewerReport(text: string): boolean {
  const found = /^\{\s*"version": ?(\d{1,9})\b/.exec(text)?.[1];
  return found !== undefined && Number(found) > CRASH_REPORT_VERSION;
}

/**
 * @param path only for messages
 * @throws E_STATE when the text is damaged or of a newer khop; the file is to be left as it is
 */
export function decodeCrashReport(text: string, path: string): CrashReport {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (cause) {
    throw new KhopError('E_STATE', `${path} is not JSON: ${(cause as Error).message}`, {
      hint: 'It is made of the files beside it; move it away to have it made again.',
      cause,
    });
  }
  if (isNewerReport(text))
    throw new KhopError('E_STATE', `${path} is of a version that this khop does not know`, {
      hint: 'A newer khop wrote it: use that one.',
    });
  const result = v.safeParse(CrashReport, value);
  if (result.success) return result.output;
  const issue = result.issues[0];
  throw new KhopError('E_STATE', `${path}: ${v.getDotPath(issue) ?? 'content'}: ${issue.message}`, {
    hint: 'It is made of the files beside it; move it away to have it made again.',
  });
}
