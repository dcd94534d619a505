/**
 * The shape of a check and of what it sees.
 * @module
 */
import type { Kernel } from '../../kernels/kernel.ts';
import type { MachineFacts } from '../../machine/facts.ts';
import type { Reading } from '../../machine/reading.ts';
import type { Finding } from '../finding.ts';
import type { LoadMemory } from '../load-memory.ts';
import type { KexecSlot, LoadMethod } from '../load-plan.ts';
import type { InitrdView, KernelView } from './kernel-view.ts';

/** The kernel that is to be started, as far as it could be read. */
export interface PreflightTarget {
  readonly kernel: Kernel;
  readonly image: Reading<KernelView>;
  /** Absent when the kernel is to start without one. */
  readonly initrd: Reading<InitrdView>;
  /** It is unreadable only because there is no memory to look into it. */
  readonly isInitrdLeftAlone?: boolean;
  /** The whole command line that it will get. */
  readonly commandLine: string;
}

/** All that a preflight knows. */
export interface PreflightInput {
  readonly machine: MachineFacts;
  /** Undefined: only the machine is checked. */
  readonly target: PreflightTarget | undefined;
  /** The one that the plan settled on, else what was asked for. */
  readonly method: LoadMethod | 'auto';
  /** Why no plan could be made: message and hint of the planner's error; undefined when one was made or none tried. */
  readonly planProblem: { readonly message: string; readonly hint: string } | undefined;
  /** What the plan takes of memory; undefined when there is none. */
  readonly load?: LoadMemory | undefined;
  readonly slot: KexecSlot;
  /** How often khop has switched this machine and seen it come back. */
  readonly successfulSwitches: number;
  /** From the start of the way down to the new kernel's clock, as switches of this machine took; undefined: none did. */
  readonly usualDownMs: number | undefined;
}

/** One check: pure, and of findings that all carry its id. None: it does not apply here. */
export interface PreflightCheck {
  /** Stable, kebab-case; a heading of docs/checks.md. */
  readonly id: string;
  /** What it looks at, a noun phrase. */
  readonly subject: string;
  readonly run: (input: PreflightInput) => readonly Finding[];
}
