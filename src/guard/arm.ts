/**
 * Arming the guard: a panic kernel of khop's own making, and the way home that it takes.
 * @module
 */
import { KhopError } from '../error.ts';
import type { Kernel } from '../kernels/kernel.ts';
import { readKernelFiles } from '../kernels/kernel-files.ts';
import type { MachineFacts } from '../machine/facts.ts';
import { type Reading, valueOf } from '../machine/reading.ts';
import type { ReportPlace } from '../machine/report-place.ts';
import { captureCommandLine } from '../plan/capture/capture-command-line.ts';
import {
  type CaptureModule,
  capturedModulePath,
  captureInitramfs,
} from '../plan/capture/capture-initramfs.ts';
import { type CaptureEnding, captureProgram } from '../plan/capture/capture-program.ts';
import type { CaptureTarget } from '../plan/capture/capture-target.ts';
import type { HomeStub } from '../plan/capture/go-home.ts';
import type { LoadPlan } from '../plan/load-plan.ts';
import { planLoad } from '../plan/plan-load.ts';
import { chooseKernel } from '../switch/choose-kernel.ts';
import { loadPlan } from '../switch/load.ts';
import { readHistory } from '../switch/read-history.ts';
import { ARMED_VERSION, type ArmedRecord, armedRecordPath, encodeArmedRecord } from './armed-record.ts';
import { type CrashLoop, findCrashLoop } from './crash-loop.ts';
import { crashesFolder } from './crashes-folder.ts';
import { digestFiles, shapeOf } from './drift.ts';
import { type DumpPlan, planDump } from './dump-plan.ts';
import { type GuardReturn, guardArgument, guardReturnOf } from './guard-return.ts';
import type { GuardSettings } from './guard-settings.ts';
import { chooseHome, type HomePlan, runningSelector } from './home-plan.ts';
import { planRescue } from './rescue-plan.ts';
import type { GuardWorld } from './world.ts';

/** A panic kernel that is ready to be loaded. */
export interface GuardPlan {
  readonly plan: LoadPlan;
  readonly home: HomePlan;
  /** Where reports go, or why nowhere. */
  readonly place: Reading<ReportPlace>;
  readonly modules: readonly CaptureModule[];
  readonly dump: DumpPlan | undefined;
  /** Paths of the files it was made of. */
  readonly inputs: readonly string[];
  readonly id: string;
  readonly loop: CrashLoop | undefined;
  readonly ending: ArmedRecord['ending'];
}

/** Of the deadline, how much may pass until the place for the report is there. */
const TARGET_SHARE = 0.5;

/**
 * Everything but the call. Changes nothing.
 * @throws E_PLAN without a reservation, or when it is too small; E_NOT_FOUND, E_UNREADABLE, E_FORMAT for the kernels
 */
export async function planGuard(world: GuardWorld, settings: GuardSettings, id: string): Promise<GuardPlan> {
  const machine = world.readMachine();
  const kernel = chooseKernel(world, machine, settings.kernel ?? runningSelector(world, machine));
  const loop = loopNow(world, machine, settings);
  const { home, isStranded } = chooseHome(world, machine, {
    selector: settings.home ?? undefined,
    argument: guardArgument(id, returnOf(machine), windowOf(world, settings)),
    loop,
  });
  const place = world.readReportPlace(crashesFolder(world.folders));
  const modules = await modulesFor(world, kernel.release, place);
  const dump = planDump(world, settings);
  const rescue = isStranded && loop !== undefined ? planRescue(world, loop, home) : undefined;
  const parts = { machine, kernel, home, place, modules, dump, id };
  const inputs = [kernel.image, ...(home.state === 'planned' ? home.inputs : []), ...(dump?.inputs ?? [])];
  const planned = { home, place, modules, dump, inputs, id, loop };
  if (!isStranded) return { ...planned, ending: 'home', plan: planCapture(world, settings, parts, 'home') };
  const shell = rescue && tryRescue(() => planCapture(world, settings, parts, rescue));
  if (shell !== undefined) return { ...planned, ending: 'rescue', plan: shell };
  return { ...planned, ending: 'firmware', plan: planCapture(world, settings, parts, 'firmware') };
}

