/**
 * What one reader found out about one kernel, before the catalogue looks at the files and compares.
 * @module
 */
import type { KernelOrigin } from './kernel.ts';

/** A kernel as its description has it. Paths are those of the system below the root. */
export interface KernelDraft {
  readonly origin: KernelOrigin;
  readonly title: string;
  /** The description's own word for the version; the image's own header counts for more. */
  readonly version: string | undefined;
  readonly image: string;
  readonly initrds: readonly string[];
  readonly commandLine: string;
  readonly deviceTree: string | undefined;
  /** What the entry says it is for, e.g. `x64`, `AA64`; undefined when it does not say. */
  readonly architecture: string | undefined;
  /** Whether this loader would start it by itself. */
  readonly isDefault: boolean;
  readonly problems: readonly string[];
}

/** What one way of describing kernels gave. */
export interface KernelSource {
  readonly drafts: readonly KernelDraft[];
  /** Sentences about files that could not be read or understood. */
  readonly warnings: readonly string[];
}

/** A command line without what the boot loader put there for itself (`BOOT_IMAGE=`, sd-boot's `initrd=`). */
export function withoutLoaderArguments(commandLine: string): string {
  return commandLine.replace(/(?<=^|\s)(?:BOOT_IMAGE=|initrd=[\\/])\S*(?:\s+|$)/g, '').trim();
}
