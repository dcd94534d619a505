/**
 * `khop list`.
 * @module
 */
import type { Command } from 'commander';
import type { CliContext } from '../context.ts';
import { withExamples } from '../examples.ts';

interface ListOptions {
  readonly root: string;
  readonly json?: boolean;
}

export function addListCommand(program: Command, context: CliContext): void {
  const command = program
    .command('list')
    .summary('show the kernels this machine can be switched to')
    .description(
      'Show the kernels this machine can be switched to: Boot Loader Specification entries, unified kernel\n' +
        'images, GRUB and extlinux menus, and plain pairs in /boot. Entries that cannot be used say why.',
    )
    .option('--root <folder>', 'read the system below this folder, such as a mounted image', '/')
    .option('--json', 'print the result as JSON')
    .action(async (options: ListOptions) => list(context, options));
  withExamples(command, [
    ['khop list', 'show what this machine can be switched to'],
    ['khop list --root /mnt/image', 'read another system’s tree'],
    ['khop list --json', 'the same facts for a program'],
  ]);
}

async function list(context: CliContext, options: ListOptions): Promise<void> {
  const { openWorld } = await import('../world.ts');
  const { readKernels } = await import('../../switch/choose-kernel.ts');
  const world = openWorld(context, options.root);
  const catalogue = readKernels(world, world.readMachine());
  if (options.json) {
    const { renderJson } = await import('../render/json.ts');
    context.print(renderJson(catalogue));
    return;
  }
  const { renderKernels } = await import('../render/kernels.ts');
  for (const warning of catalogue.warnings) context.remark(`note: ${warning}`);
  if (catalogue.kernels.length === 0) {
    context.print('No kernels found in /boot, the EFI system partition or a boot loader’s menu.');
    context.print('Next: name a file, a .deb or a build tree: khop check PATH');
    return;
  }
  context.print(renderKernels(catalogue.kernels, context));
  const next = catalogue.kernels.find((kernel) => kernel.problems.length === 0 && !kernel.isRunning);
  if (next !== undefined) context.print(`\nNext: khop check ${next.id}`);
}
