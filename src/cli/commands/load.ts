/**
 * `khop load`, `khop unload`, `khop status`.
 * @module
 */
import type { Command } from 'commander';
import type { Proposal } from '../../switch/proposal.ts';
import type { SwitchWorld } from '../../switch/world.ts';
import type { CliContext } from '../context.ts';
import { withExamples } from '../examples.ts';
import { type KernelOptions, withKernelOptions } from '../kernel-options.ts';

interface SlotOptions {
  readonly panic?: boolean;
  readonly json?: boolean;
}

export function addLoadCommands(program: Command, context: CliContext): void {
  const load = withKernelOptions(
    program
      .command('load')
      .argument('<kernel>', 'id, release, path, .deb or build tree')
      .summary('load a kernel, so that it can be jumped to later')
      .description(
        'Check, plan and load a kernel. The running system goes on; services are not touched. A loaded\n' +
          'kernel is jumped to by `khop switch`, `systemctl kexec` or `kexec -e`. A kernel on trial loads none: its way home waits loaded.',
      )
      .option('--panic', 'load it as the panic kernel, which starts by itself when this kernel dies'),
  ).action(async (selector: string, options: KernelOptions) => {
    const { openWorld } = await import('../world.ts');
    await loadKernel(context, openWorld(context), selector, options);
  });
  withExamples(load, [
    ['khop load 6.12', 'load an installed kernel'],
    ['khop load 6.12 --fast', 'the same, with everything done beforehand that can be'],
    ['khop load ./bzImage --initrd a.img --initrd b.img --append quiet', 'load files, two initrds as one'],
    ['khop load 6.12 --panic --append "irqpoll nr_cpus=1 reset_devices"', 'arm a panic kernel'],
  ]);

  const unload = program
    .command('unload')
    .summary('take a loaded kernel out again')
    .description('Empty the kernel’s slot for an image. It is no error when nothing is loaded.')
    .option('--panic', 'the panic kernel’s slot')
    .option('--json', 'print the result as JSON')
    .action(async (options: SlotOptions) => unloadKernel(context, options));
  withExamples(unload, [
    ['khop unload', 'so that `reboot` is a reboot again'],
    ['khop unload --panic', 'disarm the panic kernel'],
  ]);

  const status = program
    .command('status')
    .summary('show what is loaded and whether a switch is in flight')
    .description('Show what the kernel has loaded, what khop knows of it, and any switch in flight.')
    .option('--json', 'print the result as JSON')
    .action(async (options: SlotOptions) => showStatus(context, options));
  withExamples(status, [['khop status', 'what would `systemctl kexec` start now?']]);
}

/** The command itself. */
export async function loadKernel(
  context: CliContext,
  world: SwitchWorld,
  selector: string,
  options: KernelOptions,
): Promise<void> {
  const { agreedPlan } = await import('../../switch/proposal.ts');
  const { proposeLoad } = await import('../../switch/propose-load.ts');
  const { loadPlan } = await import('../../switch/load.ts');
  const { refuseOnTrial } = await import('../../switch/on-trial.ts');
  const { usedOptimisations } = await import('../../switch/fast.ts');
  const { record, proposal } = await world.exclusively(async () => {
    refuseOnTrial(world, 'nothing was loaded');
    if (!options.panic) {
      await refuseOnWayDown(context, world, 'nothing was loaded');
      await concludeBefore(context, world, options);
    }
    const proposal = proposeLoad(world, selector, options);
    await remarkFindings(context, proposal.findings, options);
    await remarkOptimisations(context, proposal.optimisations, options);
    const optimisations = usedOptimisations(proposal.optimisations);
    const { sources } = proposal;
    const record = await loadPlan(world, agreedPlan(proposal), { by: 'khop load', optimisations, sources });
    return { record, proposal };
  });
  if (options.json) {
    const { renderJson } = await import('../render/json.ts');
    const { proposalFacts } = await import('../render/proposal.ts');
    context.print(renderJson({ ...record, ...proposalFacts(proposal) }));
    return;
  }
  const { renderMilliseconds } = await import('../render/quantity.ts');
  context.print(
    `Loaded ${record.title} by ${record.method === 'file' ? 'kexec_file_load' : 'kexec_load'} in ${renderMilliseconds(record.loadMs)}.`,
  );
  context.print(
    options.panic
      ? 'It starts by itself when this kernel panics. Next: khop status'
      : 'Nothing was stopped. Next: khop switch --loaded, or khop unload',
  );
}

