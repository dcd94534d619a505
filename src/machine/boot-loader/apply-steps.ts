/**
 * Carrying out changes to a boot loader's state. A power cut at any instant leaves each file as it was or as it
 * is to be: files are replaced by rename, also those that the loader's own tool generates, because that tool
 * copies into the file that the next boot needs.
 * @module
 */
import { accessSync, constants, readFileSync, realpathSync, rmSync, statSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { KhopError } from '../../error.ts';
import { readIfPresent, removeDurably, replaceDurably, writeDurably } from '../durable-file.ts';
import { formatCommand, runProcess } from '../run-process.ts';
import { type BootLoaderStep, undoSteps } from './boot-loader-step.ts';

/** How to apply. */
export interface ApplyOptions {
  readonly signal?: AbortSignal | undefined;
  /** A test's own, or one that runs programs in the system below another root; runProcess unless told. */
  readonly run?: typeof runProcess | undefined;
}

/** grub-mkconfig asks every disk, and os-prober looks into every partition. */
const GENERATE_TIMEOUT_MS = 180_000;
const RUN_TIMEOUT_MS = 30_000;

/** Settings can be read by all. */
const NEW_FILE_MODE = 0o644;

/** Between the name of a file and that of its next content, while a program writes it. */
const BESIDE = '.khop';

/**
 * Carries out `steps` in order. When one fails, those before it are taken back.
 * @param root `/`, or a folder with a system whose files are meant
 * @throws E_BUSY when a file is no longer what the plan was made from; E_UNREADABLE when it cannot be written;
 *   E_CHILD and E_TIMEOUT of a program; E_STATE when taking back failed, too
 */
export async function applyBootLoaderSteps(
  root: string,
  steps: readonly BootLoaderStep[],
  options: ApplyOptions = {},
): Promise<void> {
  const done: BootLoaderStep[] = [];
  for (const step of steps) {
    try {
      await applyStep(root, step, options);
    } catch (error) {
      await takeBack(root, done, options, error);
      throw error;
    }
    done.push(step);
  }
}

/** @throws E_STATE with what is left to be done by hand */
async function takeBack(
  root: string,
  done: readonly BootLoaderStep[],
  options: ApplyOptions,
  cause: unknown,
): Promise<void> {
  // The signal is the reason for some failures; what was done is taken back all the same.
  const { run } = options;
  for (const step of undoSteps(done))
    try {
      await applyStep(root, step, { run });
    } catch (error) {
      const [first, second] = [cause, error].map((one) => (one instanceof Error ? one.message : String(one)));
      throw new KhopError(
        'E_STATE',
        `the boot loader is changed in part: ${first}; taking back failed: ${second}`,
        { hint: `Do this by hand: ${describeBootLoaderStep(step)}.`, cause },
      );
    }
}

async function applyStep(root: string, step: BootLoaderStep, options: ApplyOptions): Promise<void> {
  const run = options.run ?? runProcess;
  const { signal } = options;
  if (step.kind === 'run') {
    const [file = '', ...args] = step.command;
    await run(file, args, { timeoutMs: RUN_TIMEOUT_MS, signal, ownGroup: true });
  } else if (step.kind === 'file') applyFile(root, step);
  else
    await generate(root, step, (file, args) =>
      run(file, args, { timeoutMs: GENERATE_TIMEOUT_MS, signal, ownGroup: true }),
    );
}

function applyFile(root: string, step: BootLoaderStep & { readonly kind: 'file' }): void {
  const path = targetOf(join(root, step.path));
  if (contentOf(path) !== step.before)
    throw new KhopError('E_BUSY', `${step.path} has changed since it was read`, {
      hint: 'Something else is changing the boot loader; try again when it is done.',
    });
  try {
    if (step.after === undefined) removeDurably(path);
    else writeDurably(path, step.after, modeOf(path) ?? NEW_FILE_MODE);
  } catch (error) {
    // It can be in its place although the folder could not be synced.
    restore(path, step.before);
    throw cannotChange(step.path, error);
  }
}

async function generate(
  root: string,
  step: BootLoaderStep & { readonly kind: 'generate' },
  run: (file: string, args: readonly string[]) => Promise<unknown>,
): Promise<void> {
  const path = targetOf(join(root, step.path));
  const [file = '', ...args] = step.command;
  const beside = `${path}${BESIDE}`;
  const before = contentOf(path);
  try {
    rmSync(beside, { force: true });
    await run(file, [...args, `${step.path}${BESIDE}`]);
    if (readFileSync(beside).length === 0)
      throw new KhopError('E_CHILD', `${formatCommand(file, args)} wrote an empty file`, {
        hint: 'Run the command by hand to see why; nothing was replaced.',
      });
    replaceDurably(path, beside);
  } catch (error) {
    rmSync(beside, { force: true });
    restore(path, before);
    throw error instanceof KhopError ? error : cannotChange(step.path, error);
  }
}

/** Puts back what was there, if something else is there now. @throws E_STATE */
function restore(path: string, before: string | undefined): void {
  try {
    if (readIfPresent(path) === before) return;
    if (before === undefined) removeDurably(path);
    else writeDurably(path, before, modeOf(path) ?? NEW_FILE_MODE);
  } catch (cause) {
    throw new KhopError('E_STATE', `${path} is changed and cannot be put back: ${reasonOf(cause)}`, {
      hint: 'Its file system fails; look at the kernel log before this machine is started anew.',
      cause,
    });
  }
}

function contentOf(path: string): string | undefined {
  try {
    return readIfPresent(path);
  } catch (error) {
    throw cannotChange(path, error);
  }
}

/** A symbolic link stays one: grubenv of some systems leads to the EFI system partition. */
function targetOf(hostPath: string): string {
  try {
    return realpathSync(hostPath);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return hostPath;
    throw cannotChange(hostPath, error);
  }
}

function modeOf(path: string): number | undefined {
  const mode = statSync(path, { throwIfNoEntry: false })?.mode;
  return mode === undefined ? undefined : mode & 0o7777;
}

function reasonOf(cause: unknown): string {
  return cause instanceof Error && 'code' in cause ? String(cause.code) : String(cause);
}

function cannotChange(path: string, cause: unknown): KhopError {
  return new KhopError('E_UNREADABLE', `${path} cannot be changed: ${reasonOf(cause)}`, {
    hint: 'Run khop as root, and check that the file system is mounted for writing and has room.',
    cause,
  });
}

/** Sentences about files that could not be replaced: read-only file systems and the like. Changes nothing. */
export function bootLoaderObstacles(root: string, steps: readonly BootLoaderStep[]): string[] {
  return steps.flatMap((step) => {
    if (step.kind === 'run') return [];
    try {
      const folder = dirname(targetOf(join(root, step.path)));
      // A folder that is not there yet is made.
      if (statSync(folder, { throwIfNoEntry: false }) !== undefined) accessSync(folder, constants.W_OK);
      return [];
    } catch (error) {
      return [error instanceof KhopError ? error.message : cannotChange(step.path, error).message];
    }
  });
}

/** One line: what the step does, as a person would do it. */
export function describeBootLoaderStep(step: BootLoaderStep): string {
  if (step.kind === 'run') return formatCommand(step.command[0] ?? '', step.command.slice(1));
  if (step.kind === 'generate')
    return formatCommand(step.command[0] ?? '', [...step.command.slice(1), step.path]);
  if (step.after === undefined) return `remove ${step.path}`;
  if (step.before === undefined) return `write ${step.path}`;
  const [before, after] = [step.before.split('\n'), step.after.split('\n')];
  const changes = [
    ...before.filter((line) => !after.includes(line)).map((line) => `-${shorten(line)}`),
    ...after.filter((line) => !before.includes(line)).map((line) => `+${shorten(line)}`),
  ];
  return `change ${step.path}: ${changes.join(' ')}`;
}

/** GRUB's environment block is padded with hundreds of `#`. */
function shorten(line: string): string {
  const text = line.trim().replace(/#{9,}$/, '');
  return JSON.stringify(text.length > 200 ? `${text.slice(0, 200)}...` : text);
}
