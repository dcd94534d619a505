/**
 * Everything of a trial that can be done before anything is done: the known-good kernel and the panic kernel as the
 * first act will load them, the watchdog, the plan of the kernel on trial with all of it in its initramfs, and what
 * all this is worth, class by class. Changes nothing.
 * @module
 */
import { KhopError } from '../error.ts';
import type { ErrorCode } from '../error-codes.ts';
import type { Range } from '../formats/range.ts';
import { readRecipients } from '../guard/age-recipients.ts';
import { type GuardPlan, type KnownOfHome, planGuard } from '../guard/arm.ts';
import { type CapturePlan, planCapture } from '../guard/capture-plan.ts';
import { DEFAULT_GUARD_SETTINGS, type GuardSettings } from '../guard/guard-settings.ts';
import { readGuardSettings } from '../guard/guard-status.ts';
import { runningSelector } from '../guard/home-plan.ts';
import { reservationNeed, roundUp } from '../guard/reservation.ts';
import { planTargetOrNone, type TargetPlan } from '../guard/target-plan.ts';
import type { Kernel } from '../kernels/kernel.ts';
import type { MachineFacts } from '../machine/facts.ts';
import { commandLineValue } from '../plan/command-line.ts';
import type { LoadPlan } from '../plan/load-plan.ts';
import { planWatchdog, type WatchdogPlan } from '../plan/trial/plan-watchdog.ts';
import { trialArchive } from '../plan/trial/trial-archive.ts';
import {
  isBelowKernels,
  machineOnTrial,
  reservationArgument,
  trialReservation,
} from '../plan/trial/trial-memory.ts';
import { trialParameters } from '../plan/trial/trial-parameters.ts';
import { watchdogArgumentsAtHome } from '../plan/trial/watchdog-at-home.ts';
import { chooseKernel } from '../switch/choose-kernel.ts';
import { lastingCommandLine, type Proposal, type ProposalOptions, propose } from '../switch/proposal.ts';
import { nothingRemembered, type Remembered } from '../switch/remembered.ts';
import { newSwitchId } from '../switch/switch-kernel.ts';
import { panicProcessorOnTrial } from './first-processor.ts';
import { WAY_HOME_SECONDS } from './go-home.ts';
import { type HomeDamage, type HomeDefault, planHomeDefault } from './home-default.ts';
import { homeRooms } from './home-room.ts';
import { whyNotKnownHome } from './known-home.ts';
import { planHomecoming } from './load-home.ts';
import { startableWatchdog } from './startable-watchdog.ts';
import { CAUSE_PARAMETER, HOME_PARAMETER } from './trial-kernel.ts';
import { describeTried, type Tried } from './tried-kernel.ts';
import type { TrialWorld } from './world.ts';

/** How long a kernel on trial has, from its start. */
export interface TrialDeadlines {
  /** Until the agent runs. */
  readonly bootSeconds: number;
  /** Until everything is proven. */
  readonly totalSeconds: number;
  /** Until somebody has confirmed, after everything is proven; undefined: that alone confirms. */
  readonly confirmSeconds: number | undefined;
}

/** What a person asked for. */
export interface TrialRequest {
  /** The kernel on trial. */
  readonly selector: string;
  readonly options: ProposalOptions;
  /** Id of the ticket. */
  readonly id: string;
  /** The kernel to come home to; undefined: the one that runs. */
  readonly home: string | undefined;
  readonly deadlines: TrialDeadlines;
}

/** A part of the net, or why it is missing. */
export type Part<T> =
  | { readonly state: 'planned'; readonly value: T }
  | { readonly state: 'missing'; readonly reason: string; readonly code: ErrorCode | undefined };

