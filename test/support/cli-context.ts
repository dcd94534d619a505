/**
 * The context of a command, that keeps what is said.
 * @module
 */
import type { CliContext } from '../../src/cli/context.ts';

/** What a command has printed and remarked, piece by piece. */
export interface SaidContext {
  readonly context: CliContext;
  readonly printed: string[];
  readonly remarks: string[];
}

/** A person who says yes sits at it. */
export function sayingContext(over: Partial<CliContext> = {}): SaidContext {
  const [printed, remarks]: [string[], string[]] = [[], []];
  const context: CliContext = {
    print: (text) => void printed.push(text),
    remark: (text) => void remarks.push(text),
    style: (_style, text) => text,
    canAsk: true,
    ask: async () => true,
    signal: new AbortController().signal,
    exitWith: () => undefined,
    ...over,
  };
  return { context, printed, remarks };
}
