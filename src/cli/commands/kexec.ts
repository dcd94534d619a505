/**
 * `khop kexec`: kexec-tools' command line.
 * @module
 */
import type { Command } from 'commander';
import type { CliContext } from '../context.ts';
import { withExamples } from '../examples.ts';

export function addKexecCommand(program: Command, context: CliContext): void {
  // Everything after the word belongs to kexec, options that khop has too.
  program.enablePositionalOptions();
  const command = program
    .command('kexec')
    .argument('[words...]', 'options and kernel as kexec(8) of kexec-tools takes them')
    .summary('take kexec-tools’ options, for scripts')
    .description(
      'Answer to the options of kexec-tools’ kexec(8): load, exec, panic load, unload, status, choice of\n' +
        'system call, append, reuse-cmdline, initrd, dtb, no-checks and debug, with the same exit statuses. A\n' +
        'link to khop named kexec does the same. What is not taken is refused by name. With --json, an option of\n' +
        'khop’s own, exit status and messages are printed as JSON.',
    )
    .helpOption(false)
    .allowUnknownOption()
    .passThroughOptions()
    .action(async (words: readonly string[]) => {
      const { runKexec } = await import('../kexec/run-kexec.ts');
      context.exitWith(await runKexec(context, words));
    });
  withExamples(command, [
    ['khop kexec -l /boot/vmlinuz --initrd=/boot/initrd.img --reuse-cmdline', 'load as a script would'],
    ['khop kexec -u', 'unload'],
  ]);
}
