/**
 * A change to a boot loader's state, as steps that are data: printed, or carried out by apply-steps.ts.
 * @module
 */

/** Paths are of the system whose boot loader it is, without the root folder. */
export type BootLoaderStep =
  /** A text file gets another content. `before` and `after` are whole; undefined: there is no such file. */
  | {
      readonly kind: 'file';
      readonly path: string;
      readonly before: string | undefined;
      readonly after: string | undefined;
    }
  /** `command` with the name of a file behind it writes that file, which then takes the place of `path`. */
  | { readonly kind: 'generate'; readonly path: string; readonly command: readonly string[] }
  /** A program that changes something that is no file. `undo` takes it back. */
  | { readonly kind: 'run'; readonly command: readonly string[]; readonly undo: readonly string[] };

/**
 * What takes `steps` back, in order. A file that something else generates from others is generated last,
 * when these are as they were.
 */
export function undoSteps(steps: readonly BootLoaderStep[]): BootLoaderStep[] {
  const undone = steps.toReversed().map((step): BootLoaderStep => {
    if (step.kind === 'file') return { ...step, before: step.after, after: step.before };
    return step.kind === 'run' ? { ...step, command: step.undo, undo: step.command } : step;
  });
  const isGenerated = (step: BootLoaderStep): boolean => step.kind === 'generate';
  return [...undone.filter((step) => !isGenerated(step)), ...undone.filter(isGenerated)];
}
