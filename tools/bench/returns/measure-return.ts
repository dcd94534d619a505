/**
 * From a fault of a new kernel to user space of the known-good one. Wall time of an emulated machine and the CPU time of
 * its emulator, so only ratios mean something.
 * @module
 */
import { loadavg } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';
import { KhopError } from '../../../src/error.ts';
import type { VirtualMachine } from '../../../src/lab/virtual-machine.ts';
import { processCpuMs } from '../process-time.ts';
import type { ReturnRow } from '../report.ts';
import { sayWhenUp } from './console-marks.ts';
import type { FaultClass } from './fault-classes.ts';
import type { ReturnMethod } from './return-methods.ts';
import { type ReturnMoments, returnMoments, type SeenEvent } from './return-moments.ts';

/** From the command that leaves until the fault: two starts of an emulated machine, at most. */
const FAULT_TIMEOUT_MS = 600_000;
/** However often the machine is restarted. */
const HOME_TIMEOUT_MS = 1_200_000;
/** Who starts the kernel that fails as often again does so for ever. */
const MOST_REPEATS = 2;
const POLL_MS = 250;

/** One fault, one method, one run. What the lab or the machine reports is a row too. */
export async function measureReturn(
  method: ReturnMethod,
  fault: FaultClass,
  run: number,
): Promise<ReturnRow> {
  const loadAverage = Math.round((loadavg()[0] ?? 0) * 100) / 100;
  const row = { class: fault.id, method: method.id, firmware: method.firmware, run, loadAverage };
  try {
    await using machine = await method.start({ firmware: method.firmware, hasWatchdog: fault.hasWatchdog });
    return { ...row, ...(await measureOnce(machine, method, fault)) };
  } catch (cause) {
    if (!(cause instanceof KhopError)) throw cause;
    const words = cause.message.split('\n')[0] ?? cause.code;
    return { ...row, outcome: `not measured: ${words}`, error: words };
  }
}

type Found = Omit<ReturnRow, 'class' | 'method' | 'firmware' | 'run' | 'loadAverage'>;

async function measureOnce(machine: VirtualMachine, method: ReturnMethod, fault: FaultClass): Promise<Found> {
  await sayWhenUp(machine);
  await fault.prepare(machine);
  const events = listen(machine);
  const departure = await method.leave(machine, fault);
  if (departure.state === 'refused') {
    // Nothing was stopped, so nobody was away; but that is an answer to one class only.
    if (fault.moment === 'reset') return { outcome: 'stays', covered: true, seconds: 0, cpuSeconds: 0 };
    throw notMade(`the new kernel was refused: ${departure.words}`);
  }
  const made = await waitForMoments(events, fault, FAULT_TIMEOUT_MS, ({ faultAt }) => faultAt !== undefined);
  if (made.faultAt === undefined || made.isEarly)
    throw notMade(
      `the fault was not made; the last line of the console: ${machine.console.tail.at(-1) ?? 'none'}`,
    );
  const patienceMs = fault.patienceSeconds * 1000;
  const isHopeless = ({ lastSignMs, repeats }: ReturnMoments): boolean =>
    repeats >= MOST_REPEATS || performance.now() > lastSignMs + patienceMs;
  const end = await waitForMoments(
    ...([events, fault, HOME_TIMEOUT_MS] as const),
    (moments) => moments.home !== undefined || isHopeless(moments),
  );
  const { home, begun } = end;
  if (home === undefined)
    return {
      outcome: describeMiss(end, fault),
      covered: false,
      lastLines: machine.console.tail.filter((line) => line.trim() !== '').slice(-3),
    };
  return {
    outcome: `home by ${home.way}`,
    ...{ covered: true, seconds: home.wallMs / 1000, cpuSeconds: home.cpuMs / 1000 },
    ...(begun && { begunSeconds: begun.wallMs / 1000, begunCpuSeconds: begun.cpuMs / 1000 }),
  };
}

function describeMiss({ repeats, resets }: ReturnMoments, { patienceSeconds }: FaultClass): string {
  if (repeats >= MOST_REPEATS) return `the new kernel again, ${repeats} times`;
  return `not home ${patienceSeconds} s after the last sign, ${resets === 0 ? 'no reset' : `${resets} resets`}`;
}

/** Lines of the console and resets, from now on. */
function listen(machine: VirtualMachine): SeenEvent[] {
  const events: SeenEvent[] = [];
  const now = () => ({ wallMs: performance.now(), cpuMs: processCpuMs(machine.pid) });
  machine.console.onLine((text) => events.push({ text, ...now() }));
  machine.qmp.onEvent(({ event }) => {
    if (event === 'RESET') events.push({ isReset: true, ...now() });
  });
  return events;
}

/** As they are when `isDone` says so, or when there is no time left. */
async function waitForMoments(
  events: readonly SeenEvent[],
  { moment }: FaultClass,
  timeoutMs: number,
  isDone: (moments: ReturnMoments) => boolean,
): Promise<ReturnMoments> {
  const until = performance.now() + timeoutMs;
  for (;;) {
    const moments = returnMoments(events, moment);
    if (isDone(moments) || moments.isEarly || performance.now() > until) return moments;
    await sleep(POLL_MS);
  }
}

function notMade(message: string): KhopError {
  return new KhopError('E_LAB', message, {
    hint: 'Run the same steps in a machine of khop lab and read its console.',
  });
}
