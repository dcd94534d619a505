/**
 * `khop prepare`.
 * @module
 */
import { type Command, Option } from 'commander';
import type { PrepareOutcome } from '../../prepare/prepare-kernel.ts';
import type { CliContext } from '../context.ts';
import { withExamples } from '../examples.ts';
import { collect } from '../kernel-options.ts';

interface PrepareOptions {
  readonly initrd?: readonly string[];
  readonly commandLine?: string;
  readonly force?: boolean;
  readonly list?: boolean;
  readonly prune?: boolean;
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
    .option('--command-line <text>', 'what it will be started with, where that is not the entry’s')
    .option('--force', 'make it anew, also when it is there')
    .addOption(
      new Option('--list', 'show what is prepared, and prepare nothing').conflicts([
        'prune',
        'initrd',
        'commandLine',
        'force',
      ]),
    )
    .addOption(
      new Option('--prune', 'remove what was made from files that are gone, and prepare nothing').conflicts([
        'initrd',
        'commandLine',
        'force',
      ]),
    )
    .option('--quiet', 'say nothing unless something fails, for hooks of package managers')
    .option('--json', 'print the result as JSON')
    .action(async (selector: string | undefined, options: PrepareOptions) =>
      prepare(context, selector, options),
    );
  withExamples(command, [
    ['khop prepare', 'the kernel that the next start of this machine would take'],
    ['khop prepare --list', 'which kernels are prepared, and whether their files have changed since'],
    ['khop prepare 6.12 && khop switch 6.12 --fast', 'prepare, then switch at once'],
  ]);
}

async function prepare(
  context: CliContext,
  selector: string | undefined,
  options: PrepareOptions,
): Promise<void> {
  if (options.list === true || options.prune === true) {
    await requireNoKernel(selector, options);
    return options.list === true ? listEntries(context, options) : prune(context, options);
  }
  const { openWorld } = await import('../world.ts');
  const { prepareChosen } = await import('../../switch/prepare-chosen.ts');
  const world = openWorld(context);
  const { outcome, removed } = await world.exclusively(async () =>
    prepareChosen(world, selector, {
      initrd: options.initrd,
      commandLine: options.commandLine,
      isForced: options.force === true,
    }),
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

/** @throws E_USAGE: who names a kernel expects something to happen to it */
async function requireNoKernel(selector: string | undefined, { list }: PrepareOptions): Promise<void> {
  if (selector === undefined) return;
  const { KhopError } = await import('../../error.ts');
  throw new KhopError('E_USAGE', `${list ? '--list' : '--prune'} takes no kernel`, {
    hint: 'It looks at all that is prepared; leave the kernel out.',
  });
}

async function listEntries(context: CliContext, options: PrepareOptions): Promise<void> {
  const { openWorld } = await import('../world.ts');
  const { listPrepared } = await import('../../prepare/prepared-store.ts');
  const { isFresh } = await import('../../prepare/prepared-removal.ts');
  const entries = listPrepared(openWorld(context).folders.cache)
    .sort((a, b) => a.record.madeAtMs - b.record.madeAtMs)
    .map((entry) => ({ ...entry, isFresh: isFresh(entry) }));
  if (options.json) {
    const { renderJson } = await import('../render/json.ts');
    const flat = entries.map(({ folder, isFresh, record }) => ({ folder, isFresh, ...record }));
    context.print(renderJson({ entries: flat }));
    return;
  }
  const { renderEntries } = await import('../render/prepared.ts');
  context.print(renderEntries(entries));
}

async function prune(context: CliContext, options: PrepareOptions): Promise<void> {
  const { openWorld } = await import('../world.ts');
  const { removeOutdated } = await import('../../prepare/prepared-removal.ts');
  const world = openWorld(context);
  const removed = await world.exclusively(async () => removeOutdated(world.folders.cache));
  if (options.quiet === true) return;
  if (options.json) {
    const { renderJson } = await import('../render/json.ts');
    context.print(renderJson({ removed: removed.map((entry) => entry.folder) }));
    return;
  }
  context.print(removed.length === 0 ? 'Nothing had to go.' : describeRemoval(removed.length));
  context.print('Next: khop prepare --list');
}

function describeRemoval(count: number): string {
  return `Removed ${count} that ${count === 1 ? 'was' : 'were'} made from files that are gone or have changed, or by another khop.`;
}

async function printOutcome(context: CliContext, outcome: PrepareOutcome, removed: number): Promise<void> {
  const { renderPrepared } = await import('../render/prepared.ts');
  context.print(renderPrepared(outcome));
  if (removed > 0) context.print(describeRemoval(removed));
  const release = outcome.record.release;
  context.print(`Next: khop switch ${release ?? outcome.record.image.path} --fast`);
}
