/**
 * What a system that goes on after a panic has to know of its way home, /var/lib/khop/continuation.json: written when
 * the guard is armed, read when that system leaves. The kernel to go home with waits in memory; this is the few KiB of
 * code that start it from there, which the panic kernel is told of by nobody else.
 * @module
 */
import * as v from 'valibot';
import type { MachineFacts } from '../machine/facts.ts';
import { valueOf } from '../machine/reading.ts';
import { decodeState } from '../switch/ticket.ts';
import type { Folders, SwitchWorld } from '../switch/world.ts';
import type { HomePlan } from './home-plan.ts';

const VERSION = 1;

const Continuation = v.object({
  version: v.literal(VERSION),
  /** Of the arming; the panic kernel's command line names it as `khop.continue=`. */
  id: v.string(),
  /** Null when only the firmware leads home, because of `homeObstacle`. */
  home: v.nullable(
    v.object({
      title: v.string(),
      /** Physical address of the stub and of its first instruction, hexadecimal. */
      address: v.pipe(v.string(), v.regex(/^[0-9a-f]{1,16}$/)),
      /** A multiple of the page size long. */
      stub: v.pipe(v.string(), v.base64()),
      /** Initial APIC id of the processor that the firmware started this machine with. */
      bootProcessor: v.number(),
    }),
  ),
  homeObstacle: v.nullable(v.string()),
});

/** Versioned. */
export type Continuation = v.InferOutput<typeof Continuation>;

/** Kept until the next arming. */
export function continuationPath(folders: Folders): string {
  return `${folders.state}/continuation.json`;
}

/** For a panic kernel of that id. */
export function describeContinuation(home: HomePlan, machine: MachineFacts, id: string): Continuation {
  const nowhere = (homeObstacle: string): Continuation => ({
    version: VERSION,
    id,
    home: null,
    homeObstacle,
  });
  if (home.state !== 'planned') return nowhere(home.reason);
  const { bootProcessor } = machine.cpu;
  if (bootProcessor.state !== 'read')
    return nowhere(`${bootProcessor.source} does not tell the boot processor`);
  const { address, bytes } = home.wayHome.stub;
  return {
    version: VERSION,
    id,
    home: {
      title: home.title,
      address: address.toString(16),
      stub: Buffer.from(bytes).toString('base64'),
      bootProcessor: bootProcessor.value,
    },
    homeObstacle: null,
  };
}

function encodeContinuation(continuation: Continuation): string {
  return `${JSON.stringify(continuation, null, 2)}\n`;
}

/** @throws E_STATE, see `decodeState` */
export function decodeContinuation(text: string, path: string): Continuation {
  return decodeState(text, path, Continuation, VERSION);
}

/** How a system that goes on leaves: by the stub, or why only through the firmware. */
export type LeavingWay =
  | { readonly state: 'kexec'; readonly title: string; readonly address: bigint; readonly stub: Uint8Array }
  | { readonly state: 'firmware'; readonly reason: string };

/** @param continuation what was written when the guard was armed; undefined when that cannot be had */
export function leavingWay(
  continuation: Continuation | undefined,
  id: string,
  machine: MachineFacts,
): LeavingWay {
  const firmware = (reason: string): LeavingWay => ({ state: 'firmware', reason });
  if (continuation === undefined) return firmware('how to start the kernel that waits is not on disk');
  if (continuation.id !== id) return firmware('what is on disk of the way home is of another arming');
  const { home, homeObstacle } = continuation;
  if (home === null) return firmware(homeObstacle ?? 'no kernel waits');
  // A kernel on another processor cannot start the one that the firmware used: an INIT restarts the machine.
  if (valueOf(machine.cpu.bootProcessor) !== home.bootProcessor)
    return firmware('the panic was not on the processor that the firmware starts with');
  return {
    state: 'kexec',
    title: home.title,
    address: BigInt(`0x${home.address}`),
    stub: new Uint8Array(Buffer.from(home.stub, 'base64')),
  };
}

/** Writes it for as long as `load` succeeds: a panic kernel that stays loaded keeps its own. */
export async function withContinuation(
  world: SwitchWorld,
  continuation: Continuation,
  load: () => Promise<unknown>,
): Promise<void> {
  const path = continuationPath(world.folders);
  const before = world.files.read(path);
  world.files.write(path, encodeContinuation(continuation));
  try {
    await load();
  } catch (error) {
    if (before === undefined) world.files.remove(path);
    else world.files.write(path, before);
    throw error;
  }
}
