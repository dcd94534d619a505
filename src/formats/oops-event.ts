/**
 * One report of the kernel about itself, line by line: from its headline to its end.
 * Sources: lib/dump_stack.c (dump_stack_print_info), arch/x86/kernel/{process_64,dumpstack}.c,
 * arch/arm64/kernel/process.c (__show_regs), kernel/sched/core.c (sched_show_task), kernel/panic.c (print_tainted).
 * @module
 */
import type { KernelLogLine } from './kernel-log-text.ts';
import { type LinkedModule, parseLinkedModules } from './linked-modules.ts';
import type { Headline, OopsKind } from './oops-headline.ts';
import { type CodePlace, parseCodePlace, parseStackFrame, type StackFrame } from './stack-frame.ts';

/** A run of frames of one stack. */
export interface CallTrace {
  /** `TASK`, `IRQ`, `NMI`, `#DF`...; null where the kernel does not name the stack (before 5.5, arm64). */
  readonly stack: string | null;
  /** Of another CPU, which was asked what it does; null: of the event itself. */
  readonly cpu: number | null;
  readonly frames: readonly StackFrame[];
}

/** A register as printed: the value is hexadecimal without 0x. */
export interface RegisterValue {
  readonly name: string;
  readonly value: string;
}

/** What the kernel said of one thing that happened. What the text does not say is null, or an empty list. */
export interface OopsEvent {
  readonly kind: OopsKind;
  /** The line that begins it. */
  readonly headline: string;
  /** Of the headline, on the kernel's clock. */
  readonly seconds: number | null;
  /** `Kernel panic - not syncing: ...`, when this is what a panic was for. */
  readonly panicLine: string | null;
  readonly cpu: number | null;
  readonly pid: number | null;
  readonly comm: string | null;
  /** Letters as printed, without the spaces between them; an empty text: not tainted. */
  readonly taint: string | null;
  readonly release: string | null;
  /** What follows the release: `#1 Debian 6.1.1-1`, `#1 PREEMPT(voluntary)`. */
  readonly build: string | null;
  readonly hardware: string | null;
  readonly workqueue: string | null;
  /** RIP or pc of the kernel. */
  readonly instruction: CodePlace | null;
  /** lr of arm64. */
  readonly link: CodePlace | null;
  /** CR2, or the address of the headline. */
  readonly faultAddress: string | null;
  /** RSP or sp. */
  readonly stackPointer: string | null;
  /** The kernel's registers at `instruction`, in the order of the text. */
  readonly registers: readonly RegisterValue[];
  /** Bytes or words around `instruction`, which is marked by `<>` or `()`. */
  readonly code: string | null;
  readonly traces: readonly CallTrace[];
  readonly modules: readonly LinkedModule[];
  readonly lastUnloaded: string | null;
  /** True when lines of another CPU seem to be among these: traces and registers may be mixed. */
  readonly isInterleaved: boolean;
}

/** Kinds for which CR2 is the address that was meant; otherwise it is left from an earlier fault. */
const FAULTS: ReadonlySet<OopsKind> = new Set<OopsKind>([
  'page-fault',
  'null-dereference',
  'stack-overflow',
  'double-fault',
]);

type Mutable<T> = { -readonly [K in keyof T]: T[K] };

/** More frames than any stack of 16 KiB holds; a log that goes on for longer is no log. */
const FRAME_LIMIT = 1024;
const REGISTER_LIMIT = 64;

/** `Comm: bash Kdump: loaded Tainted: G        W  OE      6.1.0-50-amd64 #1 Debian 6.1.170-1`. */
const CPU_LINE =
  /^CPU: (?<cpu>\d+) (?:UID: \d+ )?PID: (?<pid>\d+) Comm: (?<comm>.*?) (?:Kdump: loaded )?(?<rest>(?:Not tainted|Tainted: ).*)$/;
