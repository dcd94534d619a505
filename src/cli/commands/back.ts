/**
 * `khop back`.
 * @module
 */
import type { Command } from 'commander';
import type { CliContext } from '../context.ts';
import { withExamples } from '../examples.ts';
import { positiveInteger } from '../kernel-options.ts';

interface BackOptions {
  readonly deadline: number;
  readonly yes?: boolean;
  readonly json?: boolean;
}

const ORDERLY_SECONDS = 120;

export function addBackCommand(program: Command, context: CliContext): void {
  const back = program
    .command('back')
    .summary('leave the kernel on trial for the known-good one, now')
    .description(
      'Go home from a kernel on trial: stop the services in order and start the known-good kernel, which waits in memory, ' +
        'or through the firmware where it does not. When the way down is not over at the deadline, jump without it; when ' +
        'that fails, too, panic, and the panic kernel goes home. Who blocks shutdowns (systemd-inhibit) does not keep it, ' +
        'and is stopped like all others. The kernel may be tried again: it did not fail.',
    )
    .option('--deadline <seconds>', 'how long services have to stop', positiveInteger, ORDERLY_SECONDS)
    .option('-y, --yes', 'do not ask')
    .option('--json', 'print the result as JSON')
    .action(async (options: BackOptions) => goBack(context, options));
  withExamples(back, [
    ['khop back', 'the new kernel does not do: go home'],
    ['khop back --yes --deadline 10', 'at once, whatever the services say'],
  ]);
}

async function goBack(context: CliContext, options: BackOptions): Promise<void> {
  const { openGuardWorld } = await import('../guard-world.ts');
  const { agreeTo } = await import('../agreement.ts');
  const { goHomeCalls } = await import('../trial-calls.ts');
  const { ticketToLeave } = await import('../../trial/confirm.ts');
  const { goHome } = await import('../../trial/go-home.ts');
  const world = openGuardWorld(context);
  const ticket = ticketToLeave(world, world.readMachine());
  const home = ticket?.trial.home ?? null;
  const title = home?.title ?? 'the known-good kernel';
  await agreeTo(
    context,
    options,
    `Leave this kernel for ${title} now? Services stop.`,
    'services would stop',
  );
  if (options.json) {
    const { renderJson } = await import('../render/json.ts');
    context.print(renderJson({ goingHome: true, id: ticket?.id ?? null, home }));
  } else context.print(`Going home to ${title}. Next, there: khop trial`);
  // It waits for another khop itself, and not for ever: who wants to leave must not be kept by one that hangs.
  await goHome(world, goHomeCalls(world.folders.root), {
    cause: 'asked',
    detail: 'somebody asked for it: khop back',
    orderlyMs: options.deadline * 1000,
  });
}
