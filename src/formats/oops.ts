/**
 * Why a kernel died, from its log: what happened, where, on whose behalf, and what it had complained of before.
 *
 * The kernel writes a report as lines that begin with a headline and end, often, with an end mark. Lines carry the
 * thread or CPU that wrote them where CONFIG_PRINTK_CALLER is set; then two CPUs that report at once are kept apart.
 * Elsewhere they cannot be, and the event says so. A panic that only says that something fatal had happened is led
 * back to the event it was for.
 * Specification: Documentation/admin-guide/bug-hunting.rst and the sources that oops-headline.ts names.
 * @module
 */
import type { KernelLogLine } from './kernel-log-text.ts';
import { OopsDraft, type OopsEvent } from './oops-event.ts';
import { type Headline, mayBeToldTwice, mayEndIn, parseHeadline } from './oops-headline.ts';

/** What a kernel's log says about its end. */
export interface OopsReport {
  /** What the kernel died of, or the last thing it complained of; null when it never complained. */
  readonly event: OopsEvent | null;
  /** `Kernel panic - not syncing: ...`; null when the log has none. */
  readonly panicLine: string | null;
  /** When the panic was, on the kernel's clock. */
  readonly panicSeconds: number | null;
  /** What the panic itself said of CPU, process and trace, when it came after `event` and not with it. */
  readonly panic: OopsEvent | null;
  /** Warnings and oopses before `event`, oldest first. */
  readonly earlier: readonly OopsEvent[];
  /** What other CPUs reported after it. */
  readonly later: readonly OopsEvent[];
}

/** A log may hold a warning every ms for days: the first ones and the last ones before a panic tell all. */
const EVENT_LIMIT = 200;

/** Any lines give a report; facts that the lines do not hold are null. */
export function parseOops(lines: readonly KernelLogLine[]): OopsReport {
  const drafts = collectDrafts(lines);
  const panic =
    drafts.find(({ headline, kind }) => headline.isPanic || kind === 'panic') ?? findPanicked(drafts);
  const cause = panic === undefined ? lastSevere(drafts) : causeOf(panic, drafts);
  const cut = cause === undefined ? drafts.length : drafts.indexOf(cause);
  const panicEvent = panic === undefined || panic === cause ? null : panic.finish();
  const event = cause?.finish() ?? null;
  const others = (part: readonly OopsDraft[]): OopsEvent[] =>
    part.filter((draft) => draft !== panic && draft !== cause).map((draft) => draft.finish());
  return {
    event: event === null || panicEvent === null ? event : withPanic(event, panicEvent),
    panicLine: panicEvent?.panicLine ?? event?.panicLine ?? null,
    panicSeconds: panicEvent?.seconds ?? (event?.panicLine == null ? null : event.seconds),
    panic: panicEvent,
    earlier: others(drafts.slice(0, cut)),
    later: others(drafts.slice(cut)),
  };
}

/** Drafts of events, oldest headline first. */
function collectDrafts(lines: readonly KernelLogLine[]): OopsDraft[] {
  const drafts: OopsDraft[] = [];
  const open = new Map<string | null, OopsDraft>();
  let caller: string | null = null;
  let hasPanicked = false;
  for (const [index, line] of lines.entries()) {
    // A line without a prefix goes on with the record before it.
    if (line.caller !== null || line.seconds !== null) caller = line.caller;
    const current = open.get(caller);
    const headline = parseHeadline(line.text);
    if (headline === undefined) {
      if (current !== undefined && !current.isClosed) current.add(line.text);
      else if (line.text.includes('NMI backtrace for cpu'))
        adoptBacktrace(open, caller, drafts.at(-1), line.text);
    } else if (current !== undefined && belongs(current, headline)) current.adopt(headline, line.text);
    else {
      if (current !== undefined && isCutInto(current, headline)) current.markInterleaved();
      const draft = new OopsDraft(headline, { ...line, caller }, index);
      open.set(caller, draft);
      drafts.push(draft);
      if (drafts.length > EVENT_LIMIT) drafts.splice(hasPanicked ? EVENT_LIMIT : EVENT_LIMIT / 2, 1);
    }
    hasPanicked ||= headline?.isPanic ?? false;
  }
  return drafts;
}

/** CPUs that were asked what they do answer in their own name. */
function adoptBacktrace(
  open: Map<string | null, OopsDraft>,
  caller: string | null,
  last: OopsDraft | undefined,
  text: string,
): void {
  if (last === undefined || last.isClosed) return;
  last.add(text);
  open.set(caller, last);
}

/** Whether the headline goes on with the event, as `Oops: ` does after `BUG: `. */
function belongs(current: OopsDraft, headline: Headline): boolean {
  if (current.isClosed || current.hasBody) return false;
  if (!headline.isPanic) return mayBeToldTwice(current.kind, headline.kind);
  return !headline.isConsequence || mayEndIn(current.kind, headline);
}

/** Exceptions, BUGs and warnings have an end mark; what comes before it came from elsewhere, but for a panic. */
function isCutInto(current: OopsDraft, headline: Headline): boolean {
  const hasEnd = ['null-dereference', 'page-fault', 'general-protection', 'oops', 'warning'];
  return !current.isClosed && !headline.isPanic && hasEnd.includes(current.kind);
}

/** A panic that was printed with its reason has no headline of its own. */
function findPanicked(drafts: readonly OopsDraft[]): OopsDraft | undefined {
  return drafts.find((draft) => draft.finish().panicLine !== null);
}

/** What the panic was for: the last event before it that may end so, of the same caller when there is one. */
function causeOf(panic: OopsDraft, drafts: readonly OopsDraft[]): OopsDraft {
  const before = drafts.slice(0, drafts.indexOf(panic)).filter(({ kind }) => mayEndIn(kind, panic.headline));
  if (!panic.headline.isConsequence && panic.kind !== 'machine-check' && panic.kind !== 'out-of-memory')
    return panic;
  return before.findLast(({ caller }) => caller === panic.caller) ?? before.at(-1) ?? panic;
}

/** Without a panic the log ends where the machine hung, or was cut. */
function lastSevere(drafts: readonly OopsDraft[]): OopsDraft | undefined {
  return drafts.findLast(({ kind }) => kind !== 'warning') ?? drafts.at(-1);
}

/** What is true of the whole machine may be taken from the panic; who and where may not. */
function withPanic(event: OopsEvent, panic: OopsEvent): OopsEvent {
  return {
    ...event,
    panicLine: panic.panicLine,
    taint: event.release === null ? panic.taint : event.taint,
    release: event.release ?? panic.release,
    build: event.release === null ? panic.build : event.build,
    hardware: event.hardware ?? panic.hardware,
    modules: event.modules.length > 0 ? event.modules : panic.modules,
    lastUnloaded: event.lastUnloaded ?? panic.lastUnloaded,
  };
}
