/**
 * Going home from the kernel on trial, now: in good order where that comes to its end in time, and harder each time that
 * it does not. Why, and by which way, is written before each step; a disk that refuses keeps nobody here.
 *
 * With the known-good kernel in memory the ways are: the service manager, then a jump from a file system made read-only,
 * then a panic, which the panic kernel comes home from. Without it the firmware leads home, since the boot loader's
 * default was not touched.
 * @module
 */
import { KhopError } from '../error.ts';
import type { GuardWorld } from '../guard/world.ts';
import type { MachineFacts } from '../machine/facts.ts';
import { valueOf } from '../machine/reading.ts';
import { trialIdOn, wasConfirmed } from '../switch/on-trial.ts';
import { ticketPath } from '../switch/state-paths.ts';
import { encodeTicket, type Ticket } from '../switch/ticket.ts';
import { goingHomePath } from './asked-shutdown.ts';
import { isHomeUnchanged, loadHome, whyHomeIsGone } from './load-home.ts';
import { readTrialPlace } from './read-trial.ts';
import type { ToldCause } from './trial-kernel.ts';
import type { ReturnCause, ReturnWay } from './trial-words.ts';
import { whenFree } from './when-free.ts';

/** How long services have to stop, where nobody says otherwise: systemd gives each of them 90 s. */
export const ORDERLY_SECONDS = 120;
/** From the decision until the guardian goes home itself: not while services still stop, nor while disks are unmounted. */
export const WAY_HOME_SECONDS = ORDERLY_SECONDS + 60;

/** What going home needs besides the world. */
export interface GoHomeCalls {
  /** A panic; returns only by throwing. */
  readonly crashKernel: () => void;
  readonly wait: (ms: number) => Promise<void>;
  /**
   * Tells the guardian, if there is one: its watchdog gets time for the start of the known-good kernel, and with `goingHome` it
   * takes over when this way home hangs. @throws E_NOT_FOUND
   */
  readonly sayLeaving: (message: 'leaving' | 'goingHome') => void;
}

/** Why, and how long the orderly way may take. */
export interface HomeOrder {
  readonly cause: ReturnCause;
  /** One sentence. */
  readonly detail: string;
  readonly orderlyMs: number;
  /** As whoever gives the order knows it: written where it is gone from the disk. */
  readonly ticket?: Ticket | undefined;
}

type Way = readonly [ReturnWay, () => Promise<void>];

/**
 * Does not return on success: the machine ends in it.
 * @throws E_STATE when somebody has confirmed this kernel meanwhile: then it stays, and nothing was done; or when no way
 *   led away from here
 */
export async function goHome(world: GuardWorld, calls: GoHomeCalls, order: HomeOrder): Promise<never> {
  const isRecorded = await decide(world, calls, order);
  sayNobodyAsked(world, order);
  await reloadHome(world, order, isRecorded);
  try {
    // Whoever gives services longer has the time of the trial.
    calls.sayLeaving(order.orderlyMs > ORDERLY_SECONDS * 1000 ? 'leaving' : 'goingHome');
  } catch (error) {
    world.remark((error as Error).message);
  }
  const failures: string[] = [];
  for (const [way, leave] of waysHome(world, calls, world.readMachine(), order)) {
    record(world, order, way);
    try {
      await leave();
      failures.push(`${way}: nothing happened`);
    } catch (error) {
      failures.push(`${way}: ${(error as Error).message}`);
    }
    world.remark(`Going home, ${failures.at(-1)}.`);
  }
  throw new KhopError('E_STATE', `no way led home: ${failures.join('; ')}`, {
    hint: 'Reset the machine: its boot loader starts the known-good kernel.',
  });
}

/**
 * Services stop on the way home, too. Where that is written nowhere else, a note that somebody asked for it would be all that
 * home finds. Whom somebody did ask leaves the note: it is true, and may be all that a full disk takes.
 */
function sayNobodyAsked({ files, folders, remark }: GuardWorld, { cause }: HomeOrder): void {
  if (cause === 'asked') return;
  try {
    files.write(goingHomePath(folders), `${cause}\n`);
  } catch (error) {
    remark(`What stops now will look as if somebody had asked for it: ${(error as Error).message}`);
  }
}

function waysHome(
  world: GuardWorld,
  { crashKernel, wait }: GoHomeCalls,
  machine: MachineFacts,
  { orderlyMs }: HomeOrder,
): readonly Way[] {
  const panic = ['home-panic', async () => crashKernel()] as const;
  const isSystemd = valueOf(machine.serviceManager) === 'systemd';
  const firmware = [
    'home-firmware',
    async () => {
      await world.rebootThroughFirmware();
      await wait(orderlyMs);
    },
  ] as const;
  if (valueOf(machine.kexec.loaded) !== true) return [firmware, panic];
  const orderly = [
    'home-orderly',
    async () => {
      // It returns when it has begun, and ends this process on its way; so does the other, by itself. Who blocks shutdowns
      // is stopped in order with all the others: the next way would not even do that.
      if (isSystemd) await world.shutdown.throughServiceManager({ isForced: true });
      else await world.shutdown.byOurselves({ stopTimeoutMs: Math.min(orderlyMs, STOP_TIMEOUT_MS) });
      await wait(orderlyMs);
    },
  ] as const;
  return [orderly, ['home-now', () => world.shutdown.now()], panic];
}

