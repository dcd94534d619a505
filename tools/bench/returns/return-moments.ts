/**
 * From what a machine says after a fault: whether it came home, when, and by which way.
 * @module
 */
import type { Moment } from '../report.ts';
import { BEGUN_LINE, UP_LINE } from './console-marks.ts';

/** What the host saw. Both times are from any start, the same for all. */
export type SeenEvent = Moment & ({ readonly text: string } | { readonly isReset: true });

/** How far it is. */
export interface ReturnMoments {
  /** Index of the fault; undefined: it was not made yet. */
  readonly faultAt: number | undefined;
  /** Of the known-good kernel, before the fault: then there was none. */
  readonly isEarly: boolean;
  /** Since the fault; undefined: not home yet. */
  readonly home: (Moment & { readonly way: 'kexec' | 'firmware' }) | undefined;
  /** Since the fault, when its systemd began; undefined: not yet. */
  readonly begun: Moment | undefined;
  /** How often the machine was reset since the fault, and how often the fault was seen again. */
  readonly resets: number;
  readonly repeats: number;
  /** Wall time of the last sign that it is on its way: the fault, a reset, a jump, a systemd that begins. */
  readonly lastSignMs: number;
}

const KNOWN_GOOD = /^6\.1\./;
/** The kernel's last line before a jump. */
const JUMP = /Starting new kernel/;

/** @param fault the line that tells of it, or the reset behind which it lies */
export function returnMoments(events: readonly SeenEvent[], fault: RegExp | 'reset'): ReturnMoments {
  const faultAt = events.findIndex((event) => isFault(event, fault));
  const until = faultAt < 0 ? events.length : faultAt;
  const isHome = (event: SeenEvent): boolean => isOfKnownGood(event, UP_LINE);
  const isEarly = events.slice(0, until).some(isHome);
  const made = events[faultAt];
  if (made === undefined)
    return {
      faultAt: undefined,
      isEarly,
      home: undefined,
      begun: undefined,
      resets: 0,
      repeats: 0,
      lastSignMs: 0,
    };
  const after = events.slice(faultAt + 1);
  const homeAt = after.findIndex(isHome);
  const home = after[homeAt];
  const between = homeAt < 0 ? after : after.slice(0, homeAt);
  const resets = between.filter((event) => 'isReset' in event).length;
  const repeats = fault === 'reset' ? [] : between.filter((event) => isFault(event, fault));
  const signs = between.filter(
    (event) => 'isReset' in event || JUMP.test(event.text) || BEGUN_LINE.test(event.text),
  );
  const since = ({ wallMs, cpuMs }: Moment): Moment => ({
    wallMs: Math.round(wallMs - made.wallMs),
    cpuMs: Math.round(cpuMs - made.cpuMs),
  });
  // The last one: a kernel that began and died on its way is not the one that came home.
  const begun = between.findLast((event) => isOfKnownGood(event, BEGUN_LINE));
  const isThroughFirmware = fault === 'reset' || resets > 0;
  return {
    ...{ faultAt, isEarly, resets, repeats: repeats.length },
    lastSignMs: [made, ...repeats, ...signs].reduce((last, { wallMs }) => Math.max(last, wallMs), 0),
    home: home && { ...since(home), way: isThroughFirmware ? 'firmware' : 'kexec' },
    begun: begun && since(begun),
  };
}

function isFault(event: SeenEvent, fault: RegExp | 'reset'): boolean {
  if (fault === 'reset') return 'isReset' in event;
  return 'text' in event && fault.test(event.text);
}

function isOfKnownGood(event: SeenEvent, line: RegExp): boolean {
  return 'text' in event && KNOWN_GOOD.test(line.exec(event.text)?.[1] ?? '');
}
