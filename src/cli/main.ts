/**
 * Where the process begins: the only place that sets the exit status of a failure. What not every run needs is
 * imported when it is needed, here and in the commands: a start evaluates no module of the floors below.
 * @module
 */
import { writeFileSync } from 'node:fs';
import { basename } from 'node:path';
import type { KhopError } from '../error.ts';
import { type CliContext, processContext } from './context.ts';

/** Called as `kexec` (a link to this program), khop takes kexec-tools' options. */
export async function main(argv: readonly string[], invokedAs: string): Promise<void> {
  const context = processContext();
  if (basename(invokedAs) === 'kexec') {
    const { runKexec } = await import('./kexec/run-kexec.ts');
    process.exitCode = await runKexec(context, argv);
    return;
  }
  const { buildProgram } = await import('./program.ts');
  const program = buildProgram(context);
  try {
    if (argv.length === 0) program.outputHelp();
    else await program.parseAsync([...argv], { from: 'user' });
  } catch (error) {
    process.exitCode = await reportFailure(context, error, argv.includes('--json'));
  }
}

async function reportFailure(context: CliContext, error: unknown, asJson: boolean): Promise<number> {
  const { CommanderError } = await import('commander');
  // It has printed its own message, or help.
  if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : 2;
  const { asKhopError, errorToJson, exitStatusOf, renderError } = await import('./render/error.ts');
  const failure: KhopError = asKhopError(error);
  if (asJson) {
    const { renderJson } = await import('./render/json.ts');
    context.print(renderJson(errorToJson(failure)));
  }
  context.remark(renderError(failure, context));
  return exitStatusOf(failure);
}

/** For `top`, `pgrep khop` and the kernel's messages: Node.js names its main thread `node-MainThread`. */
function nameProcess(): void {
  try {
    writeFileSync('/proc/self/comm', 'khop');
  } catch {
    // Where /proc cannot be written.
  }
}

// Not by `await`: the packaged khop is a script. As there, a run that waits for nothing must not look done.
let hasEnded = false;
process.once('exit', (status) => {
  if (!hasEnded && status === 0) process.exitCode = 1;
});
nameProcess();
main(process.argv.slice(2), process.argv0).finally(() => {
  hasEnded = true;
});
