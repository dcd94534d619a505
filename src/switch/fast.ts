/**
 * The fast switch: everything that can be done beforehand is taken from the cache, as far as this machine
 * allows it. Nothing here makes a switch less safe; what is not possible is left out, and said.
 * @module
 */
import { KhopError } from '../error.ts';
import type { NamedBytes } from '../formats/named-bytes.ts';
import type { MachineFacts } from '../machine/facts.ts';
import { type Reading, valueOf } from '../machine/reading.ts';
import { type ProfileParameter, warmProfile } from '../plan/boot-profile.ts';
import { leanProfile } from '../plan/lean-profile.ts';
import type { LoadPlan } from '../plan/load-plan.ts';
import type { LoadRequest } from '../plan/load-request.ts';
import { unwrapImage } from '../plan/unwrap-image.ts';
import type { PreparedRecord } from '../prepare/prepared-record.ts';
import { addParameters } from './added-parameters.ts';
import type { History } from './history.ts';
import { initramfsWish } from './initramfs-wish.ts';
import type { OptimisationName, ProfileName } from './optimisations.ts';
import { fetchSupply, type Supply } from './prepared-supply.ts';
import type { SwitchWorld } from './world.ts';

/** One of them, and what became of it here. */
export interface Optimisation {
  readonly name: OptimisationName;
  readonly isUsed: boolean;
  /** What it does here, or why it cannot; one clause. */
  readonly detail: string;
  /** What it costs where a person may want to know, a line each. */
  readonly prices?: readonly string[];
}

/** Names of those that a plan has, for tickets and history. */
export function usedOptimisations(optimisations: readonly Optimisation[] | undefined): OptimisationName[] {
  return (optimisations ?? []).filter(({ isUsed }) => isUsed).map(({ name }) => name);
}

/** A plan, or why there is none. */
interface PlanAttempt {
  readonly plan: LoadPlan | undefined;
  readonly planError: KhopError | undefined;
}

/** A plan with as many optimisations as work together. */
export interface FastPlan extends PlanAttempt {
  readonly request: LoadRequest;
  readonly optimisations: readonly Optimisation[];
}

/** What the fast plan is made from. */
export interface FastRequest {
  /** Without initrds. */
  readonly request: LoadRequest;
  /** The files that `request` was made from. */
  readonly image: string;
  readonly initrds: readonly string[];
  /** Reads `initrds`: only called for a plan that takes no prepared one. */
  readonly readInitrds: () => readonly NamedBytes[];
  readonly config: Reading<ReadonlyMap<string, string>>;
  /** Optimisations to leave out. */
  readonly without: ReadonlySet<string>;
  /** Which boot parameters to add. */
  readonly profile: ProfileName;
  readonly history: History;
  readonly plan: (request: LoadRequest) => PlanAttempt;
}

/** Left free beside what the load needs: the kernel wants pages for its own lists and tables. Bytes. */
const MEMORY_RESERVE = 32n * 1024n * 1024n;
const NOTHING: Supply = { kernel: undefined, initramfs: undefined };
const LEFT_OUT = 'left out by --without';

/** Tries the prepared parts together, then fewer, until a plan comes out that this machine has the memory for. */
export function planFast(world: SwitchWorld, fast: FastRequest): FastPlan {
  const given = fast.request.commandLine ?? unwrapImage(fast.request.image).commandLine ?? '';
  const { request, parameters } = withParameters(fast, given);
  const problems: string[] = [];
  const stock = takeStock(world, fast, given);
  for (const supply of combinations(stock.supply)) {
    const supplied = withSupply(request, supply, fast);
    const made = fast.plan(supplied);
    const problem = problemWith(supply, made, request.machine);
    if (problem === undefined)
      return {
        request: supplied,
        ...withObstacles(made, stock, supply, problems),
        optimisations: [...describe(stock, supply, problems), parameters],
      };
    problems.push(problem);
  }
  const plain = withSupply(request, NOTHING, fast);
  return {
    request: plain,
    ...withObstacles(fast.plan(plain), stock, NOTHING, problems),
    optimisations: [...describe(stock, NOTHING, problems), parameters],
  };
}

/** A plan that had to do without the unpacked kernel says why. */
function withObstacles(
  made: PlanAttempt,
  stock: Stock,
  used: Supply,
  obstacles: readonly string[],
): PlanAttempt {
  if (made.plan === undefined || stock.supply.kernel === undefined || used.kernel !== undefined) return made;
  return { ...made, plan: { ...made.plan, directEntry: { isUsed: false, obstacles } } };
}

const PROFILE_MAKERS = { warm: warmProfile, lean: leanProfile } as const;

/** @param given the command line as it was asked for: a UKI's own when none was */
function withParameters(
  { request, config, without, profile }: FastRequest,
  given: string,
): { readonly request: LoadRequest; readonly parameters: Optimisation } {
  const name = 'parameters';
  if (without.has(name)) return { request, parameters: { name, isUsed: false, detail: LEFT_OUT } };
  const { machine } = request;
  const kernel = { architecture: machine.architecture, config };
  const { parameters } = PROFILE_MAKERS[profile](kernel, machine, given);
  const added = parameters.map(({ text }) => text);
  const isUsed = added.length > 0;
  const detail = isUsed ? `adds ${added.join(' ')}` : 'the command line has all that help here';
  return {
    request: isUsed ? { ...request, commandLine: addParameters(given, added) } : request,
    parameters: { name, isUsed, detail, prices: parameters.map(priceOf) },
  };
}

