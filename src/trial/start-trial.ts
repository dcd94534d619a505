/**
 * From a staged trial to its part of the ticket, and what is done around the jump: the ticket is on disk before the
 * watchdog counts, and the watchdog counts before anything is stopped.
 * @module
 */
import { KhopError } from '../error.ts';
import { valueOf } from '../machine/reading.ts';
import { runtimeWatchdogSeconds } from '../plan/trial/plan-watchdog.ts';
import { TRIAL_SYSCTLS } from '../plan/trial/trial-parameters.ts';
import type { OrderedTrial } from '../switch/switch-kernel.ts';
import type { TicketTrial } from '../switch/ticket.ts';
import type { Baseline } from './health/baseline.ts';
import type { ReturnRow } from './return-table.ts';
import type { StagedTrial } from './stage-trial.ts';
import type { TrialWorld } from './world.ts';

/** Kernels that no boot loader knows of. */
const FILE_ORIGINS: ReadonlySet<string> = new Set(['file', 'deb', 'build-tree']);

/** What the ticket is made of besides the stage. */
export interface TrialPromise {
  readonly baseline: Baseline;
  readonly table: readonly ReturnRow[];
}

/** Changes nothing yet. */
export function orderTrial(world: TrialWorld, staged: StagedTrial, promise: TrialPromise): OrderedTrial {
  const { watchdog } = staged;
  return {
    ticket: ticketTrial(world, staged, promise),
    prepareJump: async () => {
      if (watchdog.state !== 'planned' || !watchdog.isOverJump) return;
      try {
        await world.watchdog.armOverJump(watchdog);
      } catch (error) {
        if (!(error instanceof KhopError)) throw error;
        throw new KhopError('E_REFUSED', `the watchdog does not count over the jump: ${error.message}`, {
          hint: 'Go without it: --accept dead-hang.',
          cause: error,
        });
      }
    },
    undoPreparation: async () => {
      if (watchdog.state !== 'planned' || !watchdog.isOverJump) return;
      const machine = world.readMachine();
      // It takes back what it gave away, and a watchdog that cannot be stopped any more: else that ends this kernel.
      if (valueOf(machine.serviceManager) === 'systemd')
        await world.watchdog.handToServiceManager(
          watchdog,
          runtimeWatchdogSeconds(machine, watchdog.timeoutSeconds),
        );
      else world.watchdog.stop(watchdog);
    },
  };
}

function ticketTrial(
  world: TrialWorld,
  { request, homeKernel, guard, watchdog, proposal }: StagedTrial,
  { baseline, table }: TrialPromise,
): TicketTrial {
  const { deadlines } = request;
  const { id, title, release } = homeKernel;
  return {
    phase: 'jumping',
    phases: [{ phase: 'jumping', atMs: world.nowMs(), upMs: null }],
    bootDeadlineSeconds: deadlines.bootSeconds,
    deadlineSeconds: deadlines.totalSeconds,
    needsConfirm: deadlines.confirmSeconds !== undefined,
    confirmSeconds: deadlines.confirmSeconds ?? null,
    home: { id, title, release: release ?? null },
    entryId: FILE_ORIGINS.has(proposal.kernel.origin.kind) ? null : proposal.kernel.id,
    arming: guard.state === 'planned' ? guard.value.id : null,
    restore: sysctlsNow(world),
    watchdog: watchdog.state === 'planned' ? watchdog.driver : null,
    baseline,
    coverage: table.map((row) => ({ class: row.class, by: row.by, seconds: row.seconds })),
    cause: null,
  };
}

/** The values to go back to at the confirmation. One that this kernel does not have is nothing to go back to. */
function sysctlsNow(world: TrialWorld): Record<string, string> {
  const values = Object.keys(TRIAL_SYSCTLS).flatMap((name) => {
    const path = `kernel.${name}`;
    const value = valueOf(world.readSysctl(path));
    return value === undefined ? [] : [[path, value.trim()] as const];
  });
  return Object.fromEntries(values);
}
