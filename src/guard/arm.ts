/**
 * Arming the guard: a panic kernel of khop's own making, and the way home that it takes.
 * @module
 */
import { KhopError } from '../error.ts';
import { crashImageReader } from '../machine/crash-image.ts';
import type { MachineFacts } from '../machine/facts.ts';
import { readKdumpStarts } from '../machine/kdump-units.ts';
import { obstacleOf, type Reading, valueOf } from '../machine/reading.ts';
import { captureCommandLine } from '../plan/capture/capture-command-line.ts';
import type { CaptureEnding } from '../plan/capture/capture-ending.ts';
import type { RescueOrder } from '../plan/capture/rescue.ts';
import type { LoadPlan } from '../plan/load-plan.ts';
import { planLoad } from '../plan/plan-load.ts';
import { chooseKernel } from '../switch/choose-kernel.ts';
import { loadPlan } from '../switch/load.ts';
import { readHistory } from '../switch/read-history.ts';
import {
  ARMED_VERSION,
  type ArmedRecord,
  armAgainPath,
  armedRecordPath,
  type ContinuingMemory,
  encodeArmedRecord,
} from './armed-record.ts';
import { captureNeed, readCaptureKernel, reservedBytes } from './capture-kernel.ts';
import { type CapturePlan, planCapture } from './capture-plan.ts';
import { chooseRescue, chooseWithoutHome } from './choose-rescue.ts';
import { describeContinuation, withContinuation } from './continuation.ts';
import { planContinue } from './continue-plan.ts';
import { refuseContinuing } from './continuing.ts';
import { type CrashLoop, findCrashLoop } from './crash-loop.ts';
import { digestOnce, shapeOf } from './drift.ts';
import type { DumpPlan } from './dump-plan.ts';
import type { EncryptionPlan } from './encryption-plan.ts';
import { type GuardReturn, guardArgument, guardReturnOf } from './guard-return.ts';
import type { GuardSettings } from './guard-settings.ts';
import { chooseHome, type HomePlan, type HomeWish, runningSelector } from './home-plan.ts';
import { GUARD_LOADER } from './loaded-by.ts';
import { type ImageNote, noteImage } from './loaded-image.ts';
import { mayPanicElsewhere } from './panic-processor.ts';
import { isOnNetwork } from './report-target.ts';
import { planRescueLogin } from './rescue-login.ts';
import type { TargetPlan } from './target-plan.ts';
import type { GuardWorld } from './world.ts';

/** A panic kernel that is ready to be loaded. */
export interface GuardPlan {
  readonly plan: LoadPlan;
  readonly home: HomePlan;
  /** Where a capture puts its report, or why nowhere. */
  readonly place: TargetPlan;
  readonly dump: DumpPlan | undefined;
  readonly encryption: EncryptionPlan | undefined;
  /** The files it was made of, as they were then; empty in a trial, which nobody arms again. */
  readonly inputs: ArmedRecord['inputs'];
  /** The machine that it was made for, see ArmedRecord. */
  readonly shape: string;
  readonly id: string;
  readonly loop: CrashLoop | undefined;
  readonly ending: ArmedRecord['ending'];
  /** See ArmedRecord. */
  readonly staysWithoutHome: boolean;
  /** Whether a person would find a shell on the console. */
  readonly rescueShell: boolean;
  /** Where a person can log in, or why nowhere. */
  readonly rescueLogin: Reading<string> | undefined;
  /** In the mode `continue`: what the system that goes on will have. */
  readonly continuing: ContinuingMemory | undefined;
}

/** What a trial knows already. */
export interface KnownOfHome {
  /** By the preflight. */
  readonly isHomeChecked?: boolean;
  /** What the panic kernel is given. */
  readonly capture?: CapturePlan;
  /** For one start of the known-good kernel. */
  readonly homeParameters?: readonly string[] | undefined;
  /** Why the known-good kernel is none. */
  readonly homeObstacle?: string | undefined;
}

/**
 * Everything but the call. Changes nothing.
 * @param place see `planTarget`
 * @throws E_PLAN without a reservation, or when it is too small; E_NOT_FOUND, E_UNREADABLE, E_FORMAT for the kernels
 */
