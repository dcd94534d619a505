/**
 * `khop prepare`.
 * @module
 */
import type { Command } from 'commander';
import type { PrepareOutcome } from '../../prepare/prepare-kernel.ts';
import type { CliContext } from '../context.ts';
import { withExamples } from '../examples.ts';
import { collect } from '../kernel-options.ts';

interface PrepareOptions {
  readonly initrd?: readonly string[];
  readonly force?: boolean;
  readonly quiet?: boolean;
  readonly json?: boolean;
}

export function addPrepareCommand(program: Command, context: CliContext): void {
  const command = program
    .command('prepare')
    .argument('[kernel]', 'id, release, path, .deb or build tree; the boot loader’s default unless told')
    .summary('do beforehand what a fast switch needs: unpack the kernel, pack its initrd for this machine')
    .description(
      'Unpack the kernel, lay it out as it will lie in memory, and pack its initrd again with what this machine\n' +
        'needs, into /var/cache/khop. `khop switch --fast` then has nothing left to do between the two systems\n' +
        'that could be done before. Entries of kernels that are gone or have changed are removed.',
    )
    .option('--initrd <file>', 'initrd instead of the entry’s; repeat for several', collect)
    .option('--force', 'make it anew, also when it is there')
    .option('--quiet', 'say nothing unless something fails, for hooks of package managers')
    .option('--json', 'print the result as JSON')
    .action(async (selector: string | undefined, options: PrepareOptions) =>
      prepare(context, selector, options),
    );
  withExamples(command, [
    ['khop prepare', 'the kernel that the next start of this machine would take'],
    ['khop prepare 6.12 && khop switch 6.12 --fast', 'prepare, then switch at once'],
  ]);
}

async function prepare(
  context: CliContext,
  selector: string | undefined,
  options: PrepareOptions,
): Promise<void> {
  const { openWorld } = await import('../world.ts');
  const { prepareChosen } = await import('../../switch/prepare-chosen.ts');
  const world = openWorld(context);
  const { outcome, removed } = await world.exclusively(async () =>
    prepareChosen(world, selector, { initrd: options.initrd, isForced: options.force === true }),
  );
  if (options.quiet === true) return;
  if (options.json) {
    const { renderJson } = await import('../render/json.ts');
    const { folder, record, wasThere } = outcome;
    context.print(renderJson({ folder, wasThere, removed: removed.map((entry) => entry.folder), ...record }));
    return;
  }
  await printOutcome(context, outcome, removed.length);
}

async function printOutcome(context: CliContext, outcome: PrepareOutcome, removed: number): Promise<void> {
  const { renderPrepared } = await import('../render/prepared.ts');
  context.print(renderPrepared(outcome));
  if (removed > 0)
    context.print(
      `Removed ${removed} that ${removed === 1 ? 'was' : 'were'} made from files that are gone or have changed.`,
    );
  const release = outcome.record.release;
  context.print(`Next: khop switch ${release ?? outcome.record.image.path} --fast`);
}
