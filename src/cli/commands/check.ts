/**
 * `khop check`.
 * @module
 */
import type { Command } from 'commander';
import type { SwitchWorld } from '../../switch/world.ts';
import type { CliContext } from '../context.ts';
import { withExamples } from '../examples.ts';
import { type KernelOptions, withKernelOptions } from '../kernel-options.ts';

interface CheckOptions extends KernelOptions {
  readonly all?: boolean;
}

export function addCheckCommand(program: Command, context: CliContext): void {
  const command = withKernelOptions(
    program
      .command('check')
      .argument('[kernel]', 'id, release, path, .deb or build tree; the default entry when left out')
      .summary('say whether a switch will work, touching nothing')
      .description(
        'Look at the machine and the kernel and say what would go wrong, what would be lost and what it\n' +
          'costs, without touching anything. Exit status 3 when a check refuses.',
      )
      .option('--all', 'also show the checks that pass')
      .option('--panic', 'check for loading as panic kernel'),
  ).action(async (selector: string | undefined, options: CheckOptions) => {
    const { openWorld } = await import('../world.ts');
    await checkKernel(context, openWorld(context), selector, options);
  });
  withExamples(command, [
    ['khop check', 'check the boot loader’s default kernel'],
    ['khop check 6.12 --all', 'show every check, also those that pass'],
    ['khop check ./linux --json', 'check a build tree, for a program'],
  ]);
}

/** The command itself. */
export async function checkKernel(
  context: CliContext,
  world: SwitchWorld,
  selector: string | undefined,
  options: CheckOptions,
): Promise<void> {
  const { propose } = await import('../../switch/proposal.ts');
  const { renderFindings, summarizeFindings } = await import('../render/findings.ts');
  const proposal = propose(world, selector, options);
  const isRefused = proposal.verdict === 'refuse';
  if (options.json) {
    const { renderJson } = await import('../render/json.ts');
    const { proposalFacts } = await import('../render/proposal.ts');
    const { kernel, plan, planError } = proposal;
    context.print(
      renderJson({
        kernel,
        ...proposalFacts(proposal),
        method: plan?.method ?? null,
        planError: planError?.message ?? null,
      }),
    );
  } else {
    context.print(`${context.style('bold', proposal.kernel.title)} (${proposal.kernel.image})\n`);
    const findings = renderFindings(proposal.findings, context, options.all === true);
    if (findings !== '') context.print(`${findings}\n`);
    if (proposal.optimisations !== undefined) {
      const { renderOptimisations } = await import('../render/optimisations.ts');
      context.print(`${renderOptimisations(proposal.optimisations, context)}\n`);
    }
    context.print(summarizeFindings(proposal.findings));
    const { describeEstimate, describeVerdict } = await import('../render/verdict.ts');
    context.print(describeEstimate(proposal));
    context.print(describeVerdict(proposal, context));
  }
  if (isRefused) context.exitWith(3);
}
