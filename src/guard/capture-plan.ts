/**
 * What the capture kernel is given: its program, the modules that it inserts, and where its report goes.
 * @module
 */
import { KhopError } from '../error.ts';
import type { NamedBytes } from '../formats/named-bytes.ts';
import type { Kernel } from '../kernels/kernel.ts';
import type { MachineFacts } from '../machine/facts.ts';
import { valueOf } from '../machine/reading.ts';
import { type CaptureEnding, rescueOf } from '../plan/capture/capture-ending.ts';
import {
  type CaptureModule,
  capturedModulePath,
  captureInitramfs,
} from '../plan/capture/capture-initramfs.ts';
import { captureProgram } from '../plan/capture/capture-program.ts';
import type { HomeStub } from '../plan/capture/go-home.ts';
import { modulesOfWatchdog } from '../plan/trial/watchdog-drivers.ts';
import { type DumpPlan, planDump } from './dump-plan.ts';
import { type EncryptionPlan, planEncryption } from './encryption-plan.ts';
import type { GuardSettings } from './guard-settings.ts';
import type { HomePlan } from './home-plan.ts';
import type { TargetPlan } from './target-plan.ts';
import type { GuardWorld } from './world.ts';

const NO_HOME: HomePlan = { state: 'firmware', reason: '' };
/** The return stub with its page tables, which is part of the program. */
const STUB_ROOM = 64 * 1024;

/** How one capture ends. */
export interface CaptureEnd {
  readonly ending: CaptureEnding;
  /** Id of the arming. */
  readonly arming: string;
}

/** What goes into the capture kernel's initramfs. */
export interface CapturePlan {
  readonly modules: readonly CaptureModule[];
  readonly dump: DumpPlan | undefined;
  readonly encryption: EncryptionPlan | undefined;
  /** What sends the report away: memory that it takes besides its files in the initramfs, bytes. */
  readonly senderBytes: number;
  readonly initramfsFor: (home: HomePlan, end: CaptureEnd) => NamedBytes;
  /** How large it will be at most. */
  readonly initramfsBytes: number;
}

/**
 * @param place see `planTarget`
 * @param helpful modules, by name, of what comes after the report: a guard without them is armed all the same
 * @throws E_NOT_FOUND when a module is missing
 */
export async function planCapture(
  world: GuardWorld,
  machine: MachineFacts,
  settings: GuardSettings,
  kernel: Kernel,
  place: TargetPlan,
  helpful: readonly string[] = [],
): Promise<CapturePlan> {
  const modules = await modulesFor(world, machine, kernel.release, place, helpful);
  const dump = planDump(world, settings);
  const encryption = planEncryption(world, settings);
  const brought = place.state === 'planned' ? place.brought : undefined;
  const sender = place.state === 'planned' && 'program' in place.target ? place.target.program : undefined;
  const programs = [dump?.order.filter, encryption?.order.program, sender].filter(
    (each) => each !== undefined,
  );
  const initramfsFor = (home: HomePlan, { ending, arming }: CaptureEnd): NamedBytes => {
    const program = captureProgram({
      architecture: machine.architecture,
      deadlineMs: settings.deadlineSeconds * 1000,
      modules: modules.map(capturedModulePath),
      target: place.state === 'planned' ? place.target : undefined,
      dump: dump?.order,
      encryption: encryption?.order,
      home: homeStub(home, arming),
      ending,
    });
    const rescueFiles = rescueOf(ending)?.files ?? [];
    return captureInitramfs({ program, modules, programs, rescueFiles });
  };
  const initramfsBytes = initramfsFor(NO_HOME, { ending: 'home', arming: '' }).bytes.length + STUB_ROOM;
  return { modules, dump, encryption, senderBytes: brought?.workingBytes ?? 0, initramfsFor, initramfsBytes };
}

/**
 * Drivers for the report's target, and for watchdogs that run: nobody pets one unless the panic kernel can, and one
 * that it pets ends a hang with interrupts off. One that stands still is left so, as nobody might pet it at home; where its
 * driver is built in that cannot be had, see docs/decisions/watchdog-over-jump.md.
 */
async function modulesFor(
  world: GuardWorld,
  machine: MachineFacts,
  release: string | undefined,
  place: TargetPlan,
  helpful: readonly string[],
): Promise<readonly CaptureModule[]> {
  const carriers = place.state === 'planned' ? place.modules : [];
  const watchdogs = (valueOf(machine.watchdogs) ?? [])
    .filter(({ state }) => state === 'active')
    .flatMap(modulesOfWatchdog);
  if (carriers.length + watchdogs.length === 0 && (helpful.length === 0 || release === undefined)) return [];
  if (release === undefined)
    throw new KhopError(
      'E_NOT_FOUND',
      'the release of the capture kernel is not known, and so are its modules',
      {
        hint: 'Choose another with `khop guard on --kernel K`.',
      },
    );
  return await world.collectModules(release, carriers, ['crc32c_generic', ...watchdogs, ...helpful]);
}

function homeStub(home: HomePlan, arming: string): HomeStub | undefined {
  if (home.state !== 'planned') return undefined;
  const { stub, report, bootProcessor } = home.wayHome;
  return {
    ...stub,
    bootProcessor,
    report: report === undefined ? undefined : { room: report, arming },
  };
}