export async function planGuard(
  world: GuardWorld,
  settings: GuardSettings,
  id: string,
  place: TargetPlan,
  known: KnownOfHome = {},
): Promise<GuardPlan> {
  const machine = world.readMachine();
  refuseContinuing(world.folders, machine);
  requireReservation(machine);
  const kernel = chooseKernel(world, machine, settings.kernel ?? runningSelector(world, machine));
  const digest = known.capture === undefined ? digestOnce() : () => [];
  const wish: HomeWish = {
    selector: settings.home ?? undefined,
    argument: guardArgument(id, returnOf(machine), windowOf(world, settings)),
    loop: loopNow(world, machine, settings),
    hasReport: settings.mode === 'capture',
    isChecked: known.isHomeChecked === true,
    added: known.homeParameters,
    obstacle: known.homeObstacle,
    digest,
  };
  if (settings.mode === 'continue') return planContinue(world, machine, settings, { kernel, id, wish });
  digest([kernel.image]);
  const capture = readCaptureKernel(world, machine, kernel);
  const { loop } = wish;
  // In a trial it is the trial that ends a loop.
  const login =
    loop === undefined || known.capture !== undefined
      ? undefined
      : await planRescueLogin(world, settings.deadlineSeconds * 1000);
  const planned =
    known.capture ??
    (await planCapture(world, machine, settings, kernel, place, login && valueOf(login)?.modules));
  const { dump, encryption, initramfsFor } = planned;
  const brought = [
    ...(dump?.inputs ?? []),
    ...(encryption?.inputs ?? []),
    ...(place.state === 'planned' ? (place.brought?.inputs ?? []) : []),
  ];
  // Now, and not after the way home was planned, which takes seconds.
  digest([...brought, ...((login && valueOf(login)?.inputs) ?? [])]);
  const alone = captureNeed(capture, planned, 0).bytes;
  const roomBytes = reservedBytes(machine) - BigInt(alone);
  const { home, isStranded, isLoopByFirmware } = chooseHome(world, machine, wish, roomBytes);
  const planFor = (ending: CaptureEnding, way: HomePlan = home): LoadPlan =>
    planLoad({
      kernel,
      image: capture.image,
      unpacked: capture.unpacked,
      initrds: [initramfsFor(way, { ending, arming: id })],
      isInitrdWhole: true,
      deviceTree: undefined,
      machine,
      commandLine: captureCommandLine(valueOf(machine.commandLine) ?? ''),
      method: way.state === 'planned' ? 'segments' : 'auto',
      slot: 'crash',
      kept: way.state === 'planned' ? way.wayHome.kept : undefined,
      entropy: world.entropy(256),
    });
  const inputs = [kernel.image, ...(home.state === 'planned' ? home.inputs : []), ...brought];
  const common = {
    home,
    place,
    dump,
    encryption,
    inputs: digest(inputs),
    shape: shapeOf(machine),
    id,
    loop,
    staysWithoutHome: false,
    rescueShell: false,
    rescueLogin: undefined,
    continuing: undefined,
  };
  if (!isStranded) {
    // A trial's firmware starts the known-good kernel.
    const isEndless = isLoopByFirmware && known.capture === undefined;
    const stayFor = (withoutHome: RescueOrder) => planFor({ withoutHome });
    const stay =
      loop && isEndless ? chooseWithoutHome(world, { loop, home, login, roomBytes }, stayFor) : undefined;
    if (stay === undefined) return { ...common, ending: 'home', plan: planFor('home') };
    const all = digest([...inputs, ...stay.inputs]);
    return { ...common, ...stay, inputs: all, ending: 'home', staysWithoutHome: true };
  }
  const shell = loop && chooseRescue(world, { loop, home, login, roomBytes }, planFor);
  // A kernel on trial comes home, or stays for a person who can do something about it.
  if (shell !== undefined && (shell.rescueShell || known.capture === undefined))
    return { ...common, ...shell, inputs: digest([...inputs, ...shell.inputs]), ending: 'rescue' };
  return { ...common, ending: 'firmware', plan: planFor('firmware') };
}

/** Before anything is prepared for memory that is not there. */
function requireReservation(machine: MachineFacts): void {
  if (reservedBytes(machine) > 0n) return;
  throw new KhopError('E_PLAN', 'no memory is reserved for a panic kernel (crashkernel=)', {
    hint: 'Have it reserved: khop guard on',
  });
}

