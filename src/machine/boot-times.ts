/**
 * How long systemd took to bring the system up, as systemd itself kept count. All times are of the kernel's
 * clock, CLOCK_MONOTONIC, which starts with the kernel. systemd(1), org.freedesktop.systemd1(5).
 * @module
 */
import { KhopError } from '../error.ts';
import { runProcess } from './run-process.ts';

/** Of one start of the system; undefined for what has not happened (yet). */
export interface BootTimes {
  /** systemd in the initramfs began, ms. */
  readonly initrdMs: number | undefined;
  /** The system's own systemd began, ms. */
  readonly initMs: number | undefined;
  /** The default target and all its jobs were done, ms. */
  readonly finishedMs: number | undefined;
  /** Services that were started, with the time each took, longest first. */
  readonly services: readonly ServiceTime[];
}

/** One service. */
export interface ServiceTime {
  readonly unit: string;
  /** From the begin of its start until it counted as active, ms. */
  readonly tookMs: number;
  /** When it counted as active, ms. */
  readonly activeMs: number;
}

const TIMEOUT_MS = 20_000;

/** How programs are run; a test gives one that only answers. */
type Run = typeof runProcess;

/** @throws E_CHILD, E_TIMEOUT when systemd does not answer; E_FORMAT when it is not understood */
export async function readBootTimes(signal: AbortSignal, run: Run = runProcess): Promise<BootTimes> {
  const options = { timeoutMs: TIMEOUT_MS, signal };
  const manager = await run('systemctl', ['show', `--property=${MANAGER_PROPERTIES.join(',')}`], options);
  const units = await run(
    'systemctl',
    ['show', '--property=Id,InactiveExitTimestampMonotonic,ActiveEnterTimestampMonotonic', '*.service'],
    options,
  );
  const [times] = parseProperties(manager.stdout);
  if (times === undefined)
    throw new KhopError('E_FORMAT', 'systemctl show says nothing of the manager', {
      hint: 'Look at what `systemctl show` prints.',
    });
  return {
    initrdMs: toMs(times.get('InitRDTimestampMonotonic')),
    initMs: toMs(times.get('UserspaceTimestampMonotonic')),
    finishedMs: toMs(times.get('FinishTimestampMonotonic')),
    services: parseProperties(units.stdout)
      .flatMap(serviceTime)
      .sort((a, b) => b.tookMs - a.tookMs),
  };
}

const MANAGER_PROPERTIES = [
  'InitRDTimestampMonotonic',
  'UserspaceTimestampMonotonic',
  'FinishTimestampMonotonic',
];

/** Blocks of `Name=value` lines with an empty line between them, as `systemctl show` prints them. */
export function parseProperties(text: string): ReadonlyMap<string, string>[] {
  return text
    .split(/\n\s*\n/)
    .map((block) => {
      const lines = block.split('\n').filter((line) => line.includes('='));
      return new Map(
        lines.map((line) => [line.slice(0, line.indexOf('=')), line.slice(line.indexOf('=') + 1)]),
      );
    })
    .filter((properties) => properties.size > 0);
}

/** Microseconds; 0 means that it has not happened. */
export function toMs(text: string | undefined): number | undefined {
  const value = Number(text);
  return text !== undefined && /^\d+$/.test(text) && value > 0 ? value / 1000 : undefined;
}

function serviceTime(properties: ReadonlyMap<string, string>): ServiceTime[] {
  const unit = properties.get('Id');
  const begunMs = toMs(properties.get('InactiveExitTimestampMonotonic'));
  const activeMs = toMs(properties.get('ActiveEnterTimestampMonotonic'));
  if (unit === undefined || begunMs === undefined || activeMs === undefined || activeMs < begunMs) return [];
  return [{ unit, tookMs: activeMs - begunMs, activeMs }];
}
