/**
 * The fast switch: everything that can be done beforehand is taken from the cache, as far as this machine
 * allows it. Nothing here makes a switch less safe; what is not possible is left out, and said.
 * @module
 */
import { KhopError } from '../error.ts';
import type { NamedBytes } from '../formats/named-bytes.ts';
import { forgetCleanPages } from '../machine/clean-pages.ts';
import { forgetProgram } from '../machine/program-pages.ts';
import { type Reading, valueOf } from '../machine/reading.ts';
import { type ProfileParameter, warmProfile } from '../plan/boot-profile.ts';
import type { InitramfsPacking } from '../plan/initramfs/pack-initramfs.ts';
import { leanProfile } from '../plan/lean-profile.ts';
import { contentBytes, type LoadPlan } from '../plan/load-plan.ts';
import type { LoadRequest } from '../plan/load-request.ts';
import { unwrapImage } from '../plan/unwrap-image.ts';
import type { PreparedRecord } from '../prepare/prepared-record.ts';
import { addParameters } from './added-parameters.ts';
import type { History } from './history.ts';
import { initramfsWish } from './initramfs-wish.ts';
import { type InitramfsSizes, type RoomProblem, roomProblem } from './load-room.ts';
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
  /** What the plan's content may take where it will be kept, bytes; undefined: what memory is available. */
  readonly roomBytes?: bigint | undefined;
}

const NOTHING: Supply = { kernel: undefined, initramfs: undefined };
const LEFT_OUT = 'left out by --without';

/** Tries the prepared parts together, then fewer, until a plan comes out that this machine has the memory for. */
export function planFast(world: SwitchWorld, fast: FastRequest): FastPlan {
  const given = fast.request.commandLine ?? unwrapImage(fast.request.image).commandLine ?? '';
  const { request, parameters } = withParameters(fast, given);
  const problems: Problem[] = [];
  const stock = takeStock(world, fast, given, 'none');
  const finish = (offer: Offer, supplied: LoadRequest, made: PlanAttempt): FastPlan => ({
    request: supplied,
    ...withObstacles(made, stock, offer.supply, problems),
    optimisations: [...describe(offer, made, problems), parameters],
  });
  const make = (offer: Offer): { readonly supplied: LoadRequest; readonly made: PlanAttempt } => {
    const supplied = withSupply(request, offer.supply, fast);
    const made = fast.plan(supplied);
    giveBack(offer.supply);
    return { supplied, made };
  };
  let bearable: Offer | undefined;
  for (const offer of offers(stock, problems, () => smallerStock(world, fast, given))) {
    const known = knownRoomProblem(offer.supply, fast);
    if (known !== undefined) {
      problems.push(withPackingNote(known, offer, fast));
      continue;
    }
    const { supplied, made } = make(offer);
    const problem = problemWith(offer, made, fast);
    if (problem === undefined) return finish(offer, supplied, made);
    if (problem.isBearable === true && isPreferred(offer, bearable)) bearable = offer;
    problems.push(problem.isRoom ? withPackingNote(problem, offer, fast) : problem);
  }
  if (bearable !== undefined) {
    // Once more: each plan moves the kernel in the same memory.
    const { supplied, made } = make(bearable);
    return finish(bearable, supplied, made);
  }
  const plain = withSupply(request, NOTHING, fast);
  return finish({ stock, supply: NOTHING }, plain, fast.plan(plain));
}

/** Of those that leave little memory: the first, or the same packed smaller. */
function isPreferred({ packedBecause, supply }: Offer, before: Offer | undefined): boolean {
  if (before === undefined) return true;
  return packedBecause !== undefined && supply.kernel === before.supply.kernel;
}

/** Of what planning has read, nothing is needed again before the kernel reads it. Its own image is seen to where it is moved. */
function giveBack({ initramfs }: Supply): void {
  forgetProgram();
  if (initramfs !== undefined) forgetCleanPages(initramfs.bytes);
}

/** A person who reads that there is no room wants to know whether a smaller initramfs was thought of. */
function withPackingNote(problem: Problem, offer: Offer, fast: FastRequest): Problem {
  if (offer.supply.initramfs === undefined) return problem;
  if (offer.packedBecause !== undefined)
    return { ...problem, text: `packed with lz4 ${problem.text}`, isSmallest: true };
  if (unpacksLz4(fast)) return problem;
  const { source } = fast.config;
  return { ...problem, text: `${problem.text}; ${source} does not say that it would unpack lz4` };
}

