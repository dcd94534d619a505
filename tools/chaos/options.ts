/**
 * The options of `npm run chaos`.
 * @module
 */
import { parseArgs } from 'node:util';
import { numberOption, usageOf } from '../run-tool.ts';

const usage = usageOf('chaos');

/**
 * `fast`: long chains of switches; `guard`: crashes, and what can go wrong after them; `trial`: kernels that fail;
 * `good`: kernels that do not.
 */
export const SUITES = ['fast', 'guard', 'trial', 'good'] as const;

export type Suite = (typeof SUITES)[number];

/** What to do. */
export interface ChaosOptions {
  readonly suites: readonly Suite[];
  readonly json: string | undefined;
  /** Beginnings of names of cases; none: all. */
  readonly cases: readonly string[];
  /** `seabios` or `ovmf`; undefined: both. */
  readonly firmware: string | undefined;
  readonly isList: boolean;
  /** How many switches of the suite good, under each firmware. */
  readonly switches: number;
  /** How many machines of guard and trial run at once. */
  readonly jobs: number;
}

export const HELP = `usage: npm run chaos [-- SUITE...] [--json FILE] [--case NAME] [--jobs N] [--list]

Makes faults in virtual machines and looks how they end. Without a SUITE, all of them:

  fast     a chain of twenty fast switches; a quarter of an hour
  guard    crashes, a panic kernel in trouble, disks in trouble and power cuts; three quarters of an hour
  trial    kernels on trial that fail in every way, power cuts, damaged state; some hours
  good     fifty trials of good kernels under each firmware, of which none may be sent home; three hours each

  --json FILE    write the rows of guard, trial and good to FILE: {suite, case, point, firmware, outcome, expected,
                 cause, seconds}; those of trial have watchdog, true or false, as well
  --case NAME    of guard and trial only cases that begin so in --list; may be repeated
  --firmware F   of guard, trial and good only cases under seabios, or under ovmf
  --switches N   so many switches of good under each firmware, 50 unless told
  --jobs N       so many of their machines at once, 1 unless told: one for each core that has nothing else to do, or what
                 waits by the clock ends too early
  --list         say which cases there are, and do nothing

Exit status 1: something did not end as expected; its row begins with FAIL.`;

/** @throws E_USAGE */
export function parseOptions(argv: readonly string[]): ChaosOptions | 'help' {
  const { values, positionals } = parse(argv);
  if (values.help) return 'help';
  const unknown = positionals.find((word) => !SUITES.some((suite) => suite === word));
  if (unknown !== undefined) throw usage(`there is no suite ${unknown}`);
  const asked = SUITES.filter((suite) => positionals.includes(suite));
  const isForCases = values.case !== undefined || values.firmware !== undefined || values.list;
  return {
    suites: asked.length > 0 ? asked : isForCases ? ['guard', 'trial'] : SUITES,
    json: values.json,
    cases: values.case ?? [],
    firmware: values.firmware,
    isList: values.list ?? false,
    switches: numberOption('chaos', '--switches', values.switches ?? '50', /^[1-9]\d{0,3}$/),
    jobs: numberOption('chaos', '--jobs', values.jobs ?? '1', /^[1-9]\d?$/),
  };
}

function parse(argv: readonly string[]) {
  try {
    return parseArgs({
      args: [...argv],
      allowPositionals: true,
      options: {
        json: { type: 'string' },
        case: { type: 'string', multiple: true },
        firmware: { type: 'string' },
        switches: { type: 'string' },
        jobs: { type: 'string' },
        list: { type: 'boolean' },
        help: { type: 'boolean', short: 'h' },
      },
    });
  } catch (cause) {
    throw usage((cause as Error).message);
  }
}
