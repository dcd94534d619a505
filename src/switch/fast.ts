/**
 * The fast switch: everything that can be done beforehand is taken from the cache, as far as this machine
 * allows it. Nothing here makes a switch less safe; what is not possible is left out, and said.
 * @module
 */
import { KhopError } from '../error.ts';
import type { NamedBytes } from '../formats/named-bytes.ts';
import type { UnpackedKernel } from '../formats/unpacked-kernel.ts';
import { valueOf } from '../machine/reading.ts';
import type { LoadPlan } from '../plan/load-plan.ts';
import type { LoadRequest } from '../plan/load-request.ts';
import { type PrepareOutcome, prepareKernel } from '../prepare/prepare-kernel.ts';
import { type PreparedEntry, readPreparedInitramfs, readPreparedKernel } from '../prepare/prepared-store.ts';
import type { OptimisationName } from './optimisations.ts';
import type { SwitchWorld } from './world.ts';

/** One of them, and what became of it here. */
export interface Optimisation {
  readonly name: OptimisationName;
  readonly isUsed: boolean;
  /** What it does here, or why it cannot; one clause. */
  readonly detail: string;
}

/** Names of those that a plan has, for tickets and history. */
export function usedOptimisations(optimisations: readonly Optimisation[] | undefined): OptimisationName[] {
  return (optimisations ?? []).filter(({ isUsed }) => isUsed).map(({ name }) => name);
}

/** A plan with as many optimisations as work together. */
export interface FastPlan {
  readonly request: LoadRequest;
  readonly plan: LoadPlan | undefined;
  readonly planError: KhopError | undefined;
  readonly optimisations: readonly Optimisation[];
}

/** Left free beside what the load needs: the kernel wants pages for its own lists and tables. Bytes. */
const MEMORY_RESERVE = 32n * 1024n * 1024n;

/** What there is to make a plan faster with. */
interface Supply {
  readonly kernel: UnpackedKernel | undefined;
  readonly initramfs: NamedBytes | undefined;
}

/** A supply, and the clauses that say what is missing from it and why. */
interface Stock extends Supply {
  readonly details: { readonly kernel: string; readonly initramfs: string };
}

/**
 * Tries the prepared parts together, then fewer, until a plan comes out that this machine has the memory for.
 * @param paths the files that `request` was made from
 * @param plan makes a plan, or says why there is none
 */
export function planFast(
  world: SwitchWorld,
  request: LoadRequest,
  paths: { readonly image: string; readonly initrds: readonly string[] },
  without: ReadonlySet<string>,
  plan: (request: LoadRequest) => { plan: LoadPlan | undefined; planError: KhopError | undefined },
): FastPlan {
  const stock = takeStock(world, request, paths, without);
  const problems: string[] = [];
  for (const supply of combinations(stock)) {
    const fast = withSupply(request, supply);
    const made = plan(fast);
    const problem = problemWith(supply, made, request);
    if (problem !== undefined) {
      problems.push(problem);
      continue;
    }
    return { request: fast, ...made, optimisations: describe(stock, supply, problems) };
  }
  return { request, ...plan(request), optimisations: describe(stock, NOTHING, problems) };
}

const NOTHING: Supply = { kernel: undefined, initramfs: undefined };

/** From all to one; the unpacked kernel saves the most. */
function combinations({ kernel, initramfs }: Supply): Supply[] {
  const all: Supply[] = [
    { kernel, initramfs },
    { kernel, initramfs: undefined },
    { kernel: undefined, initramfs },
  ];
  return all.filter(
    (supply, index) =>
      (supply.kernel ?? supply.initramfs) !== undefined &&
      all.findIndex((other) => other.kernel === supply.kernel && other.initramfs === supply.initramfs) ===
        index,
  );
}

function withSupply(request: LoadRequest, { kernel, initramfs }: Supply): LoadRequest {
  return {
    ...request,
    unpacked: kernel,
    ...(initramfs === undefined ? {} : { initrds: [initramfs], isInitrdWhole: true }),
  };
}

