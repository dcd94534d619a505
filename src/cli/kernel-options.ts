/**
 * The options of every command that takes a kernel: what to load with it, and how.
 * @module
 */
import { type Command, InvalidArgumentError, Option } from 'commander';
import { OPTIMISATIONS, PROFILES, type ProfileName } from '../switch/optimisations.ts';

/** As commander hands them to an action. */
export interface KernelOptions {
  readonly initrd?: readonly string[];
  readonly commandLine?: string;
  readonly reuseCmdline?: boolean;
  readonly append?: readonly string[];
  readonly dtb?: string;
  readonly method?: 'auto' | 'file' | 'segments';
  readonly panic?: boolean;
  readonly fast?: boolean;
  readonly without?: readonly string[];
  readonly profile?: ProfileName;
  readonly accept?: readonly string[];
  readonly root?: string;
  readonly json?: boolean;
}

/** Adds `--initrd`, `--command-line`, `--reuse-cmdline`, `--append`, `--dtb`, `--method`, `--fast`, `--accept`, `--json`. */
export function withKernelOptions(command: Command): Command {
  return command
    .option(
      '--initrd <file>',
      'initrd instead of the entry’s; repeat for several, in unpacking order',
      collect,
    )
    .addOption(
      new Option('--command-line <text>', 'kernel command line instead of the entry’s').conflicts(
        'reuseCmdline',
      ),
    )
    .option('--reuse-cmdline', 'use the running kernel’s command line, without what was for its boot only')
    .option('--append <text>', 'add to the command line; may be repeated', collect)
    .option('--dtb <file>', 'device tree instead of the machine’s own')
    .addOption(
      new Option('--method <method>', 'system call: kexec_file_load, kexec_load, or what works best').choices(
        ['auto', 'file', 'segments'],
      ),
    )
    .option('--fast', 'take what `khop prepare` did beforehand: least work between the two systems')
    .addOption(
      new Option('--without <optimisation>', 'leave one out of --fast; may be repeated')
        .choices([...OPTIMISATIONS])
        .argParser(collectOptimisation),
    )
    .addOption(
      new Option(
        '--profile <profile>',
        'boot parameters of --fast: warm, which costs nothing of use, or lean, which gives up a second entropy source and tracing aids',
      ).choices([...PROFILES]),
    )
    .option(
      '--accept <id>',
      'go on although this check refuses or warns, or nothing covers this way of failing; may be repeated',
      collect,
    )
    .option('--json', 'print the result as JSON')
    .hook('preAction', async (_, action) => requireFast(action.opts()));
}

/**
 * That an option has no effect must not come out in how long a switch took, or in how it ended.
 * @throws E_USAGE
 */
async function requireFast(options: KernelOptions & { readonly loaded?: boolean }): Promise<void> {
  // Beside --loaded there is no place for --fast either, and that is said of all of them.
  if (options.fast === true || options.loaded === true) return;
  const [name] = (['without', 'profile'] as const).filter((key) => options[key] !== undefined);
  if (name === undefined) return;
  const { KhopError } = await import('../error.ts');
  throw new KhopError('E_USAGE', `--${name} has no effect without --fast`, {
    hint: `Add --fast, or leave --${name} out.`,
  });
}

/** Parser for options that may be repeated. */
export function collect(value: string, previous: readonly string[] | undefined): readonly string[] {
  return [...(previous ?? []), value];
}

/** As `collect`, for a name of the list. */
function collectOptimisation(value: string, previous: readonly string[] | undefined): readonly string[] {
  if (!OPTIMISATIONS.some((name) => name === value))
    throw new InvalidArgumentError(`Allowed choices are ${OPTIMISATIONS.join(', ')}.`);
  return collect(value, previous);
}

/** Parser for options that take a positive whole number. */
export function positiveInteger(value: string): number {
  if (!/^[1-9]\d{0,8}$/.test(value)) throw new InvalidArgumentError('A positive whole number is needed.');
  return Number(value);
}