const TAINT =
  /^(?:Not tainted|Tainted: (?<letters>[A-Z](?:[A-Z ]{0,64}[A-Z])?)) +(?<release>\d+\.\d+\S*)(?: (?<build>#.*))?/;
const TASK_LINE = /^task:(?<comm>.{1,64}?) +state:\S+ .{0,40}?stack: *\d+ +pid: *(?<pid>\d+)/;
/** `WARNING: ... at FILE:LINE name+0x1/0x2 [module]`, `BUG: KASAN: ... in name+0x1/0x2`. */
const NAMED_PLACE =
  /^(?:WARNING: .*? at|BUG: K\w+: .*? in) (?:\S+:\d+ (?:at )?)?(?<place>[\w$.]+\+0x[0-9a-f]+\/0x[0-9a-f]+(?: \[[\w-]+\])?)(?=,| |$)/;
const STACK_MARK = /^<(?<leave>\/?)(?<stack>#?[A-Za-z_]+\d?)>$/;
const X86_INSTRUCTION = /^RIP: (?<selector>[0-9a-f]{4}):(?:\[<[0-9a-f]+>\] )?(?<place>.*)$/;
const ARM64_PLACE = /^(?<register>pc|lr) : (?<place>.*)$/;
const REGISTER =
  /\b([A-Z][A-Z0-9]{1,3}|x\d{1,2}|sp|pstate|EFLAGS|PKRU) ?: *(?:[0-9a-f]{4}:)?([0-9a-f]{2,16})(?=[\s(]|$)/g;
const REGISTER_LINE = /^(?:R[A-Z0-9]{1,2}|CR[0-8]|CS|DR\d|FS|PKRU|x\d{1,2}|sp|pstate) ?: /;
/** Not the kernel's, whose selector has the lowest two bits clear. */
const USER_SELECTOR = /[37bf]$/;

/** Collects an event. Lines before `isClosed` may be given in any number and of any kind. */
export class OopsDraft {
  readonly #event: Mutable<OopsEvent>;
  readonly #traces: (CallTrace & { readonly frames: StackFrame[] })[] = [];
  readonly headline: Headline;
  readonly line: number;
  readonly caller: string | null;
  /** Something of its own followed the headline, so another headline is another event. */
  hasBody = false;
  isClosed = false;
  #isUser = false;
  #isTracing = false;
  #frameCount = 0;
  /** Whose backtrace follows: the event's own, that of a CPU which was asked, or that of a task it is not about. */
  #whose: 'own' | 'another task' | { readonly cpu: number } = 'own';

  /** @param line its index in the log */
  constructor(headline: Headline, { text, seconds, caller }: KernelLogLine, line: number) {
    this.headline = headline;
    this.line = line;
    this.caller = caller;
    this.#event = {
      kind: headline.kind,
      headline: text.trim(),
      seconds,
      panicLine: headline.isPanic ? text.trim() : null,
      cpu: headline.cpu,
      pid: headline.pid,
      comm: headline.comm,
      taint: null,
      release: null,
      build: null,
      hardware: null,
      workqueue: null,
      instruction: null,
      link: null,
      faultAddress: headline.faultAddress,
      stackPointer: null,
      registers: [],
      code: null,
      traces: [],
      modules: [],
      lastUnloaded: null,
      isInterleaved: false,
    };
    const named = NAMED_PLACE.exec(text.trim())?.groups;
    if (named !== undefined) this.#event.instruction = parseCodePlace(named['place']!) ?? null;
  }

  /** Its kind so far. */
  get kind(): OopsKind {
    return this.#event.kind;
  }

  /** A second headline of the same event, such as `Oops: ` after `BUG: `. */
  adopt(headline: Headline, text: string): void {
    const event = this.#event;
    const isVague = event.kind === 'oops' || event.kind === 'bug' || event.kind === 'panic';
    if (isVague && headline.kind !== 'oops' && headline.kind !== 'panic') event.kind = headline.kind;
    if (headline.isPanic) event.panicLine ??= text.trim();
    event.cpu ??= headline.cpu;
    event.pid ??= headline.pid;
    event.comm ??= headline.comm;
    event.faultAddress ??= headline.faultAddress;
  }

  markInterleaved(): void {
    this.#event.isInterleaved = true;
  }

  /** Takes what the line says; lines that say nothing are passed over. */
  add(text: string): void {
    if (this.isClosed) return;
    const line = text.trim();
    if (/^---\[ end (?:trace|Kernel panic)/.test(line)) this.isClosed = true;
    else if (this.#isTurn(line)) this.#isTracing = false;
    else if (this.#whose === 'another task') return;
    else if (this.#whose !== 'own') this.#addTrace(text);
    else if (
      this.#addOrigin(line) ||
      this.#addModules(line) ||
      this.#addRegisters(line) ||
      this.#addTrace(text)
    )
      this.hasBody = true;
  }

  /**
   * Whether the line says of whom the next ones speak. The first backtrace, when nothing else was said before it, is
   * what the event is about; RCU shows its own thread before that.
   */
  #isTurn(line: string): boolean {
    const asked = /^(?:NMI backtrace for cpu (\d+)|Task dump for CPU (\d+):)$/.exec(line);
    if (asked !== null) {
      const cpu = Number(asked[1] ?? asked[2]);
      this.#whose = this.hasBody ? { cpu } : 'own';
      if (!this.hasBody) this.#event.cpu ??= cpu;
      return true;
    }
    if (/^(?:rcu: )?RCU grace-period kthread stack dump:/.test(line)) {
      this.#whose = 'another task';
      return true;
    }
    if (this.#whose === 'another task' && !this.hasBody && CPU_LINE.test(line)) this.#whose = 'own';
    return false;
  }

  #tracedCpu(): number | null {
    return typeof this.#whose === 'object' ? this.#whose.cpu : null;
  }

  finish(): OopsEvent {
    return { ...this.#event, traces: this.#traces.filter(({ frames }) => frames.length > 0) };
  }

  #addOrigin(line: string): boolean {
    const event = this.#event;
    const cpu = CPU_LINE.exec(line)?.groups;
    if (cpu !== undefined) {
      const number = Number(cpu['cpu']);
      if (event.release !== null && event.cpu !== null && event.cpu !== number) event.isInterleaved = true;
      // A task that hangs is on no CPU: this line is of who says so.
      if (event.kind === 'hung-task' && !this.headline.isPanic) return true;
      const isSame = event.pid === null || event.pid === Number(cpu['pid']);
      event.cpu ??= number;
      event.pid ??= Number(cpu['pid']);
      if (isSame) event.comm ??= cpu['comm']!;
      return this.#addTaint(cpu['rest']!);
    }
    if (this.#addTaint(line)) return true;
    const task = TASK_LINE.exec(line)?.groups;
    if (task !== undefined) {
      event.pid ??= Number(task['pid']);
      event.comm ??= task['comm']!;
      return true;
    }
    const named = /^(?<what>Hardware name|Workqueue): (?<value>.+)$/.exec(line)?.groups;
    if (named === undefined) return false;
    event[named['what'] === 'Workqueue' ? 'workqueue' : 'hardware'] ??= named['value']!.trim();
    return true;
  }

  #addTaint(text: string): boolean {
    const taint = TAINT.exec(text)?.groups;
    if (taint === undefined) return false;
    if (this.#event.release !== null) return true;
    this.#event.taint = taint['letters']?.replaceAll(' ', '') ?? '';
    this.#event.release = taint['release']!;
    this.#event.build = taint['build']?.trim() ?? null;
    return true;
  }

  #addModules(line: string): boolean {
    const linked = parseLinkedModules(line);
    if (linked === undefined) return false;
    this.#isTracing = false;
    if (this.#event.modules.length === 0) {
      this.#event.modules = linked.modules;
      this.#event.lastUnloaded = linked.lastUnloaded;
    }
    return true;
  }

  #addRegisters(line: string): boolean {
    const event = this.#event;
    const x86 = X86_INSTRUCTION.exec(line)?.groups;
    if (x86 !== undefined) {
      // The same event shows the registers of user space where its trace begins, and the kernel's a second time.
      this.#isUser =
        USER_SELECTOR.test(x86['selector']!) || event.code !== null || event.registers.length > 0;
      if (!this.#isUser) event.instruction ??= parseCodePlace(x86['place']!) ?? null;
      return true;
    }
    const arm64 = ARM64_PLACE.exec(line)?.groups;
    if (arm64 !== undefined) {
      event[arm64['register'] === 'pc' ? 'instruction' : 'link'] ??= parseCodePlace(arm64['place']!) ?? null;
      return true;
    }
    if (line.startsWith('Code: ')) {
      if (!this.#isUser)
        event.code ??= /^Code: (?<code>[0-9a-f<>() ]+)/.exec(line)?.groups?.['code']?.trim() ?? null;
      return true;
    }
    if (!REGISTER_LINE.test(line)) return false;
    if (!this.#isUser) this.#addRegisterValues(line);
    return true;
  }

  #addRegisterValues(line: string): void {
    const event = this.#event;
    const known = new Set(event.registers.map(({ name }) => name));
    const fresh = [...line.matchAll(REGISTER)]
      .map(([, name, value]) => ({ name: name!, value: value! }))
      .filter(({ name }) => !known.has(name));
    event.registers = [...event.registers, ...fresh].slice(0, REGISTER_LIMIT);
    for (const { name, value } of fresh) {
      if (name === 'RSP' || name === 'sp') event.stackPointer ??= value;
      if (name === 'CR2' && FAULTS.has(event.kind)) event.faultAddress ??= value;
    }
  }

  #addTrace(text: string): boolean {
    const line = text.trim();
    if (/^Call [Tt]race:/.test(line)) {
      this.#isTracing = true;
      this.#traces.push({ stack: null, cpu: this.#tracedCpu(), frames: [] });
      return true;
    }
    if (!this.#isTracing) return false;
    const mark = STACK_MARK.exec(line)?.groups;
    if (mark !== undefined) {
      const stack = mark['leave'] === '' ? mark['stack']! : null;
      this.#traces.push({ stack, cpu: this.#tracedCpu(), frames: [] });
      return true;
    }
    // KASAN shows who allocated and who freed, with traces of theirs.
    if (line === '' || /^(?:Allocated|Freed) by task|^Last potentially related/.test(line))
      this.#isTracing = false;
    const frame = parseStackFrame(text);
    if (frame === undefined || !this.#isTracing) return false;
    if (this.#frameCount++ < FRAME_LIMIT) this.#traces.at(-1)!.frames.push(frame);
    return true;
  }
}
