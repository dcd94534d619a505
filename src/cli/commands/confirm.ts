/**
 * `khop confirm`.
 * @module
 */
import type { Command } from 'commander';
import type { CliContext } from '../context.ts';
import { withExamples } from '../examples.ts';

interface ConfirmOptions {
  readonly early?: boolean;
  readonly json?: boolean;
}

export function addConfirmCommand(program: Command, context: CliContext): void {
  const confirm = program
    .command('confirm')
    .summary('keep the kernel that is on trial')
    .description(
      'Say that the kernel on trial is good: it will not go home any more, it becomes the boot loader’s default and the ' +
        'kernel to come home to, and the guard is armed for it. Run again after a power cut, it finishes what it began.',
    )
    .option('--early', 'although the checks are not over')
    .option('--json', 'print the result as JSON')
    .action(async (options: ConfirmOptions) => confirmKernel(context, options));
  withExamples(confirm, [['khop confirm', 'the new kernel works: stay on it']]);
}

async function confirmKernel(context: CliContext, options: ConfirmOptions): Promise<void> {
  const { openTrialWorld } = await import('../trial-world.ts');
  const { confirmCalls } = await import('../trial-calls.ts');
  const { confirmTrial, requireChecksOver } = await import('../../trial/confirm.ts');
  const { TRIAL_HOOKS, tellTrialHooks } = await import('../../trial/announce.ts');
  const { listHooks, runHook } = await import('../../machine/hooks.ts');
  const world = openTrialWorld(context);
  const confirmation = await world.exclusively(async () => {
    if (options.early !== true) requireChecksOver(world, world.readMachine());
    return await confirmTrial(world, confirmCalls(context, world));
  });
  await tellTrialHooks(world, { list: () => listHooks(TRIAL_HOOKS), run: runHook });
  for (const problem of confirmation.problems) context.remark(problem);
  if (options.json) {
    const { renderJson } = await import('../render/json.ts');
    context.print(renderJson(confirmation));
    return;
  }
  const { renderConfirmation } = await import('../render/trial.ts');
  context.print(renderConfirmation(confirmation, context));
}
