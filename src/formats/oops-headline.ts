/**
 * The lines by which the kernel begins a report about itself, and what each says has happened. Wording of 5.4 to 7.x.
 * Sources: arch/x86/mm/fault.c, arch/x86/kernel/{dumpstack,traps,nmi}.c, arch/x86/kernel/cpu/mce/core.c,
 * arch/arm64/mm/fault.c, arch/arm64/kernel/traps.c, kernel/{panic,exit,watchdog,watchdog_perf,hung_task}.c,
 * kernel/rcu/tree_stall.h, mm/oom_kill.c, drivers/tty/sysrq.c, lib/bug.c.
 * @module
 */

/** What happened, as far as its kind goes. */
export const OOPS_KINDS = [
  'null-dereference',
  'page-fault',
  'general-protection',
  'bug',
  'oops',
  'stack-overflow',
  'double-fault',
  'soft-lockup',
  'hard-lockup',
  'hung-task',
  'rcu-stall',
  'out-of-memory',
  'machine-check',
  'unknown-nmi',
  'sysrq',
  'init-killed',
  'warning',
  'panic',
] as const;

export type OopsKind = (typeof OOPS_KINDS)[number];

/** What a headline says. */
export interface Headline {
  readonly kind: OopsKind;
  /** `Kernel panic - not syncing`: nothing comes after it but its own trace. */
  readonly isPanic: boolean;
  /** It names no fault of its own: a panic for an oops, a lockup or a warning that was reported before. */
  readonly isConsequence: boolean;
  readonly cpu: number | null;
  readonly pid: number | null;
  readonly comm: string | null;
  /** Hexadecimal, as printed, without 0x. */
  readonly faultAddress: string | null;
}

interface Rule {
  readonly kind: OopsKind;
  /** Groups: cpu, pid, comm, address. Anchored, so that a line that merely quotes such words is none. */
  readonly pattern: RegExp;
  readonly isConsequence?: boolean;
}