/** Undefined when a shell does not fit into the reservation: a report without one is worth more than neither. */
function tryRescue(plan: () => LoadPlan): LoadPlan | undefined {
  try {
    return plan();
  } catch (error) {
    if (error instanceof KhopError && error.code === 'E_PLAN') return undefined;
    throw error;
  }
}

/** What the panic kernel is made of, however it ends. */
interface CaptureParts extends Pick<GuardPlan, 'home' | 'place' | 'modules' | 'dump' | 'id'> {
  readonly machine: MachineFacts;
  readonly kernel: Kernel;
}

function planCapture(
  world: GuardWorld,
  settings: GuardSettings,
  { machine, kernel, home, place, modules, dump, id }: CaptureParts,
  ending: CaptureEnding,
): LoadPlan {
  const program = captureProgram({
    architecture: machine.architecture,
    deadlineMs: settings.deadlineSeconds * 1000,
    modules: modules.map(capturedModulePath),
    target: targetOf(place, settings),
    dump: dump?.order,
    home: homeStub(home, machine, id),
    ending,
  });
  const rescueFiles = typeof ending === 'object' ? ending.files : [];
  return planLoad({
    kernel,
    image: readKernelFiles({ ...kernel, initrds: [], problems: [] }).image,
    initrds: [captureInitramfs({ program, modules, dumpProgram: dump?.order.filter, rescueFiles })],
    isInitrdWhole: true,
    deviceTree: undefined,
    machine,
    commandLine: captureCommandLine(valueOf(machine.commandLine) ?? ''),
    method: home.state === 'planned' ? 'segments' : 'auto',
    slot: 'crash',
    kept: home.state === 'planned' ? home.wayHome.kept : undefined,
    entropy: world.entropy(256),
  });
}

/** Whether going home as before would be a loop. */
function loopNow(world: GuardWorld, machine: MachineFacts, settings: GuardSettings): CrashLoop | undefined {
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
export function armGuard(
  world: GuardWorld,
  { plan, home, place, dump, inputs, id, loop, ending }: GuardPlan,
  settings: GuardSettings,
): ArmedRecord {
  const machine = world.readMachine();
  const digests = digestFiles(inputs);
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
    ending,
    loopReason: loop?.reason ?? null,
    reportDevice: valueOf(place)?.device ?? null,
    reportObstacle: place.state === 'read' ? null : describeUnread(place),
    dump: dump === undefined ? null : { how: dump.how, memoryBytes: dump.memoryBytes },
    reportInMemory: home.state === 'planned' && home.wayHome.report !== undefined,
    reservedBytes: Number(valueOf(machine.kexec.crashSize) ?? 0n),
    usedBytes:
      plan.method === 'segments' ? plan.segments.reduce((sum, { memorySize }) => sum + memorySize, 0) : 0,
    inputs: digests,
    shape: shapeOf(machine),
  };
  world.files.write(armedRecordPath(world.folders), encodeArmedRecord(record));
  return record;
}

function describeUnread(place: Exclude<Reading<ReportPlace>, { state: 'read' }>): string {
  return place.state === 'absent' ? `${place.source} does not exist` : place.reason;
}

async function modulesFor(
  world: GuardWorld,
  release: string | undefined,
  place: Reading<ReportPlace>,
): Promise<readonly CaptureModule[]> {
  const needed = valueOf(place);
  if (needed === undefined) return [];
  if (release === undefined)
    throw new KhopError(
      'E_NOT_FOUND',
      'the release of the capture kernel is not known, and so are its modules',
      {
        hint: 'Choose another with `khop guard on --kernel K`.',
      },
    );
  return await world.collectModules(release, [...needed.modules, needed.fileSystem], ['crc32c_generic']);
}

function targetOf(
  place: Reading<ReportPlace>,
  { deadlineSeconds }: GuardSettings,
): CaptureTarget | undefined {
  const found = valueOf(place);
  if (found === undefined) return undefined;
  const { fileSystem, options, identity, folder } = found;
  return { fileSystem, options, identity, folder, deadlineMs: deadlineSeconds * 1000 * TARGET_SHARE };
}

function homeStub(home: HomePlan, machine: MachineFacts, id: string): HomeStub | undefined {
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
  const { stub, report } = home.wayHome;
  return {
    ...stub,
    bootProcessor,
    report: report === undefined ? undefined : { room: report, arming: id },
  };
}