/** Parts to try together, and where they come from. */
interface Offer {
  readonly stock: Stock;
  readonly supply: Supply;
  /** Why the initramfs had to be packed; undefined when it was not. */
  readonly packedBecause?: string;
}

/**
 * From all parts to one; the unpacked kernel saves the most. Where there is no room, an initramfs packed with
 * lz4 comes before none: it costs the new kernel some time (0.05 of 0.80 thousand million instructions for
 * Debian's 6.1), and the one as it was much more.
 * @param problems with the offers so far
 * @param makeSmaller only called when there is a need; undefined: there is nothing smaller
 */
function* offers(
  stock: Stock,
  problems: readonly Problem[],
  makeSmaller: () => Stock | undefined,
): Generator<Offer> {
  const { kernel, initramfs } = stock.supply;
  let smaller: Stock | undefined;
  for (const offered of kernel === undefined ? [undefined] : [kernel, undefined]) {
    if (initramfs !== undefined) {
      yield { stock, supply: { kernel: offered, initramfs } };
      const problem = problems.at(-1);
      if (problem?.isRoom === true) smaller ??= makeSmaller();
      if (problem?.isRoom === true && smaller !== undefined)
        yield {
          stock: { ...smaller, missing: stock.missing },
          supply: { ...smaller.supply, kernel: offered },
          packedBecause: problem.text,
        };
    }
    if (offered !== undefined) yield { stock, supply: { kernel: offered, initramfs: undefined } };
  }
}

/** Only where its configuration says so: a kernel that does not unpack its initramfs does not start. */
function unpacksLz4({ config }: FastRequest): boolean {
  return valueOf(config)?.get('CONFIG_RD_LZ4') === 'y';
}

/** The initramfs packed with lz4; undefined where the new kernel might not unpack it. */
function smallerStock(world: SwitchWorld, fast: FastRequest, commandLine: string): Stock | undefined {
  if (!unpacksLz4(fast)) return undefined;
  const without = new Set([...fast.without, 'direct-entry']);
  const stock = takeStock(world, { ...fast, without }, commandLine, 'lz4');
  return stock.supply.initramfs === undefined ? undefined : stock;
}

