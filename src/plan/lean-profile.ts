/**
 * The profile for whoever counts every millisecond: the warm one, and start-up steps skipped that take a
 * function away. Nothing of it weakens a defence; docs/decisions/boot-parameters.md says why, entropy above
 * all. Figures are guest instructions of Debian's 6.12 kernel with the warm profile, of 1.09 thousand million.
 *
 * `initcall_blacklist=` may stand more than once and adds up (init/main.c, initcall_blacklist()); a name that
 * the kernel does not have is passed over.
 * @module
 */
import type { MachineFacts } from '../machine/facts.ts';
import { valueOf } from '../machine/reading.ts';
import { type BootProfile, type Decision, type ProfileParameter, warmProfile } from './boot-profile.ts';
import { commandLineValue, hasArgument, kernelArguments } from './command-line.ts';
import type { KernelView } from './preflight/kernel-view.ts';

/** A start-up step that can be left out. */
interface Step extends Omit<ProfileParameter, 'text'> {
  readonly initcall: string;
  /** The step is only taken at the start where this is `y`. */
  readonly symbol: string;
  /** Arguments of somebody who needs it. */
  readonly neededBy: readonly string[];
}

const STEPS: readonly Step[] = [
  {
    initcall: 'jent_mod_init',
    symbol: 'CONFIG_CRYPTO_JITTERENTROPY',
    neededBy: [],
    why:
      'crypto/jitterentropy-kcapi.c samples and tests its noise source. Outside FIPS mode the crypto API’s generator ' +
      '(crypto/drbg.c) does without: it is seeded from the kernel’s own, and again once that one is initialised.',
    gain: '0.14 thousand million instructions (6.12)',
    cost: 'the second entropy source of the crypto API’s random generator',
  },
  {
    initcall: 'trace_eval_init',
    symbol: 'CONFIG_EVENT_TRACING',
    neededBy: ['trace_event', 'ftrace', 'tp_printk', 'kprobe_event'],
    why: 'kernel/trace/trace.c replaces names by values in the formats of all trace events.',
    gain: '0.10 thousand million instructions (6.12)',
    cost: 'names in the formats of trace events: perf, trace-cmd and bpftrace misread some',
  },
  {
    initcall: 'init_kprobe_trace',
    symbol: 'CONFIG_KPROBE_EVENTS',
    neededBy: ['kprobe_event'],
    why: 'kernel/trace/trace_kprobe.c makes its files of tracefs, which nothing but debugging uses.',
    gain: '0.02 thousand million instructions (6.12)',
    cost: 'kprobe_events in tracefs, so `perf probe`',
  },
];

/** As `warmProfile`, with more. */
export function leanProfile(
  kernel: Pick<KernelView, 'architecture' | 'config'>,
  machine: Pick<MachineFacts, 'hypervisor' | 'kernelLog'>,
  commandLine: string,
): BootProfile {
  const warm = warmProfile(kernel, machine, commandLine);
  const decisions = STEPS.map((step) => decide(step, valueOf(kernel.config), commandLine));
  return {
    parameters: [...warm.parameters, ...decisions.filter((decision) => 'gain' in decision)],
    notes: [...decisions.filter((decision) => !('gain' in decision)), ...warm.notes],
  };
}

/** @param symbols undefined: not known, then the step is taken for one that the kernel has */
function decide(
  { initcall, symbol, neededBy, why, gain, cost }: Step,
  symbols: ReadonlyMap<string, string> | undefined,
  commandLine: string,
): Decision {
  const text = `initcall_blacklist=${initcall}`;
  if (commandLineValue(commandLine, 'fips') === '1')
    return { text, why: 'with fips=1 the kernel starts as it was certified' };
  if (skippedInitcalls(commandLine).has(initcall)) return { text, why: 'the command line has it already' };
  const need = neededBy.find((name) => hasArgument(commandLine, name));
  if (need !== undefined) return { text, why: `the command line has ${need}` };
  if (symbols !== undefined && symbols.get(symbol) !== 'y')
    return { text, why: `the kernel takes no such step at its start: ${symbol} is not y` };
  return { text, why, gain, cost };
}

function skippedInitcalls(commandLine: string): ReadonlySet<string> {
  return new Set(
    kernelArguments(commandLine).flatMap(({ name, value }) =>
      name === 'initcall_blacklist' ? (value ?? '').split(',') : [],
    ),
  );
}
