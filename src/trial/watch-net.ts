/**
 * What a kernel on trial would go home by: the known-good kernel in the normal slot and a panic kernel in the other. khop
 * itself leaves both alone while a trial is on, but it is not the only program that can load and unload, so the agent
 * looks again and again. The known-good kernel can be loaded again from disk; a panic kernel cannot, without a plan that
 * was made for its reservation: a panic then leads home through the firmware, as `panic=` says. What makes a panic of a
 * hang is looked at, too.
 * @module
 */
import { KhopError } from '../error.ts';
import { digestOfImage } from '../guard/loaded-image.ts';
import { crashImageReader } from '../machine/crash-image.ts';
import { valueOf } from '../machine/reading.ts';
import type { Folders } from '../switch/world.ts';
import { sysctlGaps, trialSysctls } from './hold-sysctls.ts';
import { otherLoader, whyHomeIsGone } from './load-home.ts';
import type { TrialWorld } from './world.ts';

/** Units of other programs that load a panic kernel where memory is reserved for one. */
export const OTHER_LOADERS: readonly string[] = ['kdump-tools.service', 'kdump.service'];
/** systemd is asked by a program of its own. */
const ASK_MS = 30_000;
/** The disk may be mounted by then; one that fails is not asked every second. */
const RETRY_MS = 60_000;

/** What is missing of it now, in sentences; empty when all of it is there. Never throws. */
export type NetLook = () => Promise<readonly string[]>;

/** @param loadHome loads the known-good kernel from disk, and throws when it cannot; E_BUSY: not now */
export function watchNet(world: TrialWorld, loadHome: () => Promise<void>): NetLook {
  const bootId = valueOf(world.readMachine().bootId);
  const homeLoss = () => whyHomeIsGone(world, valueOf(world.readWaiting().home), bootId);
  const sysctls = trialSysctls(world);
  let unreplaced: string | undefined;
  let triedUpMs = Number.NEGATIVE_INFINITY;
  let loader: string | undefined;
  let askedUpMs = Number.NEGATIVE_INFINITY;
  const hasChanged = watchImage(world, bootId);

  const homeGaps = async (): Promise<string[]> => {
    const loss = homeLoss();
    if (loss !== undefined && (unreplaced === undefined || world.uptimeMs() - triedUpMs >= RETRY_MS)) {
      triedUpMs = world.uptimeMs();
      unreplaced = await reload(loss);
    }
    if (homeLoss() !== undefined) return [unreplaced ?? `${loss}; another khop is at work.`];
    unreplaced = undefined;
    return [];
  };
  const reload = async (loss: string): Promise<string | undefined> => {
    try {
      await loadHome();
      world.remark(`${loss}: it was loaded from disk.`);
      return `${loss}: home leads through the firmware.`;
    } catch (error) {
      if (error instanceof KhopError && error.code === 'E_BUSY') return undefined;
      return `${loss}, and not to be loaded from disk: home leads through the firmware (${(error as Error).message}).`;
    }
  };
  const panicGaps = async (): Promise<string[]> => {
    if (valueOf(world.readWaiting().panic) !== true)
      return ['No panic kernel is loaded: a panic leads through the firmware, without a report.'];
    if (world.uptimeMs() - askedUpMs >= ASK_MS) {
      askedUpMs = world.uptimeMs();
      loader = await activeLoader(world);
    }
    if (hasChanged())
      return ['Another panic kernel was loaded during the trial: a panic leads where that one leads.'];
    const by = otherLoader(world, 'crash', bootId) ?? loader;
    return by === undefined
      ? []
      : [`\`${by}\` may have replaced the panic kernel: a panic leads where that one leads.`];
  };
  return async () => [...(await homeGaps()), ...(await panicGaps()), ...sysctlGaps(world, sysctls)];
}

/** Whether what is loaded is seen to be something else than at the first look; false where the kernel does not show it. */
function watchImage(world: TrialWorld, bootId: string | undefined): () => boolean {
  const { folders } = world;
  const read = crashImageReader(folders.root);
  const digestNow = () => {
    const image = valueOf(read());
    return image && digestOfImage(image);
  };
  const first = keptLook(world, bootId) ?? digestNow();
  keepLook(world, bootId, first);
  return () => {
    const now = digestNow();
    return first !== undefined && now !== undefined && now !== first;
  };
}

/** Gone at the next boot; an agent that was started again goes on from it. `BOOT-ID DIGEST` */
export function firstLookPath({ run }: Folders): string {
  return `${run}/trial-image`;
}

function keptLook({ folders, files }: TrialWorld, bootId: string | undefined): string | undefined {
  try {
    const [boot, digest] =
      /^(\S+) ([0-9a-f]{64})$/.exec(files.read(firstLookPath(folders)) ?? '')?.slice(1) ?? [];
    return boot === bootId ? digest : undefined;
  } catch {
    return undefined;
  }
}

/** Without it, only an agent that was started again would not know: /run may be full. */
function keepLook(
  { folders, files }: TrialWorld,
  bootId: string | undefined,
  first: string | undefined,
): void {
  if (bootId === undefined || first === undefined) return;
  try {
    files.write(firstLookPath(folders), `${bootId} ${first}`);
  } catch {}
}

async function activeLoader({ units }: TrialWorld): Promise<string | undefined> {
  const found = valueOf(await units.show(OTHER_LOADERS)) ?? [];
  return found.find(({ active }) => active === 'active' || active === 'activating')?.name;
}
