/**
 * The world of an agent in a kernel on trial, with a clock of its own: sleeping is what makes it run.
 * @module
 */
import type { GuardianMessage } from '../../src/machine/guardian-process.ts';
import type { Reading } from '../../src/machine/reading.ts';
import type { TicketTrial } from '../../src/switch/ticket.ts';
import { encodeTicket } from '../../src/switch/ticket.ts';
import { takeBaseline } from '../../src/trial/health/baseline.ts';
import type { TrialWorld } from '../../src/trial/world.ts';
import { healthWorld } from './health-world.ts';
import { absent, healthyMachine, read } from './machine-facts.ts';
import { machineOnTrial, NOW_MS, type TrialWorld as OnDisk, trialTicket, trialWorld } from './trial-world.ts';

/** Of the guardian. */
export const GUARDIAN_PID = 77;

/** What differs from a guardian that is there, and ends when it is told to. */
export interface NetOptions {
  readonly guardian?: Reading<number>;
  readonly tell?: (pid: number, message: GuardianMessage) => void;
  readonly hasTaken?: Reading<boolean>;
  /** Of any device's configuration. */
  readonly pciByte?: Reading<number>;
}

/** Everything that a trial needs besides the guard. @param calls gets a line for each call that changes something */
export function trialCalls(
  base: OnDisk['world'],
  calls: string[],
  { guardian = read(GUARDIAN_PID), tell, hasTaken = read(true), pciByte = absent() }: NetOptions = {},
): TrialWorld {
  let [found, upMs] = [guardian, 12_000];
  return {
    ...healthWorld(),
    ...base,
    guardian: {
      find: () => found,
      tell: (pid, message) => {
        calls.push(`guardian ${pid} ${message}`);
        tell?.(pid, message);
        if (tell === undefined && (message === 'confirmed' || message === 'handOver')) found = absent();
      },
      hasTaken: () => hasTaken,
    },
    watchdog: {
      armOverJump: async ({ device }) => {
        calls.push(`arm ${device}`);
      },
      takeFromServiceManager: async () => 0,
      findHolder: () => undefined,
      stop: ({ device }) => {
        calls.push(`stop ${device}`);
        return { state: 'stopped' };
      },
      handToServiceManager: async ({ device }, seconds) => {
        calls.push(`hand over ${device} ${seconds}`);
        return 'service-manager';
      },
    },
    readSysctl: (name) => absent(name),
    readFirmwareSeconds: () => absent(),
    readInitMs: async () => undefined,
    readPciByte: () => pciByte,
    writeSysctl: (name, value) => void calls.push(`${name}=${value}`),
    freeReservation: () => {
      calls.push('free reservation');
    },
    readWaiting: () => ({ home: read(true), panic: read(true) }),
    uptimeMs: () => upMs,
    sleep: async (ms) => {
      upMs += ms;
    },
  };
}

/** An agent's world on its disk. */
export interface AgentWorld extends Disposable {
  readonly world: TrialWorld;
  readonly at: OnDisk;
  readonly calls: string[];
}

/** What differs from a trial that has just begun, with both kernels loaded and all of it well. */
export interface AgentOptions extends NetOptions {
  readonly trial?: Partial<TicketTrial>;
  /** Its text; null: there is none. */
  readonly ticket?: string | null;
  readonly over?: Partial<TrialWorld>;
}

export async function agentWorld({ trial, ticket, over, ...net }: AgentOptions = {}): Promise<AgentWorld> {
  const { kexec } = healthyMachine();
  const machine = machineOnTrial({ kexec: { ...kexec, loaded: read(true), crashLoaded: read(true) } });
  const jumping = [{ phase: 'jumping', atMs: NOW_MS - 60_000, upMs: null }];
  const baseline = await takeBaseline(healthWorld());
  const begun = { phase: 'jumping', phases: jumping, needsConfirm: false, confirmSeconds: null, baseline };
  const text = ticket === undefined ? encodeTicket(trialTicket({ ...begun, ...trial })) : ticket;
  const at = trialWorld(machine, text);
  const world = { ...trialCalls(at.world, at.calls, net), ...over };
  return { world, at, calls: at.calls, [Symbol.dispose]: () => at[Symbol.dispose]() };
}
