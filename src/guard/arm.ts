/**
 * Arming the guard: a panic kernel of khop's own making, and the way home that it takes.
 * @module
 */
import { KhopError } from '../error.ts';
import type { NamedBytes } from '../formats/named-bytes.ts';
import type { Kernel } from '../kernels/kernel.ts';
import type { MachineFacts } from '../machine/facts.ts';
import { type Reading, valueOf } from '../machine/reading.ts';
import type { ReportPlace } from '../machine/report-place.ts';
import { captureCommandLine } from '../plan/capture/capture-command-line.ts';
import {
  type CaptureModule,
  capturedModulePath,
  captureInitramfs,
} from '../plan/capture/capture-initramfs.ts';
import { captureProgram } from '../plan/capture/capture-program.ts';
import type { CaptureTarget } from '../plan/capture/capture-target.ts';
import type { HomeStub } from '../plan/capture/go-home.ts';
import type { LoadPlan } from '../plan/load-plan.ts';
import { planLoad } from '../plan/plan-load.ts';
import { chooseKernel } from '../switch/choose-kernel.ts';
import { loadPlan } from '../switch/load.ts';
import {
  ARMED_VERSION,
  type ArmedRecord,
  armedRecordPath,
  type ContinuingMemory,
  encodeArmedRecord,
} from './armed-record.ts';
import { captureNeed, readCaptureKernel, reservedBytes } from './capture-kernel.ts';
import { describeContinuation, withContinuation } from './continuation.ts';
import { planContinue } from './continue-plan.ts';
import { refuseContinuing } from './continuing.ts';
import { crashesFolder } from './crashes-folder.ts';
import { digestFiles, shapeOf } from './drift.ts';
import type { GuardSettings } from './guard-settings.ts';
import { type HomePlan, planHomeKernel, runningSelector } from './home-plan.ts';
import type { GuardWorld } from './world.ts';

/** A panic kernel that is ready to be loaded. */
export interface GuardPlan {
  readonly plan: LoadPlan;
  readonly home: HomePlan;
  /** Where reports go, or why nowhere. */
  readonly place: Reading<ReportPlace>;
  readonly modules: readonly CaptureModule[];
  /** Paths of the files it was made of. */
  readonly inputs: readonly string[];
  readonly id: string;
  /** In the mode `continue`: what the system that goes on will have. */
  readonly continuing: ContinuingMemory | undefined;
}

/** Of the deadline, how much may pass until the place for the report is there. */
const TARGET_SHARE = 0.5;

const NO_HOME: HomePlan = { state: 'firmware', reason: '' };
/** The return stub with its page tables, which is part of the program. */
const STUB_ROOM = 64 * 1024;

/**
 * Everything but the call. Changes nothing.
 * @throws E_PLAN without a reservation, or when it is too small; E_NOT_FOUND, E_UNREADABLE, E_FORMAT for the kernels
 */
export async function planGuard(world: GuardWorld, settings: GuardSettings, id: string): Promise<GuardPlan> {
  const machine = world.readMachine();
  refuseContinuing(world.folders, machine);
  const kernel = chooseKernel(world, machine, settings.kernel ?? runningSelector(world, machine));
  if (settings.mode === 'continue') return planContinue(world, machine, settings, kernel, id);
  const capture = readCaptureKernel(world, machine, kernel);
  const { place, modules, initramfsFor, initramfsBytes } = await planCapture(
    world,
    machine,
    settings,
    kernel,
  );
  const alone = captureNeed(capture, initramfsBytes, 0).bytes;
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
  const inputs = [kernel.image, ...(home.state === 'planned' ? home.inputs : [])];
  return { plan, home, place, modules, inputs, id, continuing: undefined };
}

/** What goes into the capture kernel's initramfs. */
export interface CapturePlan {
  readonly place: Reading<ReportPlace>;
  readonly modules: readonly CaptureModule[];
  readonly initramfsFor: (home: HomePlan) => NamedBytes;
  /** How large it will be at most. */
  readonly initramfsBytes: number;
}

/** @throws E_NOT_FOUND when a module is missing */
export async function planCapture(
  world: GuardWorld,
  machine: MachineFacts,
  settings: GuardSettings,
  kernel: Kernel,
): Promise<CapturePlan> {
  const place = world.readReportPlace(crashesFolder(world.folders));
  const modules = await modulesFor(world, kernel.release, place);
  const initramfsFor = (home: HomePlan): NamedBytes => {
    const program = captureProgram({
      architecture: machine.architecture,
      deadlineMs: settings.deadlineSeconds * 1000,
      modules: modules.map(capturedModulePath),
      target: targetOf(place, settings),
      home: homeStub(home, machine),
    });
    return captureInitramfs(program, modules);
  };
  return { place, modules, initramfsFor, initramfsBytes: initramfsFor(NO_HOME).bytes.length + STUB_ROOM };
}

/**
 * Loads it, and records what it was made of.
 * @throws E_SYSCALL when the kernel refuses
 */
export function armGuard(
  world: GuardWorld,
  { plan, home, place, inputs, id, continuing }: GuardPlan,
  settings: GuardSettings,
): ArmedRecord {
  const machine = world.readMachine();
  const digests = digestFiles(inputs);
  const load = (): unknown => loadPlan(world, plan, { by: 'khop guard', optimisations: [] });
  if (continuing === undefined) load();
  else withContinuation(world, describeContinuation(home, machine, id), load);
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
    reportDevice: valueOf(place)?.device ?? null,
    reportObstacle: place.state === 'read' || continuing !== undefined ? null : describeUnread(place),
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
