/**
 * The plan of the known-good kernel, which the guard goes home with.
 * @module
 */
import { KhopError } from '../error.ts';
import type { MachineFacts } from '../machine/facts.ts';
import { valueOf } from '../machine/reading.ts';
import type { WayHome } from '../plan/arch/architecture.ts';
import { planHome } from '../plan/plan-home.ts';
import { chooseKernel, readKernels } from '../switch/choose-kernel.ts';
import { agreedPlan, propose } from '../switch/proposal.ts';
import { readHistory } from '../switch/read-history.ts';
import type { SwitchWorld } from '../switch/world.ts';
import { type CrashLoop, knownGoodReleases } from './crash-loop.ts';
import type { DigestOnce } from './drift.ts';
import { compareWithRunning } from './running-build.ts';

/** Bytes for a report in memory: a kernel log of Debian's size fits, and of a longer one the end. */
const REPORT_ROOM = 0x4_0000;

/** A way home, or why only the firmware leads there. */
export type HomePlan =
  | {
      readonly state: 'planned';
      readonly wayHome: WayHome;
      readonly title: string;
      readonly inputs: readonly string[];
    }
  | { readonly state: 'firmware'; readonly reason: string };

/** The id of the kernel that runs. @throws E_NOT_FOUND when no boot entry is it */
export function runningSelector(world: SwitchWorld, machine: MachineFacts): string {
  const { kernels } = readKernels(world, machine);
  const running = kernels.find((kernel) => kernel.isRunning);
  if (running !== undefined) return running.id;
  const release = valueOf(machine.release) ?? 'unknown';
  throw new KhopError('E_NOT_FOUND', `no boot entry is the running kernel (${release})`, {
    hint: 'Name the kernels: `khop guard on --kernel K --home K`, with ids that `khop list` shows.',
  });
}

/** Where a capture is to end. */
export interface HomeChoice {
  readonly home: HomePlan;
  /** Going home would only begin anew what the loop is. */
  readonly isStranded: boolean;
  /** In a loop: the firmware would, too, or nobody knows that it would not. */
  readonly isLoopByFirmware: boolean;
}

/**
 * The kernel that was asked for; in a loop, the latest that was seen well and did not die in it.
 * @param roomBytes what the way home may take of the reservation
 * @throws E_NOT_FOUND when none is named and no boot entry is the running kernel
 */
export function chooseHome(
  world: SwitchWorld,
  machine: MachineFacts,
  wish: HomeWish,
  roomBytes: bigint,
): HomeChoice {
  const { loop } = wish;
  const first = wish.selector ?? runningSelector(world, machine);
  if (loop === undefined) {
    const home = planHomeKernel(world, machine, first, wish, roomBytes);
    return { home, isStranded: false, isLoopByFirmware: false };
  }
  const { kernels } = readKernels(world, machine);
  const wished = chooseKernel(world, machine, first);
  const good = knownGoodReleases(readHistory(world)).flatMap(
    (release) => kernels.find((kernel) => kernel.release === release) ?? [],
  );
  const ways = [wished, ...good].filter(
    ({ release }) => release !== undefined && !loop.releases.includes(release),
  );
  const isLoopByFirmware = !ways.some(({ image }) => image === kernels.find((each) => each.isDefault)?.image);
  for (const { id } of ways) {
    const home = planHomeKernel(world, machine, id, wish, roomBytes);
    if (home.state === 'planned') return { home, isStranded: false, isLoopByFirmware };
  }
  const home = planHomeKernel(world, machine, first, wish, roomBytes);
  return { home, isStranded: true, isLoopByFirmware };
}

/** Which way home is wanted. */
export interface HomeWish {
  /** Undefined: the running kernel. */
  readonly selector: string | undefined;
  /** By which the kernel knows how it came home, see guard-return.ts. */
  readonly argument: string;
  readonly loop: CrashLoop | undefined;
  /** Whether a report comes home in memory. */
  readonly hasReport: boolean;
  /** Whether somebody has had the preflight look at that kernel already. */
  readonly isChecked?: boolean;
  /** For this one start of it. */
  readonly added?: readonly string[] | undefined;
  /** Why that kernel leads nowhere, if somebody knows. */
  readonly obstacle?: string | undefined;
  /** Asked of its files before they are read. */
  readonly digest: DigestOnce;
}

/**
 * The fastest way that fits: the kernel unpacked and its initramfs ready where there is room, else packed.
 * @param selector of the kernel to go home with
 */
function planHomeKernel(
  world: SwitchWorld,
  machine: MachineFacts,
  selector: string,
  wish: HomeWish,
  roomBytes: bigint,
): HomePlan {
  if (roomBytes <= 0n)
    return { state: 'firmware', reason: 'the panic kernel alone needs all of the reservation' };
  if (wish.obstacle !== undefined) return { state: 'firmware', reason: wish.obstacle };
  try {
    const kernel = chooseKernel(world, machine, selector);
    const { title, image, initrds } = kernel;
    wish.digest([image, ...initrds]);
    const proposal = propose(world, selector, {
      method: 'segments',
      reuseCmdline: true,
      append: [wish.argument],
      added: wish.added ?? [],
      isWayHome: true,
      ...(wish.hasReport ? { reportRoom: REPORT_ROOM } : {}),
      isUnchecked: wish.isChecked === true,
      fast: true,
      roomBytes,
    });
    const plan = agreedPlan(proposal);
    const build = compareWithRunning(machine, kernel, plan);
    if (build.state === 'another') return { state: 'firmware', reason: build.reason };
    const wayHome = planHome(plan, machine, roomBytes);
    return { state: 'planned', wayHome, title, inputs: [image, ...initrds] };
  } catch (error) {
    if (!(error instanceof KhopError)) throw error;
    return { state: 'firmware', reason: error.message };
  }
}
