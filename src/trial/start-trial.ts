/**
 * From a staged trial to its part of the ticket, and what is done around the jump: the ticket is on disk before the
 * watchdog counts, and the watchdog counts before anything is stopped.
 * @module
 */
import { KhopError } from '../error.ts';
import { digestFiles } from '../guard/drift.ts';
import type { Kernel } from '../kernels/kernel.ts';
import { valueOf } from '../machine/reading.ts';
import type { PlannedWatchdog } from '../plan/trial/plan-watchdog.ts';
import { TRIAL_SYSCTLS } from '../plan/trial/trial-parameters.ts';
import { panicSettingAtHome } from '../switch/restart-on-way-home.ts';
import type { OrderedTrial } from '../switch/switch-kernel.ts';
import type { TicketTrial } from '../switch/ticket.ts';
import type { Baseline } from './health/baseline.ts';
import { dismissGuardian } from './leave-net.ts';
import type { ReturnRow } from './return-table.ts';
import type { StagedTrial } from './stage-trial.ts';
import type { TrialWorld } from './world.ts';

/** Kernels that no boot loader knows of. */
const FILE_ORIGINS: ReadonlySet<string> = new Set(['file', 'deb', 'build-tree']);

/** What the ticket is made of besides the stage. */
export interface TrialPromise {
  readonly baseline: Baseline;
  readonly table: readonly ReturnRow[];
  /** Ways of failing that somebody has accepted: without `dead-hang`, no jump without a watchdog that was planned. */
  readonly accepted?: readonly string[];
}

/** Changes nothing yet. */
export function orderTrial(world: TrialWorld, staged: StagedTrial, promise: TrialPromise): OrderedTrial {
  const { watchdog, homeDefault } = staged;
  let takenSeconds: number | undefined;
  return {
    ticket: ticketTrial(world, staged, promise),
    prepareJump: async () => {
      if (homeDefault.state === 'planned') {
        await world.bootLoader.apply(homeDefault.plan.steps);
        world.remark(`From now on ${staged.homeKernel.title} is the boot loader’s default.`);
      }
      if (watchdog.state !== 'planned' || !watchdog.isOverJump) return;
      try {
        // That of a trial before this one may keep a watchdog that cannot be stopped.
        await dismissGuardian(world);
        if (watchdog.isHeldByServiceManager) takenSeconds = await world.watchdog.takeFromServiceManager();
        await world.watchdog.armOverJump(watchdog);
      } catch (error) {
        if (!(error instanceof KhopError)) throw error;
        if (promise.accepted?.includes('dead-hang') === true) {
          await putBack(world, watchdog, takenSeconds);
          world.remark(`Without a watchdog over the jump, as accepted: ${error.message}.`);
          return;
        }
        throw new KhopError('E_REFUSED', `the watchdog does not count over the jump: ${error.message}`, {
          hint: 'Go without it: --accept dead-hang.',
          cause: error,
        });
      }
    },
    undoPreparation: async () => {
      if (watchdog.state === 'planned' && watchdog.isOverJump) await putBack(world, watchdog, takenSeconds);
    },
  };
}

/**
 * Who had the watchdog has it again. One that cannot be stopped any more goes to systemd, if it is there.
 * @param takenSeconds what systemd had set; undefined when nothing was taken from it
 */
async function putBack(
  world: TrialWorld,
  watchdog: PlannedWatchdog,
  takenSeconds: number | undefined,
): Promise<void> {
  // It was not given away, and nobody else could arm it.
  if (watchdog.isHeldByServiceManager && takenSeconds === undefined) return;
  if (valueOf(world.readMachine().serviceManager) === 'systemd') {
    await world.watchdog.handToServiceManager(watchdog, takenSeconds ?? 0);
    return;
  }
  const outcome = world.watchdog.stop(watchdog);
  if (outcome.state === 'counting')
    world.remark(`${outcome.reason}: this machine will be reset, unless somebody pets it.`);
}

function ticketTrial(
  world: TrialWorld,
  { request, homeKernel, guard, watchdog, proposal, tried }: StagedTrial,
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
    home: { id, title, release: release ?? null, ...digestsOf(homeKernel) },
    entryId: FILE_ORIGINS.has(proposal.kernel.origin.kind) ? null : proposal.kernel.id,
    tried,
    arming: guard.state === 'planned' ? guard.value.id : null,
    restore: sysctlsNow(world),
    watchdog: watchdog.state === 'planned' ? watchdog.driver : null,
    baseline,
    coverage: table.map((row) => ({ class: row.class, by: row.by, seconds: row.seconds })),
    cause: null,
  };
}

/** Nothing where the files cannot be read: then none of them is trusted later either. */
function digestsOf({ image, initrds }: Kernel): Pick<TicketTrial['home'], 'files'> {
  try {
    return { files: [...digestFiles([image, ...initrds])] };
  } catch (error) {
    if (!(error instanceof KhopError)) throw error;
    return {};
  }
}

/** The values to go back to at the confirmation. One that this kernel does not have is nothing to go back to. */
function sysctlsNow(world: TrialWorld): Record<string, string> {
  const values = Object.keys(TRIAL_SYSCTLS).flatMap((name) => {
    const path = `kernel.${name}`;
    const value = valueOf(world.readSysctl(path));
    return value === undefined ? [] : [[path, value.trim()] as const];
  });
  const now = Object.fromEntries(values);
  // Where nobody calls `khop arrive`, this kernel still has what it was given for its way home.
  const panic = panicSettingAtHome(world.readMachine(), now['kernel.panic']);
  return panic === undefined ? now : { ...now, 'kernel.panic': panic };
}