/** First match counts. */
const EVENTS: readonly Rule[] = [
  { kind: 'sysrq', pattern: /^sysrq: (?:SysRq : )?Trigger a crash/ },
  {
    kind: 'null-dereference',
    pattern:
      /^BUG: (?:unable to handle )?kernel NULL pointer dereference(?:,? (?:address:|at) (?:0x)?(?<address>[0-9a-f]+))?/,
  },
  {
    kind: 'null-dereference',
    pattern:
      /^Unable to handle kernel NULL pointer dereference(?: at virtual address (?<address>[0-9a-f]+))?/,
  },
  {
    kind: 'page-fault',
    pattern:
      /^BUG: unable to handle (?:page fault for address:|kernel paging request at) (?:0x)?(?<address>[0-9a-f]+)/,
  },
  {
    kind: 'page-fault',
    pattern: /^Unable to handle kernel .{1,60} at virtual address (?<address>[0-9a-f]+)/,
  },
  {
    kind: 'stack-overflow',
    // The addresses in it are hashed before 6.0 (%p), so they are not taken.
    pattern:
      /^(?:BUG: (?:\S+ )?stack guard page was hit at |(?:Oops: )?kernel stack overflow \(|(?:Oops: )?stack guard page: |Insufficient stack space to handle exception!)/,
  },
  { kind: 'double-fault', pattern: /^(?:traps: )?PANIC: double fault|^(?:Oops: )?double fault: / },
  {
    kind: 'general-protection',
    pattern:
      /^(?:Oops: )?general protection fault(?:, (?:probably|maybe) for (?:non-canonical )?address 0x(?<address>[0-9a-f]+))?/,
  },
  {
    kind: 'soft-lockup',
    pattern:
      /^(?:NMI )?(?:watchdog: )?BUG: soft lockup - CPU#(?<cpu>\d+) stuck for \d+s! \[(?<comm>.*):(?<pid>\d+)\]/,
  },
  {
    kind: 'hard-lockup',
    pattern: /^(?:NMI )?(?:watchdog: )?(?:CPU\d+: )?Watchdog detected hard LOCKUP on cpu (?<cpu>\d+)/,
  },
  {
    kind: 'hung-task',
    pattern: /^INFO: task (?<comm>.*):(?<pid>\d+) (?:is )?blocked .{0,60}for more than \d+ seconds/,
  },
  { kind: 'rcu-stall', pattern: /^(?:rcu: )?INFO: \S+ (?:self-)?detected (?:expedited )?stalls? on / },
  { kind: 'out-of-memory', pattern: /^(?<comm>.{1,64}) invoked oom-killer: / },
  {
    kind: 'machine-check',
    pattern: /^(?:mce: )?\[Hardware Error\]: (?:CPU (?<cpu>\d+): Machine Check|.{0,20}event severity: fatal)/,
  },
  { kind: 'machine-check', pattern: /^SError Interrupt on CPU(?<cpu>\d+)/ },
  { kind: 'unknown-nmi', pattern: /^(?:Uhhuh\. )?NMI received for unknown reason \w+ on CPU (?<cpu>\d+)/ },
  {
    kind: 'unknown-nmi',
    pattern: /^NMI: (?:PCI system error \(SERR\)|IOCK error).{0,40} on CPU (?<cpu>\d+)/,
  },
  {
    kind: 'warning',
    pattern: /^WARNING: CPU: (?<cpu>\d+) PID: (?<pid>\d+) at /,
  },
  { kind: 'warning', pattern: /^WARNING: .{1,200}, CPU#(?<cpu>\d+): (?<comm>.*)\/(?<pid>\d+)$/ },
  { kind: 'bug', pattern: /^kernel BUG at / },
  { kind: 'bug', pattern: /^BUG(?: \S{1,64}(?: \(.{1,60}\))?)?: (?!workqueue lockup)\S/ },
  { kind: 'oops', pattern: /^(?:Oops|Internal error): / },
  {
    kind: 'oops',
    pattern: /^(?:invalid opcode|divide error|stack segment|int3|invalid TSS): [0-9a-f]{4} \[#\d+\]/,
  },
  { kind: 'oops', pattern: /^(?:Oops: )?(?:Bad pagetable|control protection): / },
];

const PANIC = /^Kernel panic - not syncing: ?(?<reason>.*)$/;

/** By the reason of a panic. */
const PANICS: readonly Rule[] = [
  { kind: 'sysrq', pattern: /^sysrq triggered crash/i },
  { kind: 'init-killed', pattern: /^Attempted to kill init!/ },
  { kind: 'out-of-memory', pattern: /^Out of memory|^System is deadlocked on memory/i },
  { kind: 'soft-lockup', pattern: /^softlockup: hung tasks/, isConsequence: true },
  { kind: 'hard-lockup', pattern: /^(?:Watchdog detected )?hard LOCKUP/i, isConsequence: true },
  { kind: 'hung-task', pattern: /^hung_task: blocked tasks/, isConsequence: true },
  { kind: 'rcu-stall', pattern: /^RCU Stall/i, isConsequence: true },
  { kind: 'warning', pattern: /panic_on_warn set/, isConsequence: true },
  {
    kind: 'machine-check',
    pattern: /machine check|^Fatal hardware error|SError|^Memory error not recovered/i,
  },
  { kind: 'machine-check', pattern: /^Timeout: Not all CPUs entered/ },
  { kind: 'unknown-nmi', pattern: /^(?:NMI: Not continuing|NMI IOCK error|.*An NMI occurred)/ },
  {
    kind: 'stack-overflow',
    pattern: /^(?:.{0,40}stack guard hit|kernel stack overflow|corrupted stack end|stack-protector)/,
    isConsequence: true,
  },
  { kind: 'oops', pattern: /(?:^|: )Fatal exception|^Aiee, killing interrupt handler!/, isConsequence: true },
  { kind: 'double-fault', pattern: /^Machine halted\.|^double fault/, isConsequence: true },
];

/** Kinds that end in a panic for a `Fatal exception`. */
const EXCEPTIONS: ReadonlySet<OopsKind> = new Set<OopsKind>([
  'null-dereference',
  'page-fault',
  'general-protection',
  'bug',
  'oops',
  'stack-overflow',
  'double-fault',
]);

/** What the line begins, or undefined when it begins nothing. */
export function parseHeadline(line: string): Headline | undefined {
  const text = line.trimStart();
  const reason = PANIC.exec(text)?.groups?.['reason'];
  if (reason === undefined) return match(EVENTS, text, false);
  return match(PANICS, reason, true) ?? describe({ kind: 'panic', pattern: PANIC }, {}, true);
}

/** Whether a panic with this headline may be what an event of `kind` ended in. */
export function mayEndIn(kind: OopsKind, panic: Headline): boolean {
  if (panic.kind === 'oops' || panic.kind === 'double-fault') return EXCEPTIONS.has(kind);
  // A stack that overflows is reported by whatever fault finds it.
  if (panic.kind === 'stack-overflow' && panic.isConsequence) return EXCEPTIONS.has(kind);
  return kind === panic.kind;
}

/** Whether a headline of kind `next` right after one of kind `first` is another word for the same event. */
export function mayBeToldTwice(first: OopsKind, next: OopsKind): boolean {
  if (first === 'machine-check') return next === first;
  return (EXCEPTIONS.has(first) || first === 'sysrq') && EXCEPTIONS.has(next);
}

function match(rules: readonly Rule[], text: string, isPanic: boolean): Headline | undefined {
  for (const rule of rules) {
    const found = rule.pattern.exec(text);
    if (found !== null) return describe(rule, found.groups ?? {}, isPanic);
  }
  return undefined;
}

function describe(
  rule: Rule,
  groups: Readonly<Record<string, string | undefined>>,
  isPanic: boolean,
): Headline {
  const { cpu, pid, comm, address } = groups;
  return {
    kind: rule.kind,
    isPanic,
    isConsequence: rule.isConsequence ?? false,
    cpu: cpu === undefined ? null : Number(cpu),
    pid: pid === undefined ? null : Number(pid),
    comm: comm ?? null,
    faultAddress: address ?? null,
  };
}