/** Where nobody calls `khop arrive`: this load takes the place of an earlier one, whose end says what to leave out. */
async function concludeBefore(
  context: CliContext,
  world: SwitchWorld,
  options: { readonly json?: boolean },
): Promise<void> {
  const { concludeLoad } = await import('../../switch/load-end.ts');
  if (concludeLoad(world) === undefined || options.json) return;
  context.remark('The last load was not concluded yet; it is now: khop history');
}

/** Shows what does not pass, on the remarks channel. */
export async function remarkFindings(
  context: CliContext,
  findings: Parameters<typeof import('../render/findings.ts').renderFindings>[0],
  options: { readonly json?: boolean },
): Promise<void> {
  if (options.json) return;
  const { renderFindings } = await import('../render/findings.ts');
  const text = renderFindings(findings, context, false);
  if (text !== '') context.remark(text);
}

/** Says on the remarks channel what became of each optimisation, when any was asked for. */
export async function remarkOptimisations(
  context: CliContext,
  optimisations: Parameters<typeof import('../render/optimisations.ts').renderOptimisations>[0] | undefined,
  options: { readonly json?: boolean },
): Promise<void> {
  if (options.json || optimisations === undefined) return;
  const { renderOptimisations } = await import('../render/optimisations.ts');
  context.remark(renderOptimisations(optimisations, context));
}

/** Whoever asks for speed is told what to expect of it, before anything is stopped. */
export async function remarkEstimate(
  context: CliContext,
  proposal: Proposal,
  options: { readonly json?: boolean; readonly fast?: boolean },
): Promise<void> {
  if (options.json || options.fast !== true) return;
  const { describeEstimate } = await import('../render/verdict.ts');
  context.remark(describeEstimate(proposal));
}

async function unloadKernel(context: CliContext, options: SlotOptions): Promise<void> {
  const { openWorld } = await import('../world.ts');
  const { unload } = await import('../../switch/load.ts');
  const world = openWorld(context);
  const slot = options.panic ? 'crash' : 'normal';
  await world.exclusively(async () => {
    if (slot === 'normal') await refuseOnWayDown(context, world, 'nothing was unloaded');
    unload(world, slot);
  });
  if (options.json) {
    const { renderJson } = await import('../render/json.ts');
    context.print(renderJson({ slot, loaded: 'no' }));
    return;
  }
  context.print(
    slot === 'normal'
      ? 'Nothing is loaded now; a reboot goes through firmware.'
      : 'No panic kernel is loaded now; a panic will not start another kernel.',
  );
}

/** @throws E_STATE while another switch needs what is loaded */
async function refuseOnWayDown(context: CliContext, world: SwitchWorld, what: string): Promise<void> {
  const { refuseBesideSwitch } = await import('../../switch/way-down.ts');
  const { unitCalls } = await import('../../machine/units.ts');
  await refuseBesideSwitch(world, unitCalls(world.folders.root, context.signal), what);
}

async function showStatus(context: CliContext, options: SlotOptions): Promise<void> {
  const { openWorld } = await import('../world.ts');
  const { readStatus } = await import('../../switch/status.ts');
  const world = openWorld(context);
  const status = readStatus(world, world.readMachine());
  if (options.json) {
    const { renderJson } = await import('../render/json.ts');
    context.print(renderJson(status));
    return;
  }
  const { renderStatus } = await import('../render/status.ts');
  context.print(renderStatus(status, context));
}
