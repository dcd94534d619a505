/**
 * `khop plan`.
 * @module
 */
import type { Command } from 'commander';
import type { SwitchWorld } from '../../switch/world.ts';
import type { CliContext } from '../context.ts';
import { withExamples } from '../examples.ts';
import { type KernelOptions, withKernelOptions } from '../kernel-options.ts';

interface PlanOptions extends KernelOptions {
  readonly diff?: string;
}

export function addPlanCommand(program: Command, context: CliContext): void {
  const command = withKernelOptions(
    program
      .command('plan')
      .argument('<kernel>', 'id, release, path, .deb or build tree')
      .summary('print exactly what would be given to the kernel')
      .description(
        'Print the load plan: the method and why, every segment with its physical address, size and source,\n' +
          'the command line and the memory map handed over. Nothing is loaded.',
      )
      .option('--panic', 'plan for the panic kernel')
      .option('--diff <kernel or file>', 'compare with the plan of another kernel, or a saved --json plan'),
  ).action(async (selector: string, options: PlanOptions) => {
    const { openWorld } = await import('../world.ts');
    await planKernel(context, openWorld(context), selector, options);
  });
  withExamples(command, [
    ['khop plan 6.12', 'what kexec would be given for this kernel'],
    ['khop plan 6.12 --method segments', 'the placement by kexec_load'],
    ['khop plan 6.12 --diff 6.1', 'how two kernels’ plans differ'],
  ]);
}

/** The command itself. */
export async function planKernel(
  context: CliContext,
  world: SwitchWorld,
  selector: string,
  options: PlanOptions,
): Promise<void> {
  const { propose, planOf } = await import('../../switch/proposal.ts');
  const { diffPlanJson, planToJson } = await import('../../plan/plan-json.ts');
  const { renderJson } = await import('../render/json.ts');
  const proposal = propose(world, selector, options);
  const made = planOf(proposal);
  if (options.diff !== undefined) {
    const { readOtherPlan } = await import('../../switch/other-plan.ts');
    const differences = diffPlanJson(readOtherPlan(world, options.diff, options), planToJson(made));
    if (options.json) context.print(renderJson({ differences }));
    else {
      const { renderPlanDifferences } = await import('../render/plan-diff.ts');
      context.print(renderPlanDifferences(differences, context));
    }
    return;
  }
  const { optimisations } = proposal;
  if (options.json) {
    context.print(renderJson({ ...planToJson(made), optimisations: optimisations ?? [] }));
    return;
  }
  const { renderLoadPlan } = await import('../render/load-plan.ts');
  context.print(renderLoadPlan(made, context));
  if (optimisations === undefined) return;
  const { renderOptimisations } = await import('../render/optimisations.ts');
  context.print(`\n${renderOptimisations(optimisations, context)}`);
}