/** Ready to be agreed to. */
export interface StagedTrial {
  readonly request: TrialRequest;
  readonly proposal: Proposal;
  /** What a confirmation proves. */
  readonly tried: Tried;
  readonly homeKernel: Kernel;
  readonly home: Part<LoadPlan>;
  readonly guard: Part<GuardPlan>;
  /** Where the panic kernel will wait, when it has to be there; see `mayUnpackInto`. */
  readonly reservation?: Range | undefined;
  readonly watchdog: WatchdogPlan;
  /** Why nothing of it is loaded by a first act; undefined when there is one. */
  readonly firstActObstacle: string | undefined;
  readonly homeDefault: HomeDefault;
}

/** Seconds of the way down and of the firmware-free start, until the first act takes the watchdog over. */
const JUMP_SECONDS = 120;
/** The guardian goes home so long after the agent should have: not while its last checks run, or services still stop. */
const GUARDIAN_SLACK_SECONDS = WAY_HOME_SECONDS;

/**
 * @throws E_NOT_FOUND, E_UNREADABLE, E_FORMAT for kernels that cannot be found or read. A known-good kernel or a
 *   panic kernel that cannot be planned is no error: the answer says so
 */
export async function stageTrial(world: TrialWorld, request: TrialRequest): Promise<StagedTrial> {
  const machine = world.readMachine();
  const needs = lazily(world.readInitramfsNeeds);
  const remembered = nothingRemembered();
  const here: TrialWorld = { ...world, readMachine: () => machine, readInitramfsNeeds: needs, remembered };
  // The panic kernel lives for seconds and has no KASLR of its own: it takes the image of the kernel that goes home.
  const together: Remembered = { ...remembered, moves: new Map() };
  const { deadlines, id, options } = request;
  const homeSelector = request.home ?? runningSelector(here, machine);
  const homeKernel = chooseKernel(here, machine, homeSelector);
  const kernel = chooseKernel(here, machine, request.selector);
  const firstActObstacle = whyNoFirstAct(kernel, options);
  const hardware = planWatchdog(machine, {
    deadlineSeconds: deadlines.bootSeconds,
    jumpSeconds: JUMP_SECONDS + deadlines.bootSeconds,
  });
  const { watchdog, start } = await startableWatchdog(world, kernel, hardware, firstActObstacle);
  const watched: TrialWorld = {
    ...here,
    remembered: together,
    readMachine: () => withRunningWatchdog(machine, watchdog),
  };
  const panic = await describePanic(watched, homeKernel);
  const reserved = await reserve(watched, panic, firstActObstacle);
  const onTrial = (world: TrialWorld): TrialWorld => {
    if (reserved.state !== 'planned') return world;
    const facts = machineOnTrial(world.readMachine(), reserved.value.range);
    return { ...world, readMachine: () => facts };
  };
  const trialWorld = onTrial(here);
  const homeParameters = watchdogArgumentsAtHome(watchdog.state === 'planned' ? watchdog.driver : null);
  const homecoming = attempt(() =>
    planHomecoming({ ...trialWorld, remembered: together }, homeKernel.id, { id, added: homeParameters }),
  );
  const homeObstacle = whyNotKnownHome(here, machine, homeKernel, plannedValue(homecoming));
  const home = homeObstacle === undefined ? homecoming : missingFor(homeObstacle);
  const homeDefault = await planHomeDefault(here, homeKernel, damageOf(homeKernel, homecoming, homeObstacle));
  const guard =
    reserved.state === 'planned'
      ? await planPanic(onTrial(watched), panic, { ...reserved.value, homeParameters, homeObstacle })
      : reserved;
  const drop = [...(options.drop ?? []), HOME_PARAMETER, CAUSE_PARAMETER];
  const wanted = { ...options, drop, switchId: id };
  const commandLine = lastingCommandLine(here, machine, kernel, wanted) ?? '';
  const tried = describeTried(kernel, options, commandLine);
  const archive =
    firstActObstacle !== undefined
      ? undefined
      : trialArchive({
          architecture: machine.architecture,
          init: commandLineValue(commandLine, 'rdinit') ?? '/init',
          crash: guard.state === 'planned' ? guard.value.plan : undefined,
          home: home.state === 'planned' ? home.value : undefined,
          watchdog: start,
          bootDeadlineMs: deadlines.bootSeconds * 1000,
          deadlineMs:
            (deadlines.totalSeconds + (deadlines.confirmSeconds ?? 0) + GUARDIAN_SLACK_SECONDS) * 1000,
          wayHomeMs: WAY_HOME_SECONDS * 1000,
        });
  const parameters = trialParameters(
    {
      id,
      hasFirstAct: archive !== undefined,
      reservation:
        guard.state === 'planned' && reserved.state === 'planned'
          ? reservationArgument(reserved.value.range, guard.value.plan.method)
          : undefined,
      panicProcessor: panicProcessorOnTrial({ guard, homeDefault, watchdog }, kernel.release),
      watchdog: watchdog.state === 'planned' ? watchdog.kernelArguments : [],
    },
    commandLine,
  );
  const asked = options.method ?? world.configuration.method;
  const reservation = reserved.state === 'planned' && isBySegments(guard) ? reserved.value.range : undefined;
  const mustBeHigh = reservation !== undefined && isBelowKernels(machine, reservation);
  const proposal = proposeBeside(guard, mustBeHigh, (method, isKernelHigh) =>
    propose(trialWorld, request.selector, {
      ...wanted,
      method: asked === 'auto' ? (method ?? asked) : asked,
      isKernelHigh,
      added: parameters,
      ...(archive === undefined ? {} : { lastArchives: [archive] }),
    }),
  );
  return {
    ...{ request, proposal, tried, homeKernel, home, guard, reservation, watchdog },
    ...{ firstActObstacle, homeDefault },
  };
}

