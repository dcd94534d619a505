/**
 * Arming the guard: a panic kernel of khop's own making, and the way home that it takes.
 * @module
 */
import { valueOf } from '../machine/reading.ts';
import { captureCommandLine } from '../plan/capture/capture-command-line.ts';
import type { CaptureModule } from '../plan/capture/capture-initramfs.ts';
import type { LoadPlan } from '../plan/load-plan.ts';
import { planLoad } from '../plan/plan-load.ts';
import { chooseKernel } from '../switch/choose-kernel.ts';
import { loadPlan } from '../switch/load.ts';
import { ARMED_VERSION, type ArmedRecord, armedRecordPath, encodeArmedRecord } from './armed-record.ts';
import { captureNeed, readCaptureKernel, reservedBytes } from './capture-kernel.ts';
import { planCapture } from './capture-plan.ts';
import { digestFiles, shapeOf } from './drift.ts';
import type { DumpPlan } from './dump-plan.ts';
import type { GuardSettings } from './guard-settings.ts';
import { type HomePlan, planHomeKernel, runningSelector } from './home-plan.ts';
import type { TargetPlan } from './target-plan.ts';
import type { GuardWorld } from './world.ts';

/** A panic kernel that is ready to be loaded. */
export interface GuardPlan {
  readonly plan: LoadPlan;
  readonly home: HomePlan;
  /** Where reports go, or why nowhere. */
  readonly place: TargetPlan;
  readonly modules: readonly CaptureModule[];
  readonly dump: DumpPlan | undefined;
  /** Paths of the files it was made of. */
  readonly inputs: readonly string[];
  readonly id: string;
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
): Promise<GuardPlan> {
  const machine = world.readMachine();
  const kernel = chooseKernel(world, machine, settings.kernel ?? runningSelector(world, machine));
  const capture = readCaptureKernel(world, machine, kernel);
  const planned = await planCapture(world, machine, settings, kernel, place);
  const { modules, dump, initramfsFor } = planned;
  const alone = captureNeed(capture, planned, 0).bytes;
  const home = planHomeKernel(
    world,
    machine,
    settings.home ?? runningSelector(world, machine),
    id,
    reservedBytes(machine) - BigInt(alone),
  );
  const plan = planLoad({
    kernel,
    image: capture.image,
    unpacked: capture.unpacked,
    initrds: [initramfsFor(home)],
    isInitrdWhole: true,
    deviceTree: undefined,
    machine,
    commandLine: captureCommandLine(valueOf(machine.commandLine) ?? ''),
    method: home.state === 'planned' ? 'segments' : 'auto',
    slot: 'crash',
    kept: home.state === 'planned' ? home.wayHome.kept : undefined,
    entropy: world.entropy(256),
  });
  const inputs = [kernel.image, ...(home.state === 'planned' ? home.inputs : []), ...(dump?.inputs ?? [])];
  return { plan, home, place, modules, dump, inputs, id };
}

/**
 * Loads it, and records what it was made of.
 * @throws E_SYSCALL when the kernel refuses
 */
export function armGuard(
  world: GuardWorld,
  { plan, home, place, dump, inputs, id }: GuardPlan,
  settings: GuardSettings,
): ArmedRecord {
  const machine = world.readMachine();
  const digests = digestFiles(inputs);
  if (place.state === 'planned' && place.label !== undefined)
    world.rawAreas.label(place.label.device, place.label.id);
  loadPlan(world, plan, { by: 'khop guard', optimisations: [] });
  const record: ArmedRecord = {
    version: ARMED_VERSION,
    bootId: valueOf(machine.bootId) ?? '',
    id,
    armedAtMs: world.nowMs(),
    captureTitle: plan.kernel.title,
    deadlineSeconds: settings.deadlineSeconds,
    homeTitle: home.state === 'planned' ? home.title : null,
    homeObstacle: home.state === 'planned' ? null : home.reason,
    reportDevice: place.state === 'planned' ? place.where : null,
    reportObstacle: place.state === 'planned' ? null : place.reason,
    dump: dump === undefined ? null : { how: dump.how, memoryBytes: dump.workingBytes + dump.fileBytes },
    reservedBytes: Number(valueOf(machine.kexec.crashSize) ?? 0n),
    usedBytes:
      plan.method === 'segments' ? plan.segments.reduce((sum, { memorySize }) => sum + memorySize, 0) : 0,
    inputs: digests,
    shape: shapeOf(machine),
  };
  world.files.write(armedRecordPath(world.folders), encodeArmedRecord(record));
  return record;
}
