/**
 * How a tool begins and ends, and how its options are wrong.
 * @module
 */
import { KhopError } from '../src/error.ts';
import { ERROR_CODES } from '../src/error-codes.ts';

/** One of our tools. */
export interface Tool<Options> {
  /** @throws E_USAGE */
  readonly parse: (argv: readonly string[]) => Options | 'help';
  readonly help: string;
  /** Gives back the exit status. */
  readonly run: (options: Options) => Promise<number>;
}

/** Runs it with the words of its command line. An error of ours is said, with what to do. */
export async function runTool<Options>({ parse, help, run }: Tool<Options>): Promise<void> {
  try {
    const options = parse(process.argv.slice(2));
    if (options === 'help') console.log(help);
    else process.exitCode = await run(options);
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

/** The value of an option that has to look like `form`. @throws E_USAGE of `npm run TOOL` */
export function numberOption(tool: string, option: string, text: string, form: RegExp): number {
  if (form.test(text)) return Number(text);
  throw usageOf(tool)(`${option} ${text} is no number that it takes`);
}
