/**
 * Memory for the panic kernel: how much, and how the machine comes to have it. A kernel reserves memory only when it
 * starts, so khop asks the boot loader for it at every start, and switches into the same kernel once, now.
 * @module
 */
import { KhopError } from '../error.ts';
import type { MachineFacts } from '../machine/facts.ts';
import { valueOf } from '../machine/reading.ts';
import type { BootLoaderPlan, PermanentParameter } from '../plan/boot-loader/boot-loader-plan.ts';
import { planPermanentParameters } from '../plan/boot-loader/change-boot-loader.ts';
import type { CaptureMemoryNeed } from '../plan/capture/capture-memory.ts';
import { contentBytes } from '../plan/load-plan.ts';
import { chooseKernel } from '../switch/choose-kernel.ts';
import { usedOptimisations } from '../switch/fast.ts';
import { concludeLoad } from '../switch/load-end.ts';
import { agreedPlan, type Proposal, propose } from '../switch/proposal.ts';
import { newSwitchId, switchKernel } from '../switch/switch-kernel.ts';
import { captureNeed, readCaptureKernel } from './capture-kernel.ts';
import { type CapturePlan, planCapture } from './capture-plan.ts';
import { continueNeed } from './continue-kernel.ts';
import { refuseContinuing } from './continuing.ts';
import { requireHttps } from './curl-plan.ts';
import { EARLY_PANIC, earlyPanicParameter } from './early-panic.ts';
import { requireEncryption } from './encryption-plan.ts';
import { encodeGuardSettings, type GuardSettings, guardSettingsPath } from './guard-settings.ts';
import { readGuardSettings } from './guard-status.ts';
import { runningSelector } from './home-plan.ts';
import { PANIC_PROCESSOR, panicProcessorArgument } from './panic-processor.ts';
import { requireSsh } from './ssh-plan.ts';
import { planTarget, type TargetPlan } from './target-plan.ts';
import type { GuardWorld } from './world.ts';

const PARAMETER = 'crashkernel';
const MIB = 2n ** 20n;
/** Rooms that are tried for the way home, in MiB: from packed as small as can be to what any machine has. */
const ROOMS = [24n, 32n, 48n, 64n, 96n, 128n];
/** A reservation is a multiple of so many MiB. */
const STEP = 8n;

/** What would be reserved, and how. */
export interface ReservationPlan {
  readonly mib: bigint;
  /** How the size comes about; undefined when a person chose it. */
  readonly need: CaptureMemoryNeed | undefined;
  /** Told besides; undefined where a panic before the guard is armed needs none. */
  readonly earlyPanic: PermanentParameter | undefined;
  /** What the boot loader is told; undefined because of `obstacle`. */
  readonly permanent: BootLoaderPlan | undefined;
  /** Names of the parameters that it does not have yet. */
  readonly told: readonly string[];
  readonly obstacle: string | undefined;
  /** The kernel to switch into: the one that runs. */
  readonly selector: string;
  /** What else it is started with, see panic-processor.ts. */
  readonly panicProcessor: string | undefined;
}

/**
 * Changes nothing.
 * @param wantedMib undefined: as much as the panic kernel and the smallest way home need
 */
export async function planReservation(
  world: GuardWorld,
  settings: GuardSettings,
  wantedMib: bigint | undefined,
): Promise<ReservationPlan> {
  const machine = world.readMachine();
  refuseContinuing(world.folders, machine);
  await requireEncryption(world, settings);
  await requireSsh(world, settings);
  await requireHttps(world, settings);
  const selector = runningSelector(world, machine);
  const need = wantedMib === undefined ? await reservationNeed(world, settings, selector) : undefined;
  const mib = wantedMib ?? roundUp(BigInt(need!.bytes));
  const panicProcessor = panicProcessorArgument(valueOf(machine.release));
  const earlyPanic = earlyPanicParameter(machine, chooseKernel(world, machine, selector).commandLine);
  const permanent = await planPermanent(world, [
    { name: PARAMETER, value: `${mib}M` },
    ...(earlyPanic === undefined ? [] : [earlyPanic]),
  ]);
  return { mib, need, selector, panicProcessor, earlyPanic, ...permanent };
}

/** MiB. */
export function roundUp(bytes: bigint): bigint {
  const unit = STEP * MIB;
  return ((bytes + unit - 1n) / unit) * STEP;
}

async function planPermanent(
  world: GuardWorld,
  parameters: readonly PermanentParameter[],
): Promise<Pick<ReservationPlan, 'permanent' | 'told' | 'obstacle'>> {
  const none = { permanent: undefined, told: [] };
  try {
    const state = await world.bootLoader.read();
    const permanent = planPermanentParameters(state, parameters);
    const [obstacle] = world.bootLoader.obstacles(permanent.steps);
    if (obstacle !== undefined) return { ...none, obstacle };
    const changed = parameters.filter((each) => planPermanentParameters(state, [each]).steps.length > 0);
    return { permanent, told: changed.map(({ name }) => name), obstacle };
  } catch (error) {
    if (!(error instanceof KhopError)) throw error;
    return { ...none, obstacle: error.message };
  }
}

/**
 * What the panic kernel and the smallest way home need.
 * @param selector of the kernel that does both unless the settings name others
 * @param known `homeBytes`: what the way home may take, else as little as is possible; `place`: see `planTarget`;
 *   `capture`: what the panic kernel is given there
 * @throws as `planTarget`, unless the place is known
 */
