/**
 * Everything before anything is done: which kernel, which files, which plan, and what the checks say of it.
 * @module
 */
import { KhopError } from '../error.ts';
import { parseKernelConfig } from '../formats/kernel-config.ts';
import type { NamedBytes, NamedPieces } from '../formats/named-bytes.ts';
import type { Kernel } from '../kernels/kernel.ts';
import { type KernelFiles, readKernelFiles, readNamedFile } from '../kernels/kernel-files.ts';
import type { MachineFacts } from '../machine/facts.ts';
import { forgetProgram } from '../machine/program-pages.ts';
import { type Reading, valueOf } from '../machine/reading.ts';
import {
  appendArguments,
  reusableCommandLine,
  withoutArguments,
  withoutToldByKhop,
} from '../plan/command-line.ts';
import type { Finding } from '../plan/finding.ts';
import type { KexecSlot, LoadMethod, LoadPlan, PlannedSegment } from '../plan/load-plan.ts';
import type { LoadRequest } from '../plan/load-request.ts';
import { planLoad } from '../plan/plan-load.ts';
import { runPreflight, type Verdict, verdictOf } from '../plan/preflight/check.ts';
import { readInitrdFiles } from '../prepare/initrd-files.ts';
import type { FileIdentity } from '../prepare/prepared-record.ts';
import { identifySources } from '../prepare/source-files.ts';
import { addParameters, withoutAddedParameters } from './added-parameters.ts';
import { TOKEN_PARAMETER, tokenArgument } from './arrive.ts';
import { chooseKernel } from './choose-kernel.ts';
import { describeTarget } from './describe-target.ts';
import { countArrivals, type Estimate, estimateFromHistory, usualDownMs } from './estimate.ts';
import { type FastPlan, type Optimisation, planFast, usedOptimisations } from './fast.ts';
import type { History } from './history.ts';
import { loadMemory } from './load-room.ts';
import { argumentsForLocked } from './locked-watchdog.ts';
import type { ProfileName } from './optimisations.ts';
import { readHistory } from './read-history.ts';
import { restartParameters } from './restart-on-way-home.ts';
import type { SwitchWorld } from './world.ts';

/** What a person asked for besides the kernel. */
export interface ProposalOptions {
  readonly initrd?: readonly string[];
  readonly commandLine?: string;
  readonly reuseCmdline?: boolean;
  readonly append?: readonly string[];
  readonly dtb?: string;
  readonly method?: 'auto' | LoadMethod;
  readonly panic?: boolean;
  readonly accept?: readonly string[];
  /** Use what can be done beforehand, see fast.ts. */
  readonly fast?: boolean;
  /** Optimisations to leave out. */
  readonly without?: readonly string[];
  /** Which boot parameters a fast switch adds. */
  readonly profile?: ProfileName;
  /** See LoadRequest. */
  readonly reportRoom?: number;
  /** The plan will be kept where there is so much room, bytes; see FastRequest. */
  readonly roomBytes?: bigint;
  /** Names of parameters that the command line shall not have. */
  readonly drop?: readonly string[];
  /** For a panic kernel: what is kept beside it in the reservation; see LoadRequest. */
  readonly kept?: readonly PlannedSegment[] | undefined;
  /** See LoadRequest. */
  readonly isKernelHigh?: boolean;
  /** See LoadRequest. */
  readonly lastArchives?: readonly NamedPieces[];
  /** For one boot only: taken off again when the command line is reused, see added-parameters.ts. */
  readonly added?: readonly string[];
  /** For the known-good kernel: where it would stand still in this one start, it restarts the machine. */
  readonly isWayHome?: true;
  /** Id of the ticket, when this is for a switch. */
  readonly switchId?: string;
  /** No preflight: for a plan of which only the size counts, or of a kernel that was checked already. */
  readonly isUnchecked?: boolean;
}

/** All that is known before loading. */
export interface Proposal {
  readonly kernel: Kernel;
  readonly machine: MachineFacts;
  /** The files that the plan is made from, as they were before they were read: a person may take hours to agree. */
  readonly sources: readonly FileIdentity[];
  readonly findings: readonly Finding[];
  readonly verdict: Verdict;
  /** Undefined when no plan exists: then `planError` says why. */
  readonly plan: LoadPlan | undefined;
  readonly planError: KhopError | undefined;
  readonly estimate: Estimate | undefined;
  /** What became of each optimisation; undefined when none was asked for. */
  readonly optimisations: readonly Optimisation[] | undefined;
}

