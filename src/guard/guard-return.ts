/**
 * What a kernel is told of how it came home, on its command line: `khop.guard=ARMING,RETURNS,SINCE`. It is there
 * before any disk is, so a machine that dies again before it could write anything down still counts.
 *
 * RETURNS counts the returns of a series, SINCE is when it began, seconds since 1970. A series ends when a kernel arms
 * its guard later than the window after that.
 * @module
 */
import { commandLineValue } from '../plan/command-line.ts';

const PARAMETER = 'khop.guard';

/** One return, as the kernel that came home sees it. */
export interface GuardReturn {
  /** Id of the guard's arming, 16 hexadecimal digits. */
  readonly arming: string;
  /** How many of the series this is, from 1. */
  readonly returns: number;
  /** When the series began, ms since 1970. */
  readonly sinceMs: number;
}

/** Undefined when no guard brought this kernel up. */
export function guardReturnOf(commandLine: string): GuardReturn | undefined {
  const match = /^([0-9a-f]{16})(?:,(\d{1,6}),(\d{1,12}))?$/.exec(
    commandLineValue(commandLine, PARAMETER) ?? '',
  );
  if (match === null) return undefined;
  const [, arming = '', returns = '1', since = '0'] = match;
  return { arming, returns: Math.max(1, Number(returns)), sinceMs: Number(since) * 1000 };
}

/** The argument for the kernel to go home with, armed now by a kernel that came home by `before`, if it did. */
export function guardArgument(
  arming: string,
  before: GuardReturn | undefined,
  { nowMs, windowMs }: { readonly nowMs: number; readonly windowMs: number },
): string {
  const series = returnsWithin(before, { nowMs, windowMs });
  const sinceMs = series === 0 || before === undefined ? nowMs : before.sinceMs;
  return `${PARAMETER}=${arming},${series + 1},${Math.floor(sinceMs / 1000)}`;
}

/** Returns of a series that began within the window; a clock that went back makes none of them older. */
export function returnsWithin(
  before: GuardReturn | undefined,
  { nowMs, windowMs }: { readonly nowMs: number; readonly windowMs: number },
): number {
  return before === undefined || nowMs - before.sinceMs > windowMs ? 0 : before.returns;
}
