/**
 * Arming the guard: a panic kernel of khop's own making, and the way home that it takes.
 * @module
 */
import { KhopError } from '../error.ts';
import { readKernelFiles } from '../kernels/kernel-files.ts';
import type { MachineFacts } from '../machine/facts.ts';
import { valueOf } from '../machine/reading.ts';
import { captureCommandLine } from '../plan/capture/capture-command-line.ts';
import {
  type CaptureModule,
  capturedModulePath,
  captureInitramfs,
} from '../plan/capture/capture-initramfs.ts';
import { captureProgram } from '../plan/capture/capture-program.ts';
import type { HomeStub } from '../plan/capture/go-home.ts';
import type { LoadPlan } from '../plan/load-plan.ts';
import { planLoad } from '../plan/plan-load.ts';
import { chooseKernel } from '../switch/choose-kernel.ts';
import { loadPlan } from '../switch/load.ts';
import { ARMED_VERSION, type ArmedRecord, armedRecordPath, encodeArmedRecord } from './armed-record.ts';
import { digestFiles, shapeOf } from './drift.ts';
import { type DumpPlan, planDump } from './dump-plan.ts';
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
  const home = planHomeKernel(world, machine, settings.home ?? runningSelector(world, machine), id);
  const modules = await modulesFor(world, kernel.release, place);
  const dump = planDump(world, settings);
  const program = captureProgram({
    architecture: machine.architecture,
    deadlineMs: settings.deadlineSeconds * 1000,
    modules: modules.map(capturedModulePath),
    target: place.state === 'planned' ? place.target : undefined,
    dump: dump?.order,
    home: homeStub(home, machine),
  });
  const plan = planLoad({
    kernel,
    image: readKernelFiles({ ...kernel, initrds: [], problems: [] }).image,
    initrds: [captureInitramfs(program, modules, dump?.order.filter)],
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

async function modulesFor(
  world: GuardWorld,
  release: string | undefined,
  place: TargetPlan,
): Promise<readonly CaptureModule[]> {
  if (place.state !== 'planned') return [];
  if (release === undefined)
    throw new KhopError(
      'E_NOT_FOUND',
      'the release of the capture kernel is not known, and so are its modules',
      {
        hint: 'Choose another with `khop guard on --kernel K`.',
      },
    );
  return await world.collectModules(release, place.modules, ['crc32c_generic']);
}

function homeStub(home: HomePlan, machine: MachineFacts): HomeStub | undefined {
  if (home.state !== 'planned') return undefined;
  const bootProcessor = valueOf(machine.cpu.bootProcessor);
  if (bootProcessor === undefined)
    throw new KhopError(
      'E_UNREADABLE',
      `${machine.cpu.bootProcessor.source} does not tell the boot processor`,
      {
        hint: 'Check that /proc is mounted.',
      },
    );
  return { ...home.wayHome.stub, bootProcessor };
}
