/**
 * What a machine says on its console from a panic until it is home, and when.
 * @module
 */
import { KhopError } from '../../src/error.ts';
import type { Moment } from './report.ts';

/** A line of the console. Both times are from any start, the same for all lines. */
export interface ConsoleLine extends Moment {
  readonly text: string;
}

/** By which lines one tool tells how far it is. */
export interface CrashSigns {
  /** The first of the capture kernel's user space. */
  readonly capture: RegExp;
  /** The first after the report was made durable. */
  readonly report: RegExp;
  /** The same of a dump; undefined where none is saved. */
  readonly dump: RegExp | undefined;
}

/** Since the panic. */
export interface CrashMoments {
  readonly capture: Moment;
  readonly report: Moment;
  readonly dump?: Moment | undefined;
  readonly home: Moment;
  readonly ready: Moment;
}

const PANIC = /Kernel panic - not syncing/;
/** systemd's first line, which it writes before it has read a unit. */
const WELCOME = /Welcome to .*Debian/;

/**
 * The last welcome is the one at home: a capture kernel that starts systemd has one too.
 * @param ready when everything was started, from the same start as the lines
 * @throws E_LAB when a line is missing, or comes in another order
 */
export function crashMoments(lines: readonly ConsoleLine[], ready: Moment, signs: CrashSigns): CrashMoments {
  const panicAt = lines.findIndex(({ text }) => PANIC.test(text));
  const panic = lines[panicAt];
  if (panic === undefined) throw missing('panic');
  const after = lines.slice(panicAt + 1);
  const homeAt = after.findLastIndex(({ text }) => WELCOME.test(text));
  const home = after[homeAt];
  if (home === undefined) throw missing('welcome of systemd');
  const since = ({ wallMs, cpuMs }: Moment): Moment => ({
    wallMs: Math.round(wallMs - panic.wallMs),
    cpuMs: Math.round(cpuMs - panic.cpuMs),
  });
  const find = (what: string, sign: RegExp): Moment => {
    const line = after.slice(0, homeAt).find(({ text }) => sign.test(text));
    if (line === undefined) throw missing(what);
    return since(line);
  };
  return {
    capture: find('capture kernel', signs.capture),
    report: find('report', signs.report),
    ...(signs.dump && { dump: find('dump', signs.dump) }),
    home: since(home),
    ready: since(ready),
  };
}

function missing(what: string): KhopError {
  return new KhopError('E_LAB', `the console tells of no ${what} between the panic and home`, {
    hint: 'The machine took another way; run the same steps in a machine of khop lab and read its console.',
  });
}