/** Whether going home as before would be a loop. */
export function loopNow(
  world: GuardWorld,
  machine: MachineFacts,
  settings: GuardSettings,
): CrashLoop | undefined {
  return findCrashLoop({
    history: readHistory(world),
    guardReturn: returnOf(machine),
    release: valueOf(machine.release),
    ...windowOf(world, settings),
  });
}

function returnOf(machine: MachineFacts): GuardReturn | undefined {
  return guardReturnOf(valueOf(machine.commandLine) ?? '');
}

function windowOf(world: GuardWorld, { loopWindowMinutes }: GuardSettings) {
  return { nowMs: world.nowMs(), windowMs: loopWindowMinutes * 60_000 };
}

/**
 * Loads it, and records what it was made of.
 * @throws E_SYSCALL when the kernel refuses
 */
export async function armGuard(
  world: GuardWorld,
  planned: GuardPlan,
  settings: GuardSettings,
): Promise<ArmedRecord> {
  const { plan, home, place, dump, encryption, id, loop, ending, continuing } = planned;
  const { staysWithoutHome, rescueShell, rescueLogin } = planned;
  const machine = world.readMachine();
  if (place.state === 'planned' && place.label !== undefined)
    world.rawAreas.label(place.label.device, place.label.id);
  // Before the load: who starts from here on may replace what it loads.
  const kdumpStarts = readKdumpStarts(world.folders.root);
  const readImage = crashImageReader(world.folders.root);
  const images: ImageNote[] = [];
  const onLoaded = () => void images.push(noteImage(readImage(), plan));
  const load = () => loadPlan(world, plan, { by: GUARD_LOADER, optimisations: [], onLoaded });
  if (continuing === undefined) await load();
  else await withContinuation(world, describeContinuation(home, machine, id), load);
  const record: ArmedRecord = {
    version: ARMED_VERSION,
    bootId: valueOf(machine.bootId) ?? '',
    id,
    armedAtMs: world.nowMs(),
    mode: settings.mode,
    continuing: continuing ?? null,
    captureTitle: plan.kernel.title,
    deadlineSeconds: settings.deadlineSeconds,
    homeTitle: home.state === 'planned' ? home.title : null,
    homeObstacle: home.state === 'planned' ? null : home.reason,
    isHomeFromFirstOnly: ending !== 'firmware' && !isHomeFromAny(home) && mayPanicElsewhere(machine),
    ending,
    staysWithoutHome,
    rescueShell,
    rescueLogin: rescueLogin === undefined ? null : (valueOf(rescueLogin) ?? null),
    rescueLoginObstacle:
      rescueLogin === undefined || rescueLogin.state === 'read' ? null : obstacleOf(rescueLogin),
    loopReason: loop?.reason ?? null,
    reportDevice: place.state === 'planned' ? place.where : null,
    reportObstacle: place.state === 'planned' || continuing !== undefined ? null : place.reason,
    dump: dump === undefined ? null : { how: dump.how, memoryBytes: dump.workingBytes + dump.fileBytes },
    encryption:
      encryption === undefined
        ? null
        : {
            recipients: encryption.order.recipients,
            memoryBytes: encryption.workingBytes + encryption.fileBytes,
            obstacle: encryption.obstacle ?? null,
          },
    reportInMemory: ending !== 'firmware' && home.state === 'planned' && home.wayHome.report !== undefined,
    reservedBytes: Number(valueOf(machine.kexec.crashSize) ?? 0n),
    usedBytes:
      plan.method === 'segments' ? plan.segments.reduce((sum, { memorySize }) => sum + memorySize, 0) : 0,
    inputs: planned.inputs,
    shape: planned.shape,
    kdumpStarts,
    ...images[0]!,
  };
  world.files.write(armedRecordPath(world.folders), encodeArmedRecord(record));
  if (isForNow(record, settings)) world.files.write(armAgainPath(world.folders), '');
  else world.files.remove(armAgainPath(world.folders));
  return record;
}

/** A loop ends with its window, and a network that is not up may come. */
function isForNow({ loopReason, reportDevice }: ArmedRecord, { mode, to }: GuardSettings): boolean {
  return loopReason !== null || (mode === 'capture' && reportDevice === null && isOnNetwork(to));
}

function isHomeFromAny(home: HomePlan): boolean {
  return home.state === 'planned' && home.wayHome.bootProcessor === undefined;
}
