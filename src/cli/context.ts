/**
 * What a command may use of the process it runs in. Commands get it as a value, so that a test can pass its
 * own and compare text.
 * @module
 */
import { createInterface } from 'node:readline/promises';
import { styleText } from 'node:util';
import { isTerminal, writeRemark, writeText } from './standard-streams.ts';

/** How a piece of text stands out, when there is a terminal. */
export type Style = 'bold' | 'dim' | 'red' | 'green' | 'yellow' | 'cyan';

/** Output, input and the folder that paths are below. */
export interface CliContext {
  /** Results. */
  readonly print: (text: string) => void;
  /** Progress and remarks: whole lines, only ever appended. */
  readonly remark: (text: string) => void;
  readonly style: (style: Style, text: string) => string;
  /** Whether a person can be asked. */
  readonly canAsk: boolean;
  /** @returns true only for an explicit yes */
  readonly ask: (question: string) => Promise<boolean>;
  readonly signal: AbortSignal;
  /** Sets the exit status of a command that ends without an error. */
  readonly exitWith: (status: number) => void;
}

/** The context of the real process. */
export function processContext(): CliContext {
  const abort = new AbortController();
  process.once('SIGINT', () => abort.abort());
  return {
    print: (text) => writeText('stdout', `${text}\n`),
    remark: (text) => writeRemark(`${text}\n`),
    style: (style, text) =>
      wantsColour(process.env, isTerminal) ? styleText(style, text, { validateStream: false }) : text,
    get canAsk() {
      return isTerminal('stdin') && isTerminal('stderr');
    },
    ask: (question) => askOn(process.stdin, process.stderr, question, abort.signal),
    signal: abort.signal,
    exitWith: (status) => {
      process.exitCode = status;
    },
  };
}

/**
 * A text may go to either stream, so both have to be terminals: a log of one shall have no escape codes.
 * no-color.org: NO_COLOR counts unless it is empty.
 */
export function wantsColour(
  { NO_COLOR, TERM }: Readonly<Record<string, string | undefined>>,
  isShown: typeof isTerminal,
): boolean {
  return (NO_COLOR ?? '') === '' && TERM !== 'dumb' && isShown('stdout') && isShown('stderr');
}

/** An end of the input, Ctrl-C and a lost terminal are no yes. */
export async function askOn(
  input: NodeJS.ReadableStream,
  output: NodeJS.WritableStream,
  question: string,
  signal: AbortSignal,
): Promise<boolean> {
  const terminal = createInterface({ input, output });
  const { promise: ended, resolve } = Promise.withResolvers<string>();
  terminal.once('close', () => resolve(''));
  try {
    const asked = terminal.question(`${question} [y/N] `, { signal });
    const answer = await Promise.race([asked.catch(() => ''), ended]);
    return /^y(es)?$/i.test(answer.trim());
  } finally {
    terminal.close();
  }
}