/** Why a plan is not the one that was hoped for; undefined when it is. */
function problemWith(
  supply: Supply,
  made: { readonly plan: LoadPlan | undefined; readonly planError: KhopError | undefined },
  { machine }: LoadRequest,
): string | undefined {
  if (made.plan === undefined) return made.planError?.message ?? 'there is no plan';
  if (supply.kernel !== undefined && made.plan.directEntry?.isUsed !== true)
    return made.plan.directEntry?.obstacles.join('; ') ?? 'it cannot be entered directly';
  const available = valueOf(machine.memoryAvailableBytes);
  const needed = memoryNeeded(made.plan);
  if (available === undefined) return `${machine.memoryAvailableBytes.source} cannot be read`;
  if (needed + MEMORY_RESERVE > available)
    return `it needs ${needed >> 20n} MiB of memory, and ${available >> 20n} MiB are available`;
  return undefined;
}

/** Bytes that the running kernel keeps for the load. */
function memoryNeeded(plan: LoadPlan): bigint {
  if (plan.method === 'file') return BigInt(plan.image.bytes.length + (plan.initrd?.bytes.length ?? 0));
  return plan.segments.reduce((sum, segment) => sum + BigInt(segment.memorySize), 0n);
}

function takeStock(
  world: SwitchWorld,
  request: LoadRequest,
  paths: { readonly image: string; readonly initrds: readonly string[] },
  without: ReadonlySet<string>,
): Stock {
  const wants = { kernel: !without.has('direct-entry'), initramfs: !without.has('initramfs') };
  const left = 'left out by --without';
  if (!wants.kernel && !wants.initramfs) return { ...NOTHING, details: { kernel: left, initramfs: left } };
  try {
    const { outcome, kernel, initramfs } = fetch(world, request, paths, wants);
    const { record } = outcome;
    return {
      kernel,
      initramfs,
      details: {
        kernel: wants.kernel ? (record.kernelObstacle ?? '') : left,
        initramfs: wants.initramfs ? (record.initramfsObstacle ?? 'there is no initrd') : left,
      },
    };
  } catch (error) {
    if (!(error instanceof KhopError)) throw error;
    return { ...NOTHING, details: { kernel: error.message, initramfs: error.message } };
  }
}

interface Fetched extends Supply {
  readonly outcome: PrepareOutcome;
}

/** From the cache; an entry that is missing or has decayed is made now, while everything still runs. */
function fetch(
  world: SwitchWorld,
  request: LoadRequest,
  paths: { readonly image: string; readonly initrds: readonly string[] },
  wants: { readonly kernel: boolean; readonly initramfs: boolean },
): Fetched {
  const make = (isForced: boolean) =>
    prepareKernel(
      { cacheFolder: world.folders.cache, nowMs: world.nowMs },
      { ...paths, release: request.kernel.release, isForced },
    );
  const read = (entry: PreparedEntry): Supply => ({
    kernel: wants.kernel ? readPreparedKernel(entry) : undefined,
    initramfs: wants.initramfs ? readPreparedInitramfs(entry) : undefined,
  });
  const outcome = make(false);
  if (!outcome.wasThere) world.remark('This kernel was not prepared yet; that is done now (khop prepare).');
  try {
    return { outcome, ...read(outcome) };
  } catch (error) {
    if (!(error instanceof KhopError) || error.code !== 'E_STATE') throw error;
    world.remark(`${error.message}; prepared anew.`);
    const again = make(true);
    return { outcome: again, ...read(again) };
  }
}

function describe(stock: Stock, used: Supply, problems: readonly string[]): Optimisation[] {
  const why = problems[0] ?? '';
  const kernel = used.kernel !== undefined;
  const initramfs = used.initramfs !== undefined;
  return [
    {
      name: 'direct-entry',
      isUsed: kernel,
      detail: kernel
        ? 'the kernel is unpacked and relocated already, and entered at its 64-bit start'
        : stock.details.kernel || why,
    },
    {
      name: 'initramfs',
      isUsed: initramfs,
      detail: initramfs
        ? `${used.initramfs.bytes.length >> 20} MiB, packed for this machine`
        : stock.details.initramfs || why,
    },
  ];
}