/** Services that have not stopped by then are killed. */
const STOP_TIMEOUT_MS = 10_000;

/**
 * What is not in memory any more may be on disk still: without firmware it is faster, and told which trial it is of. What is
 * in memory is loaded once more where only its command line can say why.
 */
async function reloadHome(world: GuardWorld, order: HomeOrder, isRecorded: boolean): Promise<void> {
  const { kexec, bootId } = world.readMachine();
  const loss = whyHomeIsGone(world, valueOf(kexec.loaded), valueOf(bootId));
  if (loss === undefined) {
    if (!isRecorded) await tellHome(world, order);
    return;
  }
  try {
    const found = readTrialPlace(world, world.readMachine());
    const ticket = found.place === 'on-trial' ? found.ticket : order.ticket;
    if (ticket === undefined)
      throw new KhopError('E_STATE', 'without a ticket nothing says which it is', {
        hint: 'See khop trial.',
      });
    await loadHome(world, ticket, isRecorded ? undefined : causeOf(order));
    world.remark(`${loss}: it was loaded from disk.`);
  } catch (error) {
    world.remark(`${loss}, and not to be loaded from disk: ${(error as Error).message}`);
    if (valueOf(kexec.loaded) === true) dropForeign(world);
  }
}

/**
 * Where that fails, the kernel that waits stays, and will know less. A disk that refuses to be written may give back
 * anything when it is read, so what comes from it has to be what was there before the jump. Where the ticket is what cannot be
 * read, whoever gives the order knows it.
 */
async function tellHome(world: GuardWorld, order: HomeOrder): Promise<void> {
  try {
    const found = readTrialPlace(world, world.readMachine());
    const ticket = found.place === 'on-trial' ? found.ticket : order.ticket;
    if (ticket?.trial == null) return;
    // It was decided earlier, while the disk took it.
    if (ticket.trial.cause !== null) return;
    if (!isHomeUnchanged(world, ticket.trial)) {
      world.remark(
        'Nor is the known-good kernel told: its files are not known to be what they were before the jump.',
      );
      return;
    }
    await loadHome(world, ticket, causeOf(order));
    world.remark('The known-good kernel was loaded again, with why this kernel is left on its command line.');
  } catch (error) {
    world.remark(`Nor could the known-good kernel be told: ${(error as Error).message}`);
  }
}

function causeOf({ cause, detail }: HomeOrder): ToldCause {
  return { kind: cause, detail };
}

/** Another kernel than the known-good one is no home. */
function dropForeign(world: GuardWorld): void {
  try {
    world.kexec.unload('normal');
  } catch (error) {
    world.remark(`What is loaded instead stays: ${(error as Error).message}`);
  }
}

/**
 * Between confirming and leaving, the first to write wins. False when it is not in the ticket.
 * @throws E_STATE when that was the confirmation
 */
async function decide(world: GuardWorld, { wait }: GoHomeCalls, order: HomeOrder): Promise<boolean> {
  let isRecorded = true;
  await whenFree(world, wait, () => {
    if (isConfirmed(world))
      throw new KhopError('E_STATE', 'this kernel was confirmed, and stays', {
        hint: '`khop history` says when. To leave it, switch to another kernel: khop switch KERNEL',
      });
    isRecorded = record(world, order, undefined);
  });
  return isRecorded;
}

/** What cannot be read keeps nobody here. */
function isConfirmed(world: GuardWorld): boolean {
  try {
    const machine = world.readMachine();
    const found = readTrialPlace(world, machine);
    if (found.place === 'on-trial') return found.ticket.trial.phase === 'confirmed';
    const id = trialIdOn(valueOf(machine.commandLine) ?? '');
    return id !== undefined && wasConfirmed(world, id);
  } catch {
    return false;
  }
}

/**
 * The first cause counts. A ticket that cannot be read is left as it is: the known-good kernel moves it aside. One that
 * is gone is written again, but not on the way down, which unmounts its file system: that one would lie below the mount
 * point. False when the disk refuses, or has no ticket to write into: home may be able to read it.
 */
function record(world: GuardWorld, order: HomeOrder, way: ReturnWay | undefined): boolean {
  const { cause, detail, orderlyMs } = order;
  try {
    const machine = world.readMachine();
    const found = readTrialPlace(world, machine);
    const isGone = found.place === 'unreadable' && found.text === undefined && way === undefined;
    const ticket = found.place === 'on-trial' ? found.ticket : isGone ? order.ticket : undefined;
    const trial = ticket?.trial;
    if (ticket === undefined || trial == null) return false;
    const atMs = world.nowMs();
    const upMs = valueOf(machine.uptimeMs) ?? null;
    const isNew = trial.phase !== 'returning';
    const phases = [
      ...trial.phases,
      ...(isNew ? [{ phase: 'returning', atMs, upMs }] : []),
      ...(way === undefined ? [] : [{ phase: way, atMs, upMs }]),
    ];
    const returning = {
      ...trial,
      phase: 'returning',
      phases,
      cause: trial.cause ?? { kind: cause, detail, atMs, orderlyMs },
    };
    world.files.write(ticketPath(world.folders), encodeTicket({ ...ticket, trial: returning }));
    return true;
  } catch (error) {
    world.remark(`Why this kernel is left could not be written down: ${(error as Error).message}`);
    return false;
  }
}
