/**
 * `khop switch` to a kernel that was never confirmed.
 * @module
 */
import { KhopError } from '../../error.ts';
import { digestFiles } from '../../guard/drift.ts';
import { chooseKernel } from '../../switch/choose-kernel.ts';
import { usedOptimisations } from '../../switch/fast.ts';
import { agreedPlan, type Proposal } from '../../switch/proposal.ts';
import { newSwitchId, type ShutdownWay, switchKernel } from '../../switch/switch-kernel.ts';
import { findFailedTrial } from '../../trial/failed-trials.ts';
import { takeBaseline } from '../../trial/health/baseline.ts';
import { refuseOnWayDown } from '../../trial/need-of-trial.ts';
import { returnTableInput, startSeconds } from '../../trial/promise.ts';
import { type ReturnRow, returnTable, uncoveredClasses } from '../../trial/return-table.ts';
import { type StagedTrial, stageTrial } from '../../trial/stage-trial.ts';
import { orderTrial } from '../../trial/start-trial.ts';
import { trialDeadlines } from '../../trial/trial-deadlines.ts';
import type { TrialWorld } from '../../trial/world.ts';
import type { CliContext } from '../context.ts';
import { remarkEstimate, remarkFindings, remarkOptimisations } from './load.ts';
import type { SwitchOptions } from './switch.ts';

/** What a trial has besides: how this command leaves, and how it reports. */
export interface TrialSteps {
  readonly way: ShutdownWay;
  readonly agree: (title: string) => Promise<void>;
  readonly report: (
    record: { readonly title: string; readonly loadMs: number },
    proposal: Proposal,
  ) => Promise<void>;
}

/** @throws E_STATE on the way down; E_REFUSED for a kernel that failed before, and for classes of failure that nobody accepted */
export async function switchOnTrial(
  context: CliContext,
  world: TrialWorld,
  selector: string,
  options: SwitchOptions,
  steps: TrialSteps,
): Promise<void> {
  await refuseOnWayDown(world);
  refuseFailed(world, selector, options);
  const id = newSwitchId(world);
  const deadlines = trialDeadlines(world.readMachine(), world.configuration, options);
  const staged = await stageTrial(world, { selector, options, id, home: options.home, deadlines });
  const { proposal } = staged;
  await remarkFindings(context, proposal.findings, options);
  await remarkOptimisations(context, proposal.optimisations, options);
  const table = returnTable(returnTableInput(world, staged, await startSeconds(world)));
  const plan = agreedPlan(proposal);
  if (options.dryRun === true) return await describeStage(context, staged, table, options);
  if (options.json !== true) {
    const { renderReturnTable } = await import('../render/return-table.ts');
    context.remark(renderReturnTable(table, context));
    for (const line of defaultWords(staged)) context.remark(line);
  }
  await remarkEstimate(context, proposal, options);
  await agreeToGaps(context, world, table, options);
  await steps.agree(proposal.kernel.title);
  const baseline = await takeBaseline(world);
  const record = await switchKernel(world, {
    plan,
    sources: proposal.sources,
    id,
    optimisations: usedOptimisations(proposal.optimisations),
    way: steps.way,
    trial: orderTrial(world, staged, { baseline, table, accepted: acceptedClasses(world, options) }),
  });
  await steps.report(record, proposal);
}

/** @throws E_REFUSED */
function refuseFailed(world: TrialWorld, selector: string, options: SwitchOptions): void {
  const kernel = chooseKernel(world, world.readMachine(), selector);
  const [digest] = digestFiles([kernel.image]);
  const failed = findFailedTrial(world, {
    release: kernel.release ?? null,
    imageSha256: digest?.sha256 ?? null,
  });
  if (failed === undefined || options.again === true) return;
  throw new KhopError('E_REFUSED', `${kernel.title} failed its last trial: ${failed.detail}`, {
    hint: 'Try it again with --again.',
  });
}

function acceptedClasses({ configuration }: TrialWorld, { accept }: SwitchOptions): readonly string[] {
  return [...configuration.accept, ...(accept ?? [])];
}

/** @throws E_REFUSED naming the classes that nothing on this machine covers */
async function agreeToGaps(
  context: CliContext,
  world: TrialWorld,
  table: readonly ReturnRow[],
  options: SwitchOptions,
): Promise<void> {
  const gaps = uncoveredClasses(table, acceptedClasses(world, options));
  if (gaps.length === 0) return;
  const names = gaps.join(', ');
  if (context.canAsk && options.yes !== true) {
    if (await context.ask(`Nothing on this machine brings it home after: ${names}. Go on all the same?`))
      return;
    throw new KhopError('E_REFUSED', 'you did not say yes; nothing was loaded or stopped', {
      hint: 'See the remedies above.',
    });
  }
  throw new KhopError('E_REFUSED', `nothing on this machine brings it home after: ${names}`, {
    hint: `Accept that with ${gaps.map((name) => `--accept ${name}`).join(' ')}, or see the remedies above.`,
  });
}

/** A change that outlives the trial is announced. */
function defaultWords({ homeDefault, homeKernel }: StagedTrial): string[] {
  return homeDefault.state === 'planned'
    ? [`Before the jump, ${homeKernel.title} becomes the boot loader’s default: the one now is not proven.`]
    : [];
}

async function describeStage(
  context: CliContext,
  staged: StagedTrial,
  table: readonly ReturnRow[],
  options: SwitchOptions,
): Promise<void> {
  const { proposal, homeKernel, watchdog, homeDefault } = staged;
  if (options.json === true) {
    const { renderJson } = await import('../render/json.ts');
    const { proposalFacts } = await import('../render/proposal.ts');
    const { kernel, plan } = proposal;
    context.print(
      renderJson({
        dryRun: true,
        trial: { home: homeKernel.title, homeDefault: homeDefault.state, watchdog, returnTable: table },
        ...{ kernel, method: plan?.method, commandLine: plan?.commandLine },
        ...proposalFacts(proposal),
      }),
    );
    return;
  }
  const { renderReturnTable } = await import('../render/return-table.ts');
  const { describeEstimate } = await import('../render/verdict.ts');
  const { summarizeFindings } = await import('../render/findings.ts');
  context.print(
    `Would try ${proposal.kernel.title} (${proposal.kernel.image}), and come home to ${homeKernel.title}`,
  );
  context.print(`  by            ${proposal.plan?.method}: ${proposal.plan?.reason}`);
  context.print(`  command line  ${proposal.plan?.commandLine}`);
  context.print(renderReturnTable(table, context));
  for (const line of defaultWords(staged)) context.print(line);
  context.print(summarizeFindings(proposal.findings));
  context.print(describeEstimate(proposal));
  context.print('Nothing was loaded or stopped.');
}