export async function reservationNeed(
  world: GuardWorld,
  settings: GuardSettings,
  selector: string,
  known: {
    readonly homeBytes?: bigint;
    readonly place?: TargetPlan;
    readonly capture?: CapturePlan;
  } = {},
): Promise<CaptureMemoryNeed> {
  const machine = world.readMachine();
  const kernel = chooseKernel(world, machine, settings.kernel ?? selector);
  const home = Number(known.homeBytes ?? smallestHome(world, settings.home ?? selector));
  if (settings.mode === 'continue')
    return possibleNeed(continueNeed(world, machine, settings, kernel, home), machine);
  const place = known.place ?? (await planTarget(world, settings));
  const planned = known.capture ?? (await planCapture(world, machine, settings, kernel, place));
  return captureNeed(readCaptureKernel(world, machine, kernel), planned, home);
}

/** @throws E_PLAN when the machine would have less left than what goes on */
function possibleNeed(need: CaptureMemoryNeed, { memoryTotalBytes }: MachineFacts): CaptureMemoryNeed {
  const total = valueOf(memoryTotalBytes);
  if (total === undefined || BigInt(need.bytes) * 2n <= total) return need;
  throw new KhopError(
    'E_PLAN',
    `to go on as this system is now takes ${need.bytes / 2 ** 20} MiB of ${total >> 20n} MiB`,
    { hint: 'Say how much it shall have, e.g. --memory 512M, or use --mode capture, which needs little.' },
  );
}

/** Bytes of the smallest plan of the known-good kernel, 0 when there is none. */
function smallestHome(world: GuardWorld, selector: string): bigint {
  for (const room of ROOMS) {
    const { plan } = propose(world, selector, {
      method: 'segments',
      reuseCmdline: true,
      fast: true,
      roomBytes: room * MIB,
      isUnchecked: true,
    });
    if (plan === undefined) return 0n;
    if (contentBytes(plan) <= room * MIB) return contentBytes(plan);
  }
  return 0n;
}

/**
 * Tells the boot loader. Gives back the settings with what was told, so that it can be taken back.
 * @throws as `applyBootLoaderSteps`; nothing has changed then
 */
export async function makePermanent(
  world: GuardWorld,
  { permanent, told, mib }: ReservationPlan,
  settings: GuardSettings,
): Promise<GuardSettings> {
  if (permanent === undefined || permanent.steps.length === 0) return settings;
  await world.bootLoader.apply(permanent.steps);
  return {
    ...settings,
    permanentMib: told.includes(PARAMETER) ? Number(mib) : settings.permanentMib,
    permanentPanic: settings.permanentPanic || told.includes(EARLY_PANIC),
  };
}

/** What became of the boot loader's parameters. */
export interface ReleaseOutcome extends Pick<ReservationPlan, 'permanent' | 'obstacle'> {
  /** Names of those that khop had set. */
  readonly names: readonly string[];
}

/** Takes the parameters away that khop has set; another's stay. @throws as `applyBootLoaderSteps` */
export async function releaseReservation(world: GuardWorld): Promise<ReleaseOutcome> {
  const settings = readGuardSettings(world);
  const names = [
    ...((settings?.permanentMib ?? null) === null ? [] : [PARAMETER]),
    ...(settings?.permanentPanic === true ? [EARLY_PANIC] : []),
  ];
  if (names.length === 0) return { names, permanent: undefined, obstacle: undefined };
  const { permanent, obstacle } = await planPermanent(
    world,
    names.map((name) => ({ name, value: undefined })),
  );
  if (permanent !== undefined) await world.bootLoader.apply(permanent.steps);
  return { names, permanent, obstacle };
}

/** How to come to the running kernel again, with memory reserved. */
export function proposeReserving(
  world: GuardWorld,
  { selector, mib, panicProcessor, earlyPanic }: ReservationPlan,
  id: string,
): Proposal {
  const early = earlyPanic === undefined ? [] : [`${earlyPanic.name}=${earlyPanic.value}`];
  return propose(world, selector, {
    reuseCmdline: true,
    drop: [PARAMETER, PANIC_PROCESSOR],
    append: [`${PARAMETER}=${mib}M`, ...early, ...(panicProcessor === undefined ? [] : [panicProcessor])],
    fast: true,
    switchId: id,
  });
}

/**
 * Remembers that the guard is wanted, and leaves for the same kernel; there, khop-guard.service arms it.
 * @throws as `switchKernel`; the settings are then as they were
 */
export async function switchToReserve(
  world: GuardWorld,
  settings: GuardSettings,
  reservation: ReservationPlan,
): Promise<void> {
  concludeLoad(world);
  const id = newSwitchId(world);
  const proposal = proposeReserving(world, reservation, id);
  const plan = agreedPlan(proposal);
  const manager = valueOf(world.readMachine().serviceManager);
  const path = guardSettingsPath(world.folders);
  const before = world.files.read(path);
  world.files.write(path, encodeGuardSettings(settings));
  try {
    await switchKernel(world, {
      plan,
      sources: proposal.sources,
      id,
      optimisations: usedOptimisations(proposal.optimisations),
      way: manager === 'systemd' ? 'systemd' : 'own',
    });
  } catch (error) {
    if (before === undefined) world.files.remove(path);
    else world.files.write(path, before);
    throw error;
  }
}
