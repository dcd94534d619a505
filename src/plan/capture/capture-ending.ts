/**
 * How a capture ends, when its report is where it goes.
 *
 * A loop that an older kernel is to end has one way out more: where that kernel cannot be started, the firmware would
 * start what died, and the loop would go on through it. So a person is waited for then, as where there is no older kernel.
 * @module
 */
import { fn, type ProgramFunction } from '../../formats/static-program/functions.ts';
import { type Statement, when } from '../../formats/static-program/statements.ts';
import type { Term } from '../../formats/static-program/terms.ts';
import { mark } from './chain.ts';
import { isHomeLoaded, type WayOut } from './go-home.ts';
import type { Guardian } from './guardian.ts';
import type { RescueOrder } from './rescue.ts';

/** With the kernel that waits; where that cannot be started, for a person. */
export interface HomeElseRescue {
  readonly withoutHome: RescueOrder;
}

/** `home`: with the kernel that waits, else through the firmware; `firmware`: although a kernel waits, which would only die again. */
export type CaptureEnding = 'home' | 'firmware' | RescueOrder | HomeElseRescue;

/** What a person finds there; undefined: nobody is waited for. */
export function rescueOf(ending: CaptureEnding): RescueOrder | undefined {
  if (typeof ending === 'string') return undefined;
  return 'withoutHome' in ending ? ending.withoutHome : ending;
}

/** Whether the kernel that waits is started without anybody saying so. */
export function goesHome(ending: CaptureEnding): boolean {
  return ending === 'home' || (typeof ending === 'object' && 'withoutHome' in ending);
}

/** Notes in the report how it will end, before it does. */
export function leaveMarker(ending: CaptureEnding): ProgramFunction<readonly []> {
  return fn('markLeave', [], [], () => {
    const otherwise = rescueOf(ending) === undefined ? mark('leave-firmware') : mark('rescue');
    return [goesHome(ending) ? when(isHomeLoaded(), [mark('leave-kexec')], [otherwise]) : otherwise];
  });
}

/** What ends a capture. */
export interface EndingParts {
  readonly way: Pick<WayOut, 'leave' | 'leaveByFirmware'>;
  readonly watch: Pick<Guardian, 'sayLeaving'>;
  /** Does not come back; undefined: nobody is waited for. */
  readonly rescue: ProgramFunction<readonly ['watcher']> | undefined;
}

/** Does not come back. @param watcher the guardian's process */
export function endCapture(
  ending: CaptureEnding,
  { way, watch, rescue }: EndingParts,
  watcher: Term,
): readonly Statement[] {
  const stay = rescue?.(watcher);
  if (!goesHome(ending)) return [stay ?? way.leaveByFirmware()];
  return [
    ...(stay === undefined ? [] : [when([isHomeLoaded(), '==', 0], [stay])]),
    watch.sayLeaving(watcher),
    way.leave(),
  ];
}