/**
 * A panic kernel by segments waits at one address, and kexec_file_load, which knows nothing of that, puts its parts at the
 * same end of memory: so the kernel on trial goes by segments as well, unless it cannot, or somebody wants it otherwise.
 */
function proposeBeside(
  guard: Part<GuardPlan>,
  mustBeHigh: boolean,
  proposeBy: (method: 'segments' | undefined, isKernelHigh: boolean) => Proposal,
): Proposal {
  if (!isBySegments(guard)) return proposeBy(undefined, false);
  for (const isKernelHigh of mustBeHigh ? [true, false] : [false]) {
    const proposal = proposeBy('segments', isKernelHigh);
    if (proposal.plan !== undefined) return proposal;
  }
  return proposeBy(undefined, false);
}

function isBySegments(guard: Part<GuardPlan>): boolean {
  return guard.state === 'planned' && guard.value.plan.method === 'segments';
}

/** The panic kernel of the trial has to pet what the guardian sets going. */
function withRunningWatchdog(machine: MachineFacts, plan: WatchdogPlan): MachineFacts {
  const { watchdogs } = machine;
  if (plan.state === 'none' || watchdogs.state !== 'read') return machine;
  const value = watchdogs.value.map((each) =>
    `/dev/${each.name}` === plan.device ? { ...each, state: 'active' } : each,
  );
  return { ...machine, watchdogs: { ...watchdogs, value } };
}

/** All plans are for one machine, and to walk all of its devices takes its time. */
function lazily<T>(read: () => T): () => T {
  let value: T | undefined;
  return () => {
    value ??= read();
    return value;
  };
}

/** A file that is not there, or is not what it should be. That there is another obstacle says nothing of the files. */
const DAMAGES: ReadonlySet<ErrorCode | undefined> = new Set(['E_FORMAT', 'E_NOT_FOUND', 'E_UNREADABLE']);

