/**
 * The options of `npm run fuzz`.
 * @module
 */
import { availableParallelism } from 'node:os';
import { parseArgs } from 'node:util';
import { numberOption, usageOf } from '../run-tool.ts';

const usage = usageOf('fuzz');

/** What to do. */
export interface FuzzOptions {
  /** Files whose path has all of these in it. */
  readonly words: readonly string[];
  readonly seconds: number;
  /** undefined: each property has one of its own. */
  readonly seed: number | undefined;
  readonly jobs: number;
  readonly isList: boolean;
}

export const HELP = `usage: npm run fuzz [-- WORD...] [--seconds N] [--seed N] [--jobs N] [--list]

Runs the tests that make up their inputs (fast-check), with new inputs, for a time instead of a hundred of them.
A WORD picks files whose path has it.

  --seconds N  for each property; 3 unless told, which takes ten minutes of one processor
  --seed N     the inputs that a failure has named, again
  --jobs N     files at once; one for each processor unless told
  --list       say which files there are, and do nothing

Exit status 1: a property does not hold. Its message names the seed and the smallest input that was found.`;

/** @throws E_USAGE */
export function parseOptions(argv: readonly string[]): FuzzOptions | 'help' {
  const { values, positionals } = parse(argv);
  if (values.help) return 'help';
  return {
    words: positionals,
    seconds: numberOption('fuzz', '--seconds', values.seconds ?? '3', /^[1-9]\d{0,4}$/),
    seed: values.seed === undefined ? undefined : numberOption('fuzz', '--seed', values.seed, /^-?\d{1,10}$/),
    jobs: numberOption('fuzz', '--jobs', values.jobs ?? `${availableParallelism()}`, /^[1-9]\d*$/),
    isList: values.list ?? false,
  };
}

function parse(argv: readonly string[]) {
  try {
    return parseArgs({
      args: [...argv],
      allowPositionals: true,
      options: {
        seconds: { type: 'string' },
        seed: { type: 'string' },
        jobs: { type: 'string' },
        list: { type: 'boolean' },
        help: { type: 'boolean', short: 'h' },
      },
    });
  } catch (cause) {
    throw usage((cause as Error).message);
  }
}