/** A plan that had to do without the unpacked kernel says why. */
function withObstacles(
  made: PlanAttempt,
  stock: Stock,
  used: Supply,
  problems: readonly Problem[],
): PlanAttempt {
  if (made.plan === undefined || stock.supply.kernel === undefined || used.kernel !== undefined) return made;
  const obstacles = problems.map(({ text }) => text);
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

function takeStock(
  world: SwitchWorld,
  fast: FastRequest,
  commandLine: string,
  packing: InitramfsPacking,
): Stock {
  const { image, initrds, without, request, history } = fast;
  const wants = { kernel: !without.has('direct-entry'), initramfs: !without.has('initramfs') };
  if (!wants.kernel && !wants.initramfs)
    return { supply: NOTHING, record: undefined, missing: { kernel: LEFT_OUT, initramfs: LEFT_OUT } };
  const wish = initramfsWish(world, request.machine, history, {
    release: request.kernel.release,
    image: request.image.name,
    commandLine,
    // Who wants the kernel alone is served by any entry of it.
    isTrimAllowed: !wants.initramfs || !without.has('trim'),
    packing,
  });
  try {
    const { memoryAvailableBytes } = request.machine;
    const supply = fetchSupply(world, { image, initrds, wish, wants, memoryAvailableBytes });
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

function withSupply(
  request: LoadRequest,
  { kernel, initramfs }: Supply,
  { readInitrds }: FastRequest,
): LoadRequest {
  const initrds = initramfs === undefined ? readInitrds() : [initramfs];
  return { ...request, unpacked: kernel, initrds, isInitrdWhole: initramfs !== undefined };
}

/** Why an offer was not taken, one clause. */
interface Problem extends RoomProblem {
  /** Whether it was about an initramfs that was packed for the want of room. */
  readonly isSmallest?: boolean;
}

/** Why a plan is not the one that was hoped for; undefined when it is. */
function problemWith(offer: Offer, made: PlanAttempt, fast: FastRequest): Problem | undefined {
  const { supply } = offer;
  if (made.plan === undefined) return { text: made.planError?.message ?? 'there is no plan', isRoom: false };
  const { directEntry } = made.plan;
  if (supply.kernel !== undefined && directEntry?.isUsed !== true)
    return {
      text: directEntry?.obstacles.join('; ') ?? 'it cannot be entered directly',
      isRoom: directEntry?.hasNoRoom === true,
    };
  if (fast.roomBytes !== undefined) return keepingProblem(contentBytes(made.plan), fast.roomBytes);
  return roomProblem(made.plan, fast.request.machine, initramfsSizes(offer));
}

/** Of what the offer has for an initramfs, about: modules that stayed are unpacked and take more than before. */
function initramfsSizes({ supply, stock }: Offer): InitramfsSizes | undefined {
  const prepared = stock.record?.initramfs ?? undefined;
  if (prepared === undefined) return undefined;
  const { originalBytes, unpackedBytes, trimmed } = prepared;
  if (supply.initramfs === undefined) return { packedBytes: originalBytes, unpackedBytes };
  const leftOut = trimmed === null ? 0 : trimmed.bytes + trimmed.hardwareNames;
  const packedBytes = supply.initramfs.bytes.length;
  return { packedBytes, unpackedBytes: Math.max(packedBytes, unpackedBytes - leftOut) };
}

/** What needs no plan to be seen: kernel and initramfs alone take more than there is. */
function knownRoomProblem({ kernel, initramfs }: Supply, fast: FastRequest): Problem | undefined {
  const { roomBytes, request } = fast;
  if (roomBytes === undefined) return undefined;
  const kernelBytes = (kernel?.image ?? request.image.bytes).length;
  return keepingProblem(BigInt(kernelBytes + (initramfs?.bytes.length ?? 0)), roomBytes);
}

/** Of content that waits elsewhere than in the kernel's own memory. */
function keepingProblem(bytes: bigint, roomBytes: bigint): Problem | undefined {
  return bytes <= roomBytes
    ? undefined
    : {
        text: `it takes ${mib(Number(bytes))}, and there is room for ${mib(Number(roomBytes))}`,
        isRoom: true,
      };
}

function describe(offer: Offer, { plan }: PlanAttempt, problems: readonly Problem[]): Optimisation[] {
  const { record, missing } = offer.stock;
  const why = problems[0]?.text ?? '';
  const kaslrOff = plan?.directEntry?.kaslrOff;
  const isEntered = offer.supply.kernel !== undefined;
  const trimmed = record?.initramfs?.trimmed ?? null;
  const isTrimmed = offer.supply.initramfs !== undefined && trimmed !== null;
  return [
    {
      name: 'direct-entry',
      isUsed: isEntered,
      detail: isEntered
        ? 'the kernel is unpacked already, and entered at its 64-bit start'
        : missing.kernel || why,
      prices: kaslrOff === undefined ? [] : [kaslrOff],
    },
    describeInitramfs(offer, problems),
    {
      name: 'trim',
      isUsed: isTrimmed,
      detail: isTrimmed
        ? `${trimmed.modules} modules and ${trimmed.firmware} firmware files that this machine does not use stay out, ${mib(trimmed.bytes)}${namesClause(trimmed.hardwareNames)}`
        : (record?.initramfs?.untrimmedBecause ?? (missing.initramfs || why)),
    },
  ];
}

function namesClause(bytes: number): string {
  return bytes === 0 ? '' : `, and names of hardware in hwdb.bin, ${mib(bytes)}`;
}

function describeInitramfs(offer: Offer, problems: readonly Problem[]): Optimisation {
  const name = 'initramfs';
  const { initramfs } = offer.supply;
  if (initramfs === undefined) {
    const plain = problems.find(({ isRoom }) => isRoom) ?? problems[0];
    const packed = problems.find(({ isSmallest }) => isSmallest);
    const why = [plain, packed].flatMap((problem) => problem?.text ?? []).join('; ');
    return { name, isUsed: false, detail: offer.stock.missing.initramfs || why };
  }
  const how =
    offer.packedBecause === undefined
      ? 'ready to be copied'
      : `packed with lz4, because without packing ${offer.packedBecause}`;
  return { name, isUsed: true, detail: `${mib(initramfs.bytes.length)}, ${how}` };
}

function mib(bytes: number): string {
  return `${(bytes / 2 ** 20).toFixed(1)} MiB`;
}