/** @throws E_NOT_FOUND, E_UNREADABLE, E_FORMAT for a kernel that cannot be found or read */
export function propose(
  world: SwitchWorld,
  selector: string | undefined,
  options: ProposalOptions,
): Proposal {
  const machine = world.readMachine();
  const kernel = chooseKernel(world, machine, selector);
  const sources = identifySources(sourcePaths(kernel, options));
  const files = filesFor(kernel, options);
  const history = readHistory(world);
  const wanted = requestFor(world, machine, kernel, files, options);
  const { request, plan, planError, optimisations } = makePlan(world, wanted, files, history, options);
  const check = (): readonly Finding[] => {
    const target = describeTarget(kernel, files, request);
    saveMemory(options);
    const findings = runPreflight({
      machine,
      target,
      method: plan?.method ?? request.method,
      planProblem: planError,
      load: plan && loadMemory(plan),
      slot: request.slot,
      successfulSwitches: countArrivals(history),
      usualDownMs: usualDownMs(history),
    });
    saveMemory(options);
    return findings;
  };
  const findings = options.isUnchecked === true ? [] : check();
  const accepted = new Set([...world.configuration.accept, ...(options.accept ?? [])]);
  const verdict = verdictOf(findings, accepted);
  const used = usedOptimisations(optimisations);
  const estimate = plan && estimateFromHistory(history, { method: plan.method, optimisations: used });
  return { kernel, machine, sources, findings, verdict, plan, planError, estimate, optimisations };
}

/**
 * Between steps, which need different parts of the program. On the way home the disk that these come from may be what
 * fails.
 */
function saveMemory({ isWayHome }: ProposalOptions): void {
  if (isWayHome !== true) forgetProgram();
}

function sourcePaths(kernel: Kernel, { initrd, dtb }: ProposalOptions): string[] {
  const deviceTree = dtb ?? kernel.deviceTree;
  return [kernel.image, ...(initrd ?? kernel.initrds), ...(deviceTree === undefined ? [] : [deviceTree])];
}

/** The files but for the initrds: a fast plan that has a prepared one never reads them. */
function filesFor(kernel: Kernel, options: ProposalOptions): KernelFiles {
  saveMemory(options);
  const files = readKernelFiles({ ...kernel, initrds: [], problems: [] });
  return {
    ...files,
    deviceTree: options.dtb === undefined ? files.deviceTree : readNamedFile(options.dtb),
  };
}

function readInitrds(kernel: Kernel, { initrd, isWayHome }: ProposalOptions): readonly NamedBytes[] {
  return readInitrdFiles(initrd ?? kernel.initrds, isWayHome === true);
}

function requestFor(
  world: SwitchWorld,
  machine: MachineFacts,
  kernel: Kernel,
  files: { image: NamedBytes; deviceTree: NamedBytes | undefined },
  options: ProposalOptions,
): LoadRequest {
  const slot: KexecSlot = options.panic ? 'crash' : 'normal';
  // First: of two that say the same, a trial's own counts.
  const locked = options.switchId === undefined ? [] : argumentsForLocked(world, machine);
  const added = [...locked, ...(options.added ?? [])];
  return {
    kernel,
    image: files.image,
    initrds: options.fast === true ? [] : readInitrds(kernel, options),
    deviceTree: files.deviceTree,
    machine,
    commandLine: composeCommandLine(world, machine, kernel, { ...options, added }, slot),
    method: options.method ?? world.configuration.method,
    slot,
    reportRoom: options.reportRoom,
    kept: options.kept,
    isKernelHigh: options.isKernelHigh,
    lastArchives: options.lastArchives,
    entropy: world.entropy(256),
  };
}

/**
 * What `options` make of the kernel's command line, without what is added for one boot only. Undefined: the image's own.
 * @throws E_UNREADABLE
 */