/** What the firmware would stumble over as well, if it were to start the known-good kernel. */
function damageOf(
  { problems }: Kernel,
  home: Part<LoadPlan>,
  obstacle: string | undefined,
): HomeDamage | undefined {
  if (obstacle !== undefined)
    return {
      reason: obstacle,
      remedy: 'restart the machine into it first, or name another kernel with --home',
    };
  const isDamaged = home.state === 'missing' && DAMAGES.has(home.code);
  const damage = problems.join('; ') || (isDamaged ? home.reason : '');
  if (damage === '') return undefined;
  return {
    reason: `the files of the known-good kernel are damaged: ${damage}`,
    remedy: 'install its package again, or name another kernel with --home',
  };
}

/** Without an initramfs the kernel mounts its root itself, and there is no place for a program before init. */
function whyNoFirstAct(kernel: Kernel, { initrd }: ProposalOptions): string | undefined {
  const initrds = initrd ?? kernel.initrds;
  return initrds.length > 0 || /\.efi$/i.test(kernel.image)
    ? undefined
    : 'the kernel on trial has no initramfs that a first act could come before';
}

/** What the panic kernel of a trial is to do. */
interface PanicWish {
  readonly kernel: Kernel;
  readonly settings: GuardSettings;
  readonly place: TargetPlan;
}

/**
 * As the guard of this machine is set, or as it would be; but it captures, since it must not go on in little memory, and
 * it is the known-good kernel, whatever the guard names.
 */
async function describePanic(world: TrialWorld, kernel: Kernel): Promise<PanicWish> {
  const guard = readGuardSettings(world) ?? {
    ...DEFAULT_GUARD_SETTINGS,
    encryptTo: readRecipients(world, world.configuration.encryptTo),
  };
  const settings: GuardSettings = { ...guard, mode: 'capture', kernel: kernel.id, home: kernel.id };
  return { kernel, settings, place: await planTargetOrNone(world, settings) };
}

/** What is known of the panic kernel before it is planned. */
interface PanicPlace {
  /** Where it will wait. */
  readonly range: Range;
  readonly capture: CapturePlan;
}

/** The place, as large as the way home of a panic wants it, or else as it needs it. */
async function reserve(
  world: TrialWorld,
  { kernel, settings, place }: PanicWish,
  obstacle: string | undefined,
): Promise<Part<PanicPlace>> {
  if (obstacle !== undefined) return missingFor(obstacle);
  try {
    const machine = world.readMachine();
    const capture = await planCapture(world, machine, settings, kernel, place);
    let size = 0n;
    for (const homeBytes of homeRooms(world, kernel)) {
      const need = await reservationNeed(world, settings, kernel.id, { homeBytes, place, capture });
      size = roundUp(BigInt(need.bytes)) << 20n;
      const range = trialReservation(machine, size);
      if (range !== undefined) return { state: 'planned', value: { range, capture } };
    }
    return {
      state: 'missing',
      code: undefined,
      reason: `there is no place for ${size >> 20n} MiB below 4 GiB`,
    };
  } catch (error) {
    return missing(error);
  }
}

async function planPanic(
  world: TrialWorld,
  { settings, place }: PanicWish,
  {
    capture,
    homeParameters,
    homeObstacle,
  }: PanicPlace & Pick<KnownOfHome, 'homeParameters' | 'homeObstacle'>,
): Promise<Part<GuardPlan>> {
  try {
    const known = { isHomeChecked: true, capture, homeParameters, homeObstacle };
    const value = await planGuard(world, settings, newSwitchId(world), place, known);
    return { state: 'planned', value };
  } catch (error) {
    return missing(error);
  }
}

function attempt<T>(make: () => T): Part<T> {
  try {
    return { state: 'planned', value: make() };
  } catch (error) {
    return missing(error);
  }
}

function plannedValue<T>(part: Part<T>): T | undefined {
  return part.state === 'planned' ? part.value : undefined;
}

function missingFor(reason: string): Extract<Part<never>, { state: 'missing' }> {
  return { state: 'missing', reason, code: undefined };
}

function missing(error: unknown): Extract<Part<never>, { state: 'missing' }> {
  if (!(error instanceof KhopError)) throw error;
  return { state: 'missing', reason: error.message, code: error.code };
}
