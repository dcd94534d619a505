/**
 * A crash in one sentence, and what its kind is called.
 * @module
 */
import type { OopsReport } from '../formats/oops.ts';
import type { OopsEvent } from '../formats/oops-event.ts';
import type { OopsKind } from '../formats/oops-headline.ts';
import type { ChainStep } from './capture-chain.ts';

const NOTHING_SAID = 'The kernel stopped without a word about why';

const NAMES: Readonly<Record<OopsKind, string>> = {
  'null-dereference': 'NULL pointer dereference',
  'page-fault': 'bad memory access',
  'general-protection': 'general protection fault',
  bug: 'kernel BUG',
  oops: 'kernel oops',
  'stack-overflow': 'kernel stack overflow',
  'double-fault': 'double fault',
  'soft-lockup': 'soft lockup',
  'hard-lockup': 'hard lockup',
  'hung-task': 'hung task',
  'rcu-stall': 'RCU stall',
  'out-of-memory': 'out of memory',
  'machine-check': 'machine check: the hardware reported an error',
  'unknown-nmi': 'NMI of unknown origin',
  sysrq: 'crash asked for through sysrq',
  'init-killed': 'init was killed',
  warning: 'kernel warning',
  panic: 'panic',
};

/** `NULL pointer dereference`. */
export function nameKind(kind: OopsKind): string {
  return NAMES[kind];
}

/** `name+0x12/0x34 [module]`, as the kernel prints places. */
export function renderPlace(place: NonNullable<OopsEvent['instruction']>): string {
  const offset =
    place.offset === null ? '' : `+0x${place.offset.toString(16)}/0x${(place.size ?? 0).toString(16)}`;
  return `${place.symbol}${offset}${place.module === null ? '' : ` [${place.module}]`}`;
}

/** Of a log with nothing in it, or that cannot be read here. */
export function summarizeUnread(
  { encrypted }: { readonly encrypted: readonly string[] },
  chain: readonly ChainStep[],
): string {
  if (encrypted.length > 0) return 'A crash whose report is encrypted';
  if (chain.some(({ step }) => step === 'encryption-failed'))
    return 'A crash of which nothing was written, since it could not be encrypted';
  return NOTHING_SAID;
}

/** `NULL pointer dereference in foo [bar], by bash (PID 12) on CPU 1`. */
export function summarizeCrash({ event, panicLine }: OopsReport): string {
  if (event === null) return NOTHING_SAID;
  const { instruction, comm, pid, cpu } = event;
  const what =
    event.kind === 'panic' && panicLine !== null
      ? `panic: ${panicLine.replace(/^Kernel panic - not syncing: ?/, '')}`
      : NAMES[event.kind];
  const where =
    instruction === null
      ? ''
      : ` in ${instruction.symbol}${instruction.module === null ? '' : ` [${instruction.module}]`}`;
  const who = comm === null ? '' : `, by ${comm}${pid === null ? '' : ` (PID ${pid})`}`;
  return `${what}${where}${who}${cpu === null ? '' : ` on CPU ${cpu}`}`;
}