function priceOf({ text, cost }: ProfileParameter): string {
  return `${text} costs ${cost}`;
}

/** A supply, and why parts of it are missing. */
interface Stock {
  readonly supply: Supply;
  readonly record: PreparedRecord | undefined;
  readonly missing: { readonly kernel: string; readonly initramfs: string };
}

function takeStock(world: SwitchWorld, fast: FastRequest, commandLine: string): Stock {
  const { image, initrds, without, request, history } = fast;
  const wants = { kernel: !without.has('direct-entry'), initramfs: !without.has('initramfs') };
  if (!wants.kernel && !wants.initramfs)
    return { supply: NOTHING, record: undefined, missing: { kernel: LEFT_OUT, initramfs: LEFT_OUT } };
  const wish = initramfsWish(world, request.machine, history, {
    release: request.kernel.release,
    image: request.image.name,
    commandLine,
    isTrimAllowed: wants.initramfs && !without.has('trim'),
    packing: 'none',
  });
  try {
    const supply = fetchSupply(world, { image, initrds, wish, wants });
    const { kernelObstacle } = supply.record;
    return {
      supply,
      record: supply.record,
      missing: {
        kernel: wants.kernel ? (kernelObstacle ?? '') : LEFT_OUT,
        initramfs: wants.initramfs ? whyNoInitramfs(supply.record) : LEFT_OUT,
      },
    };
  } catch (error) {
    if (!(error instanceof KhopError)) throw error;
    return {
      supply: NOTHING,
      record: undefined,
      missing: { kernel: error.message, initramfs: error.message },
    };
  }
}

/** Empty when there is one. */
function whyNoInitramfs({ initramfs, initramfsObstacle }: PreparedRecord): string {
  return initramfs === null ? (initramfsObstacle ?? 'there is no initrd') : '';
}

/** From all to one; the unpacked kernel saves the most. */
function combinations({ kernel, initramfs }: Supply): Supply[] {
  if (kernel === undefined && initramfs === undefined) return [];
  if (kernel === undefined || initramfs === undefined) return [{ kernel, initramfs }];
  return [
    { kernel, initramfs },
    { kernel, initramfs: undefined },
    { kernel: undefined, initramfs },
  ];
}

function withSupply(
  request: LoadRequest,
  { kernel, initramfs }: Supply,
  { readInitrds }: FastRequest,
): LoadRequest {
  const initrds = initramfs === undefined ? readInitrds() : [initramfs];
  return { ...request, unpacked: kernel, initrds, isInitrdWhole: initramfs !== undefined };
}

/** Why a plan is not the one that was hoped for; undefined when it is. */
function problemWith(supply: Supply, made: PlanAttempt, machine: MachineFacts): string | undefined {
  if (made.plan === undefined) return made.planError?.message ?? 'there is no plan';
  if (supply.kernel !== undefined && made.plan.directEntry?.isUsed !== true)
    return made.plan.directEntry?.obstacles.join('; ') ?? 'it cannot be entered directly';
  const available = valueOf(machine.memoryAvailableBytes);
  if (available === undefined) return `${machine.memoryAvailableBytes.source} cannot be read`;
  const needed = memoryNeeded(made.plan) + MEMORY_RESERVE;
  return needed <= available
    ? undefined
    : `it needs ${needed >> 20n} MiB of memory, and ${available >> 20n} MiB are available`;
}

/** Bytes that the running kernel keeps for the load. */
function memoryNeeded(plan: LoadPlan): bigint {
  if (plan.method === 'file') return BigInt(plan.image.bytes.length + (plan.initrd?.bytes.length ?? 0));
  return plan.segments.reduce((sum, segment) => sum + BigInt(segment.memorySize), 0n);
}

function describe({ record, missing }: Stock, used: Supply, problems: readonly string[]): Optimisation[] {
  const why = problems[0] ?? '';
  const isEntered = used.kernel !== undefined;
  const isPacked = used.initramfs !== undefined;
  const trimmed = record?.initramfs?.trimmed ?? null;
  return [
    {
      name: 'direct-entry',
      isUsed: isEntered,
      detail: isEntered
        ? 'the kernel is unpacked already, and entered at its 64-bit start'
        : missing.kernel || why,
    },
    {
      name: 'initramfs',
      isUsed: isPacked,
      detail: isPacked ? `${mib(used.initramfs.bytes.length)}, ready to be copied` : missing.initramfs || why,
    },
    {
      name: 'trim',
      isUsed: isPacked && trimmed !== null,
      detail:
        isPacked && trimmed !== null
          ? `${trimmed.modules} modules and ${trimmed.firmware} firmware files that this machine does not use stay out, ${mib(trimmed.bytes)}`
          : (record?.initramfs?.untrimmedBecause ?? (missing.initramfs || why)),
    },
  ];
}

function mib(bytes: number): string {
  return `${(bytes / 2 ** 20).toFixed(1)} MiB`;
}
