/**
 * How a tool begins and ends, and how its options are wrong.
 * @module
 */
import { KhopError } from '../src/error.ts';
import { ERROR_CODES } from '../src/error-codes.ts';

/** Sets the exit status to what `main` gives back; an error of ours is said, with what to do. */
export async function runTool(main: (argv: readonly string[]) => Promise<number>): Promise<void> {
  try {
    process.exitCode = await main(process.argv.slice(2));
  } catch (error) {
    if (!(error instanceof KhopError)) throw error;
    console.error(`${error.message}\n${error.hint}`);
    process.exitCode = ERROR_CODES[error.code].exitStatus;
  }
}

/** E_USAGE of `npm run TOOL`. */
export function usageOf(tool: string): (message: string) => KhopError {
  return (message) => new KhopError('E_USAGE', message, { hint: `See npm run ${tool} -- --help.` });
}
