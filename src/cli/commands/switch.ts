/**
 * `khop switch`.
 * @module
 */
import type { Command } from 'commander';
import type { Proposal } from '../../switch/proposal.ts';
import type { SwitchWorld } from '../../switch/world.ts';
import type { CliContext } from '../context.ts';
import { withExamples } from '../examples.ts';
import { type KernelOptions, positiveInteger, withKernelOptions } from '../kernel-options.ts';
import { remarkEstimate, remarkFindings, remarkOptimisations } from './load.ts';

/** As commander hands them to the action. */
export interface SwitchOptions extends KernelOptions {
  readonly now?: boolean;
  readonly dryRun?: boolean;
  readonly yes?: boolean;
  readonly loaded?: boolean;
  /** True with --trial, false with --no-trial. */
  readonly trial?: boolean;
  readonly home?: string;
  readonly deadline?: number;
  readonly confirm?: number;
  readonly again?: boolean;
}

export function addSwitchCommand(program: Command, context: CliContext): void {
  const command = withKernelOptions(
    program
      .command('switch')
      .argument('[kernel]', 'id, release, path, .deb or build tree')
      .summary('switch to another kernel: check, load, orderly shutdown, jump')
      .description(
        'Check, load, shut the system down in good order and jump. Under systemd the shutdown goes through ' +
          'kexec.target; elsewhere khop stops processes, syncs and makes file systems read-only itself. A load ' +
          'that fails stops no service. Asks before jumping when there is a terminal.\n\n' +
          'A kernel that was never confirmed, or with --fast never in that form, is on trial: before the jump, khop ' +
          'says what brings this machine home after each way of failing; on the other side it has until a deadline to prove itself, and until ' +
          'then the boot loader’s default is the kernel to come home to. A way of failing that nothing ' +
          'here covers has to be accepted: when asked on a terminal, else with --accept. See khop trial, khop confirm and khop back.',
      )
      .option('--now', 'skip the orderly shutdown; still syncs and makes file systems read-only')
      .option('--dry-run', 'do everything up to loading, load nothing, stop nothing')
      .option(
        '--loaded',
        'jump to what `khop load` has loaded; this is no trial, nothing comes home by itself',
      )
      .option('--trial', 'try it although it was confirmed before, or khop.conf says trial = no')
      .option('--no-trial', 'take the kernel as proven: nothing comes home by itself')
      .option('--home <kernel>', 'the kernel to come home to instead of the one that runs')
      .option(
        '--deadline <seconds>',
        'come home unless all is proven by then, counted from the kernel’s start',
        positiveInteger,
      )
      .option(
        '--confirm <seconds>',
        'come home unless somebody runs khop confirm within this time after the checks',
        positiveInteger,
      )
      .option('--again', 'try a kernel that failed a trial before')
      .option('-y, --yes', 'do not ask'),
  ).action(async (selector: string | undefined, options: SwitchOptions) =>
    switchTo(context, selector, options),
  );
  withExamples(command, [
    ['khop switch 6.12', 'switch to an installed kernel'],
    ['khop switch 6.12 --fast', 'the same in a fraction of the time without service'],
    ['khop switch 6.12 --dry-run', 'show what would happen'],
    ['khop switch 6.12 --yes --accept dead-hang', 'unattended, on a machine without a hardware watchdog'],
    ['khop switch 6.12 --confirm 600', 'come home in ten minutes unless somebody runs khop confirm'],
    ['khop switch 6.12 --trial', 'let a kernel prove itself again, after other changes to this machine'],
    ['khop switch ./linux --no-trial --yes --now', 'jump into a fresh build at once'],
  ]);
}

async function switchTo(
  context: CliContext,
  selector: string | undefined,
  options: SwitchOptions,
): Promise<void> {
  const { openWorld } = await import('../world.ts');
  const { requireOne, jumpToLoaded } = await import('../../switch/switch-loaded.ts');
  const { endAsInterrupted } = await import('../../machine/hold-signals.ts');
  const { refuseOnTrial } = await import('../../switch/on-trial.ts');
  const { refuseBesideLoaded } = await import('./beside-loaded.ts');
  const world = openWorld(context);
  requireOne(selector, options.loaded === true, options.dryRun === true);
  if (options.loaded) refuseBesideLoaded(options);
  using _ends = endAsInterrupted();
  await world.exclusively(async () => {
    refuseOnTrial(world, 'nothing was loaded or stopped');
    if (!options.now) await refuseWhileLeaving(context);
    if (!options.dryRun) await concludeBefore(context);
    if (options.loaded) {
      const record = await jumpToLoaded(world, wayOf(world, options), async (title) =>
        agree(context, options, title),
      );
      await report(context, options, record);
    } else if (await isToBeTried(context, world, selector!, options)) {
      const { switchOnTrial } = await import('./switch-trial.ts');
      const { openTrialWorld } = await import('../trial-world.ts');
      await switchOnTrial(context, openTrialWorld(context), selector!, options, {
        way: wayOf(world, options),
        agree: async (title) => agree(context, options, title),
        report: async (record, proposal) => report(context, options, record, proposal),
      });
    } else await switchToKernel(context, world, selector!, options);
  });
}

