/**
 * What two crashes have in common when they are the same crash: the kind and the functions that led there, without
 * addresses, offsets, processes and CPUs, and without what the compiler adds to names.
 * @module
 */
import { createHash } from 'node:crypto';
import type { OopsEvent } from './oops-event.ts';
import type { CodePlace } from './stack-frame.ts';

/** Equal `id`: the same crash, as far as a log can tell. */
export interface OopsFingerprint {
  /** 16 hexadecimal digits. */
  readonly id: string;
  /** What it is made of, to be read: `page-fault: foo [bar] < baz < do_syscall_64`. */
  readonly text: string;
}

/** Deeper callers are how one came there, which differs from time to time. */
const FRAMES = 5;

/** How the kernel comes to speak of an event: it is in every trace, and in each version by other names. */
const MACHINERY =
  /^(?:_*dump_stack(?:_lvl)?|show_stack|show_regs|show_trace_log_lvl|dump_backtrace|(?:v|nmi_)?panic|__warn(?:_printk)?|warn_slowpath_(?:fmt|null)|report_bug|handle_bug|bug_handler|brk_handler|call_break_hook|do_debug_exception|exc_\w+|asm_\w+|die\w*|__die\w*|oops_end|no_context|page_fault\w*|async_page_fault|do_page_fault|__?do_page_fault|do_user_addr_fault|do_kern_addr_fault|__?bad_area\w*|do_error_trap|do_(?:invalid_op|trap|double_fault|general_protection|nmi)|invalid_op|general_protection|double_fault|fixup_bug|search_\w*extable|el1\w*|el1t?_\w+|do_mem_abort|do_translation_fault|__do_kernel_fault|arm64_\w*panic\w*|default_do_nmi|end_repeat_nmi|nmi|watchdog_\w+|perf_event_overflow|__perf_event_overflow|handle_pmi_common|intel_pmu_handle_irq|__?hrtimer_\w+|hrtimer_interrupt|\w*apic_timer_interrupt|\w*_handle_irq|rcu_sched_clock_irq|rcu_check_callbacks|update_process_times|tick_\w+|print_cpu_stall|check_cpu_stall|rcu_dump_cpu_stacks|nmi_\w*backtrace\w*|trigger_\w*backtrace\w*|check_hung_\w+|kthread|ret_from_fork\w*|\w*kasan_\w+|__asan_\w+|print_(?:report|address_description)|check_memory_region|irq_exit\w*|__irq_exit_rcu)$/;

/** The fingerprint of an event; without any code place it is of the panic's words. */
export function fingerprintOops(event: OopsEvent): OopsFingerprint {
  const places = event.kind === 'stack-overflow' ? recursion(event) : path(event);
  const where = places.length > 0 ? places.join(' < ') : wordsOf(event.panicLine ?? event.headline);
  const text = `${event.kind}: ${where}`;
  return { id: createHash('sha256').update(text).digest('hex').slice(0, 16), text };
}

function path(event: OopsEvent): string[] {
  const names: string[] = [];
  for (const name of namesOf(event)) if (name !== names.at(-1)) names.push(name);
  return names.slice(0, FRAMES);
}

/** Where a stack ends is chance; what comes again and again on it is not. */
function recursion(event: OopsEvent): string[] {
  const names = namesOf(event);
  const repeated = names.filter((name, index) => names.indexOf(name) !== index);
  return repeated.length > 0 ? [...new Set(repeated)].sort().slice(0, FRAMES) : path(event);
}

function namesOf(event: OopsEvent): string[] {
  const frames = event.traces
    .filter(({ cpu }) => cpu === null)
    .flatMap((trace) => trace.frames.filter(({ isReliable }) => isReliable));
  const places: CodePlace[] = event.instruction === null ? frames : [event.instruction, ...frames];
  return places
    .filter(({ symbol }) => !symbol.startsWith('0x') && !MACHINERY.test(plainName(symbol)))
    .map(({ symbol, module }) => plainName(symbol) + (module === null ? '' : ` [${module}]`));
}

/** Without `.isra.0`, `.cold`, `.llvm.123`: what the compiler did to it differs between builds. */
function plainName(symbol: string): string {
  return symbol.replace(/\.(?:isra|part|constprop|cold|llvm|lto_priv|localalias)\b.*$/, '');
}

/** A text without its numbers. */
function wordsOf(line: string): string {
  return line
    .replaceAll(/(?:0x)?\b[0-9a-f]*\d[0-9a-f]*\b/g, 'N')
    .replaceAll(/\s+/g, ' ')
    .trim();
}
