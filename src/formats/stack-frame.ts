/**
 * Places in kernel code as the kernel prints them: `name+0x12/0x34 [module]`.
 * Specification: Documentation/core-api/printk-formats.rst, "Symbols/Function Pointers"; lib/vsprintf.c and
 * kernel/kallsyms.c (sprint_symbol, with build ids of modules since 5.14); arch/x86/kernel/dumpstack.c,
 * arch/arm64/kernel/stacktrace.c (marks of where a frame came from, since 6.13).
 * @module
 */

/** A place in code; null is what the text does not say. */
export interface CodePlace {
  /** The function's name, or the address as it was printed, `0xffffffffc0123456`, where no symbol is known. */
  readonly symbol: string;
  /** Bytes from the function's start. */
  readonly offset: number | null;
  /** The function's size in bytes. */
  readonly size: number | null;
  readonly module: string | null;
}

/** One line of a call trace, innermost first. */
export interface StackFrame extends CodePlace {
  /** False for `? name`: an address that was found on the stack and may be left from an earlier call. */
  readonly isReliable: boolean;
}

const PLACE =
  /^(?<symbol>[A-Za-z_$.][\w$.]*)\+0x(?<offset>[0-9a-f]{1,13})\/0x(?<size>[0-9a-f]{1,13})(?: \[(?<module>[\w-]+)(?: [0-9a-f]{8,64})?\])?$/;
const BARE_PLACE = /^(?<symbol>0x[0-9a-f]{8,16})(?: \[(?<module>[\w-]+)(?: [0-9a-f]{8,64})?\])?$/;
/** `[<ffffffff81234567>] ` before 4.11, ` (P)` after a frame of arm64. */
const DECORATION = /^\[<[0-9a-f]{1,16}>\] |(?: \([A-Z]{1,4}\))+$/g;

/** The place that the whole of `text` names, or undefined. */
export function parseCodePlace(text: string): CodePlace | undefined {
  const groups = (PLACE.exec(text) ?? BARE_PLACE.exec(text))?.groups;
  if (groups === undefined) return undefined;
  const { symbol, offset, size, module } = groups;
  return {
    symbol: symbol!,
    offset: offset === undefined ? null : Number.parseInt(offset, 16),
    size: size === undefined ? null : Number.parseInt(size, 16),
    module: module ?? null,
  };
}

/** The frame that a line of a call trace holds, or undefined when it is another line. */
export function parseStackFrame(line: string): StackFrame | undefined {
  const text = line.trim().replace(DECORATION, '');
  const isReliable = !text.startsWith('? ');
  const place = parseCodePlace(isReliable ? text : text.slice(2));
  return place === undefined ? undefined : { ...place, isReliable };
}