/** Another switch may be on its way down: its kernel and its ticket are not to be replaced. @throws E_STATE */
async function refuseWhileLeaving(context: CliContext): Promise<void> {
  const { openTrialWorld } = await import('../trial-world.ts');
  const { refuseOnWayDown } = await import('../../trial/need-of-trial.ts');
  await refuseOnWayDown(openTrialWorld(context));
}

/** Its ticket would be lost, and with it how that switch ended. */
async function concludeBefore(context: CliContext): Promise<void> {
  const { openGuardWorld } = await import('../guard-world.ts');
  const { announcer, resetEvidence } = await import('../trial-calls.ts');
  const { concludeLastSwitch } = await import('../../trial/conclude-arrival.ts');
  const world = openGuardWorld(context);
  const reset = await resetEvidence(context, world, world.readMachine());
  if (await concludeLastSwitch(world, reset, announcer(context)))
    context.remark('The last switch or load was not concluded yet; it is now: khop history');
}

/** @throws E_STATE in a kernel that is on trial itself */
async function isToBeTried(
  context: CliContext,
  world: SwitchWorld,
  selector: string,
  options: SwitchOptions,
): Promise<boolean> {
  const { needOfTrial } = await import('../../trial/need-of-trial.ts');
  const need = needOfTrial(world, selector, options);
  if (need.proven === undefined) return need.isTrial;
  const { renderNeedOfTrial } = await import('../render/trial.ts');
  context.remark(renderNeedOfTrial(need.proven, need.untried));
  return need.isTrial;
}

/** To a kernel that is taken as proven. */
export async function switchToKernel(
  context: CliContext,
  world: SwitchWorld,
  selector: string,
  options: SwitchOptions,
): Promise<void> {
  const { propose, agreedPlan } = await import('../../switch/proposal.ts');
  const { switchKernel, newSwitchId } = await import('../../switch/switch-kernel.ts');
  const { usedOptimisations } = await import('../../switch/fast.ts');
  const id = newSwitchId(world);
  const proposal = propose(world, selector, { ...options, switchId: id });
  await remarkFindings(context, proposal.findings, options);
  await remarkOptimisations(context, proposal.optimisations, options);
  const plan = agreedPlan(proposal);
  if (options.dryRun) return describeDryRun(context, proposal, wayOf(world, options), options);
  await remarkEstimate(context, proposal, options);
  await agree(context, options, proposal.kernel.title);
  const optimisations = usedOptimisations(proposal.optimisations);
  const { sources } = proposal;
  const record = await switchKernel(world, { plan, sources, id, optimisations, way: wayOf(world, options) });
  await report(context, options, record, proposal);
}

function wayOf(world: SwitchWorld, options: SwitchOptions): 'systemd' | 'own' | 'now' {
  if (options.now) return 'now';
  const manager = world.readMachine().serviceManager;
  return manager.state === 'read' && manager.value === 'systemd' ? 'systemd' : 'own';
}

/** @throws E_REFUSED when a person says no */
async function agree(context: CliContext, options: SwitchOptions, title: string): Promise<void> {
  if (options.yes || options.dryRun || !context.canAsk) return;
  if (await context.ask(`Leave this kernel for ${title} now?`)) return;
  const { KhopError } = await import('../../error.ts');
  throw new KhopError('E_REFUSED', 'you did not say yes; nothing was loaded or stopped', {
    hint: 'Run it again with --yes, or answer y.',
  });
}

async function describeDryRun(
  context: CliContext,
  proposal: Proposal,
  way: 'systemd' | 'own' | 'now',
  options: SwitchOptions,
): Promise<void> {
  const { describeEstimate } = await import('../render/verdict.ts');
  const { summarizeFindings } = await import('../render/findings.ts');
  if (options.json) {
    const { renderJson } = await import('../render/json.ts');
    const { proposalFacts } = await import('../render/proposal.ts');
    const { kernel, plan } = proposal;
    context.print(
      renderJson({
        dryRun: true,
        kernel,
        shutdown: way,
        method: plan?.method,
        ...proposalFacts(proposal),
      }),
    );
    return;
  }
  const WAYS = {
    systemd: 'through systemd’s kexec.target, services stopped in order',
    own: 'by khop itself: TERM, KILL, sync, read-only, verified',
    now: 'none: sync, read-only, verified, jump',
  };
  context.print(`Would switch to ${proposal.kernel.title} (${proposal.kernel.image})`);
  context.print(`  by            ${proposal.plan?.method}: ${proposal.plan?.reason}`);
  context.print(`  command line  ${proposal.plan?.commandLine}`);
  context.print(`  shutdown      ${WAYS[way]}`);
  context.print(summarizeFindings(proposal.findings));
  context.print(describeEstimate(proposal));
  context.print('Nothing was loaded or stopped.');
}

async function report(
  context: CliContext,
  options: SwitchOptions,
  record: { readonly title: string; readonly loadMs: number },
  proposal?: Proposal,
): Promise<void> {
  if (options.json) {
    const { renderJson } = await import('../render/json.ts');
    const { proposalFacts } = await import('../render/proposal.ts');
    const facts = proposal === undefined ? {} : proposalFacts(proposal);
    context.print(renderJson({ switching: true, ...record, ...facts }));
    return;
  }
  const { renderMilliseconds } = await import('../render/quantity.ts');
  context.print(
    `Loaded ${record.title} in ${renderMilliseconds(record.loadMs)}; the system is going down now.`,
  );
  context.print('Next, on the other side: khop history');
}
