/**
 * `khop check`.
 * @module
 */
import type { Command } from 'commander';
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
  ).action(async (selector: string | undefined, options: CheckOptions) => check(context, selector, options));
  withExamples(command, [
    ['khop check', 'check the boot loader’s default kernel'],
    ['khop check 6.12 --all', 'show every check, also those that pass'],
    ['khop check ./linux --json', 'check a build tree, for a program'],
  ]);
}

async function check(
  context: CliContext,
  selector: string | undefined,
  options: CheckOptions,
): Promise<void> {
  const { openWorld } = await import('../world.ts');
  const { propose } = await import('../../switch/proposal.ts');
  const { renderFindings, summarizeFindings } = await import('../render/findings.ts');
  const world = openWorld(context);
  const proposal = propose(world, selector, options);
  const isRefused = proposal.verdict === 'refuse';
  if (options.json) {
    const { renderJson } = await import('../render/json.ts');
    const { kernel, verdict, findings, plan, planError, estimate } = proposal;
    context.print(
      renderJson({
        kernel,
        verdict,
        findings,
        method: plan?.method ?? null,
        planError: planError?.message ?? null,
        estimate: estimate ?? null,
      }),
    );
  } else {
    context.print(`${context.style('bold', proposal.kernel.title)} (${proposal.kernel.image})\n`);
    const findings = renderFindings(proposal.findings, context, options.all === true);
    if (findings !== '') context.print(`${findings}\n`);
    context.print(summarizeFindings(proposal.findings));
    const { describeEstimate, describeVerdict } = await import('../render/verdict.ts');
    context.print(describeEstimate(proposal));
    context.print(describeVerdict(proposal, context));
  }
  if (isRefused) context.exitWith(3);
}