export function lastingCommandLine(
  world: SwitchWorld,
  machine: MachineFacts,
  kernel: Kernel,
  options: ProposalOptions,
): string | undefined {
  return composeCommandLine(world, machine, kernel, { ...options, added: [] }, 'normal');
}

function composeCommandLine(
  world: SwitchWorld,
  machine: MachineFacts,
  kernel: Kernel,
  options: ProposalOptions,
  slot: KexecSlot,
): string | undefined {
  const extra = [world.configuration.append, ...(options.append ?? [])];
  if (options.switchId !== undefined) extra.push(tokenArgument(options.switchId));
  const addition = extra.filter((text) => text !== '').join(' ');
  const base = baseCommandLine(machine, kernel, options, slot);
  const addedTo = (line: string): string =>
    addParameters(line, [
      ...(options.added ?? []),
      ...(options.isWayHome === true ? restartParameters(line) : []),
    ]);
  if (base === undefined) return addedTo(addition) || undefined;
  const kept = withoutArguments(withoutAddedParameters(base), [
    TOKEN_PARAMETER,
    ...world.configuration.drop,
    ...(options.drop ?? []),
  ]);
  return addedTo(appendArguments(kept, addition));
}

function baseCommandLine(
  machine: MachineFacts,
  kernel: Kernel,
  options: ProposalOptions,
  slot: KexecSlot,
): string | undefined {
  if (options.commandLine !== undefined) return options.commandLine;
  // A kernel that nobody describes, such as a file, has the running one's.
  if (!options.reuseCmdline)
    return kernel.commandLine === '' ? undefined : withoutToldByKhop(kernel.commandLine);
  const running = valueOf(machine.commandLine);
  if (running !== undefined) return reusableCommandLine(running, slot);
  throw new KhopError('E_UNREADABLE', `${machine.commandLine.source} cannot be read`, {
    hint: 'Give the whole command line with --command-line.',
  });
}

function makePlan(
  world: SwitchWorld,
  request: LoadRequest,
  files: KernelFiles,
  history: History,
  options: ProposalOptions,
): Omit<FastPlan, 'optimisations'> & Pick<Proposal, 'optimisations'> {
  const { fast, without, initrd, profile } = options;
  if (fast !== true) return { request, ...tryPlan(request), optimisations: undefined };
  return planFast(world, {
    request,
    image: request.kernel.image,
    initrds: initrd ?? request.kernel.initrds,
    readInitrds: () => readInitrds(request.kernel, options),
    config: configurationOf(files),
    without: new Set(without),
    profile: profile ?? world.configuration.profile,
    roomBytes: options.roomBytes,
    history,
    plan: tryPlan,
  });
}

/** Only what lies beside the kernel: to look into it would mean to unpack it. */
function configurationOf({ config, image }: KernelFiles): Reading<ReadonlyMap<string, string>> {
  const source = `the configuration of ${image.name}`;
  return config === undefined
    ? { state: 'absent', source }
    : { state: 'read', value: parseKernelConfig(config), source };
}

function tryPlan(request: LoadRequest): Pick<Proposal, 'plan' | 'planError'> {
  try {
    return { plan: planLoad(request), planError: undefined };
  } catch (error) {
    if (!(error instanceof KhopError)) throw error;
    return { plan: undefined, planError: error };
  }
}

/** The plan. @throws the planner's own error when there is none */
export function planOf(proposal: Proposal): LoadPlan {
  if (proposal.plan !== undefined) return proposal.plan;
  throw proposal.planError ?? new KhopError('E_PLAN', 'there is no plan', { hint: 'Run `khop check`.' });
}

/** The plan, when nothing speaks against carrying it out. @throws E_REFUSED naming the checks that refuse */
export function agreedPlan(proposal: Proposal): LoadPlan {
  const plan = planOf(proposal);
  if (proposal.verdict !== 'refuse') return plan;
  const ids = proposal.findings.filter((each) => each.severity === 'refusal').map((each) => each.id);
  throw new KhopError('E_REFUSED', `refused by ${ids.join(', ')}; nothing was loaded`, {
    hint: 'Run `khop check` for evidence and remedy of each; --accept ID overrides where that is offered.',
  });
}
