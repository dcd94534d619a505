/**
 * The hardware watchdog of a trial: from the first act on the guardian has it and nobody else, so that it ends
 * what the guardian cannot.
 * @module
 */
import { fn, type ProgramFunction } from '../../formats/static-program/functions.ts';
import { bootMs, sleepMs } from '../../formats/static-program/library/clock.ts';
import { LINUX } from '../../formats/static-program/library/linux.ts';
import { WDIOC_SETTIMEOUT } from '../../formats/static-program/library/watchdog-requests.ts';
import { giveBack, leaveLoop, loop, set, store, when } from '../../formats/static-program/statements.ts';
import { load, sys, zeroed } from '../../formats/static-program/terms.ts';
import type { TrialModule, TrialWatchdog } from './first-act-order.ts';
import { said } from './kernel-log.ts';
import type { TrialFile } from './load-kernel.ts';

/** A driver may look for its device after its module is in. */
const OPEN_MS = 3000;
const PAUSE_MS = 100;

/** Of the watchdog; 0 is none. */
const descriptor = zeroed(8);
const timeout = zeroed(4);
const leaveTimeout = zeroed(4);

/** Any byte but V puts the reset off. */
export const petWatchdog = fn('petWatchdog', [], ['fd'], ({ fd }) => [
  set(fd, load.u64(descriptor)),
  when(fd, [sys.write(fd, '', 1)]),
]);

/** Until the known-good kernel can see to it. One whose driver takes no such time keeps its own. */
export const giveTimeToLeave = fn('giveTimeToLeave', [], ['fd'], ({ fd }) => [
  set(fd, load.u64(descriptor)),
  when(fd, [sys.ioctl(fd, WDIOC_SETTIMEOUT, leaveTimeout)]),
  petWatchdog(),
]);

/** The watchdog stops when it is closed after a V, unless it is told never to (nowayout). */
export const stopWatchdog = fn('stopWatchdog', [], ['fd'], ({ fd }) => [
  set(fd, load.u64(descriptor)),
  when(fd, [sys.write(fd, 'V', 1), sys.close(fd), store.u64(descriptor, 0)]),
]);

/** What the first act needs of a watchdog. */
export interface WatchdogStart {
  readonly files: readonly TrialFile[];
  /** Inserts its modules and opens it: 0, or a negative errno. */
  readonly start: ProgramFunction<readonly []>;
}

/**
 * @param folder of the modules' files, absolute
 * @param deviceFolder where devtmpfs is mounted
 */
export function watchdogStart(order: TrialWatchdog, folder: string, deviceFolder: string): WatchdogStart {
  const device = `${deviceFolder}/${order.device.replace(/^\/dev\//, '')}`;
  const firstDevice = `${deviceFolder}/watchdog0`;
  const path = ({ name }: TrialModule) => `${folder}/${name}.ko`;
  const start = fn('startWatchdog', [], ['fd', 'until'], ({ fd, until }) => [
    ...order.modules.map((module) =>
      said(`insert ${module.name}`, insertModule(path(module), module.parameters)),
    ),
    set(until, [bootMs(), '+', order.modules.length === 0 ? 0 : OPEN_MS]),
    loop([
      set(fd, sys.openat(LINUX.AT_FDCWD, device, LINUX.O_WRONLY | LINUX.O_CLOEXEC)),
      when([[fd, '>=', 0], '||', [bootMs(), '>=', until]], [leaveLoop]),
      sleepMs(PAUSE_MS),
    ]),
    // Numbers are given in the order of loading: what was the second watchdog may be alone here.
    ...(device === firstDevice
      ? []
      : [
          when(
            [fd, '<', 0],
            [set(fd, sys.openat(LINUX.AT_FDCWD, firstDevice, LINUX.O_WRONLY | LINUX.O_CLOEXEC))],
          ),
        ]),
    when([fd, '<', 0], [giveBack(fd)]),
    store.u64(descriptor, fd),
    store.u32(timeout, order.timeoutSeconds),
    store.u32(leaveTimeout, order.leaveSeconds),
    giveBack(sys.ioctl(fd, WDIOC_SETTIMEOUT, timeout)),
  ]);
  return { files: order.modules.map((module) => ({ path: path(module), bytes: module.bytes })), start };
}

const insertModule = fn('insertModule', ['path', 'parameters'], ['fd', 'status'], (variables) => {
  const { path, parameters, fd, status } = variables;
  return [
    set(fd, sys.openat(LINUX.AT_FDCWD, path, LINUX.O_RDONLY | LINUX.O_CLOEXEC)),
    when([fd, '<', 0], [giveBack(fd)]),
    set(status, sys.finit_module(fd, parameters, 0)),
    sys.close(fd),
    // It is part of this kernel.
    when([status, '==', -LINUX.EEXIST], [giveBack(0)]),
    giveBack(status),
  ];
});
