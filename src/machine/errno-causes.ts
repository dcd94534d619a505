/**
 * Why the kernel refuses to load: each errno of kexec_load and kexec_file_load with its causes, as the
 * kernel's own checks have them (kernel/kexec.c, kexec_core.c, kexec_file.c, arch/x86/kernel/kexec-bzimage64.c,
 * arch/arm64/kernel/machine_kexec*.c, crypto/asymmetric_keys). One errno has several causes; what is known
 * of the machine confirms one or rules it out.
 * @module
 */

import type { ErrnoName } from './errno.ts';
import { CALLS_CAUSES } from './errno-cause-table.ts';
import type { Lockdown } from './facts.ts';

/** The kernel's two ways of loading. */
export type KexecCall = 'kexec_load' | 'kexec_file_load';

/** What is known when a load fails; undefined where it could not be found out. */
export interface LoadCircumstances {
  readonly slot: 'normal' | 'crash';
  readonly hasSysBoot: boolean | undefined;
  readonly lockdown: Lockdown | undefined;
  readonly loadDisabled: boolean | undefined;
  /** kernel.kexec_load_limit_* of the slot; -1 is no limit. */
  readonly loadLimit: number | undefined;
  /** Whether this is a container; undefined when unknown. */
  readonly isContainer: boolean | undefined;
  /** Bytes reserved for a panic kernel. */
  readonly crashSize: bigint | undefined;
  /** Bytes of memory, and of all that was to be loaded. */
  readonly memoryTotal: bigint | undefined;
  readonly loadSize: bigint | undefined;
  /** Length of the command line in bytes without its NUL; undefined for kexec_load. */
  readonly commandLineLength: number | undefined;
  /** What the kernel wrote to its log during the call. */
  readonly kernelMessages: readonly string[];
}

/** A possible cause and what to do about it. */
export interface ErrnoCause {
  readonly cause: string;
  readonly remedy: string;
}

/** A cause with its test: true is proven, false is ruled out, undefined is possible. */
export interface TestedCause extends ErrnoCause {
  readonly holds?: (known: LoadCircumstances) => boolean | undefined;
}

/** An explanation: `isProven` when what is known confirms these causes, and not merely allows them. */
export interface ErrnoExplanation {
  readonly isProven: boolean;
  readonly causes: readonly ErrnoCause[];
}

/**
 * The causes of a failure: those that are proven, else those that are possible, likeliest first. Empty for
 * an errno that these calls do not return.
 */
export function explainErrno(
  call: KexecCall,
  errno: ErrnoName | undefined,
  known: LoadCircumstances,
): ErrnoExplanation {
  const causes: readonly TestedCause[] = errno === undefined ? [] : (CALLS_CAUSES[call][errno] ?? []);
  const tested = causes.map((cause) => ({ cause, holds: cause.holds?.(known) }));
  const proven = tested.filter(({ holds }) => holds === true);
  const chosen = proven.length > 0 ? proven : tested.filter(({ holds }) => holds !== false);
  return {
    isProven: proven.length > 0,
    causes: chosen.map(({ cause: { cause, remedy } }) => ({ cause, remedy })),
  };
}

/** The errnos that are explained, for a test against the kernel's lists. */
export function explainedErrnos(call: KexecCall): readonly ErrnoName[] {
  return Object.keys(CALLS_CAUSES[call]) as ErrnoName[];
}
