/**
 * What systemd says of its units. Nothing here throws for an answer that does not come: early in a start systemd
 * may not answer yet, and the reading says so. systemctl(1).
 * @module
 */
import { KhopError } from '../error.ts';
import { parseProperties, toMs } from './boot-times.ts';
import { type Reading, valueOf } from './reading.ts';
import { runProcess } from './run-process.ts';
import { linesOf, mapReading, readNames } from './source.ts';

/** One unit. States are of org.freedesktop.systemd1(5). */
export interface UnitState {
  readonly name: string;
  /** `active`, `failed`, `activating`, `inactive`... */
  readonly active: string;
  /** Finer: `running`, `auto-restart`... */
  readonly sub: string;
  /** `loaded`, `not-found`, `masked`... */
  readonly load: string;
  /** Timers, sockets and paths that start it; only of units that were asked for by name. */
  readonly triggeredBy?: readonly string[];
  /** How often systemd has started it again by itself (235); only of services that were asked for by name. */
  readonly restarts?: number | undefined;
  /** Milliseconds of CLOCK_MONOTONIC; only of units that were asked for by name, and were active once. */
  readonly activeSinceMs?: number | undefined;
}

/** Questions to systemd; absent where it does not run. */
export interface UnitCalls {
  /** `starting`, `running`, `degraded`, `stopping`...: `systemctl is-system-running`. */
  readonly systemState: () => Promise<Reading<string>>;
  /** Units that are active, failed, or on their way. */
  readonly list: () => Promise<Reading<readonly UnitState[]>>;
  /** In the order of `names`, also of those that do not exist. */
  readonly show: (names: readonly string[]) => Promise<Reading<readonly UnitState[]>>;
  /** Whether a system that is stopping starts its services anew under the same kernel (systemd 254). */
  readonly isSoftReboot: () => Promise<boolean>;
}

/** How programs are run; a test gives one that only answers. */
type Run = typeof runProcess;

const TIMEOUT_MS = 20_000;
const STATES = 'active,failed,activating,deactivating,reloading';
const LIST = ['list-units', '--plain', '--no-legend', '--no-pager', '--full', `--state=${STATES}`];

const PROPERTIES = [
  ...['Id', 'ActiveState', 'SubState', 'LoadState', 'TriggeredBy'],
  ...['NRestarts', 'ActiveEnterTimestampMonotonic'],
];

const STARTING: ReadonlySet<string> = new Set(['initializing', 'starting']);
/** `1234 shutdown.target start waiting`. */
const SHUTDOWN_JOB = /^\s*\d+\s+shutdown\.target\s+start\s/m;
const SOFT_REBOOT_JOB = /^\s*\d+\s+soft-reboot\.target\s+start\s/m;

/** systemd of the system below `root`, which has to be the one that runs. */
export function unitCalls(root: string, signal: AbortSignal, run: Run = runProcess): UnitCalls {
  const ask = (args: readonly string[]) => askSystemd(root, args, signal, run);
  return {
    systemState: async () => {
      const state = mapReading(await ask(['is-system-running']), (text) => text.trim() || undefined);
      if (state.state !== 'read' || !STARTING.has(state.value)) return state;
      // Before systemd 246 these last until the start is finished, also when a shutdown ends it.
      const jobs = await ask(['list-jobs', '--no-legend', 'shutdown.target']);
      return SHUTDOWN_JOB.test(valueOf(jobs) ?? '') ? { ...state, value: 'stopping' } : state;
    },
    list: async () => mapReading(await ask(LIST), (text) => linesOf(text).map(parseUnitLine)),
    show: async (names) => {
      const properties = `--property=${PROPERTIES.join(',')}`;
      return mapReading(await ask(['show', properties, '--', ...names]), (text) => unitsOf(text, names));
    },
    isSoftReboot: async () =>
      SOFT_REBOOT_JOB.test(valueOf(await ask(['list-jobs', '--no-legend', 'soft-reboot.target'])) ?? ''),
  };
}

/** A unit that has failed, and what it has the machine do then. */
export interface FailureAction {
  readonly name: string;
  /** Of FailureAction= or StartLimitAction=: `reboot`, `poweroff-force`... */
  readonly action: string;
}

/** The first such unit. @param shown what `systemctl show` says of those that have failed, without some of the properties */
export function findFailureAction(shown: string): FailureAction | undefined {
  return parseProperties(shown)
    .map((block) => {
      const limit = block.get('Result') === 'start-limit-hit' ? block.get('StartLimitAction') : undefined;
      const action = [block.get('FailureAction'), limit].find((each) => each && each !== 'none') ?? '';
      return { name: block.get('Id') ?? '', action };
    })
    .find(({ name, action }) => name !== '' && action !== '');
}

async function askSystemd(
  root: string,
  args: readonly string[],
  signal: AbortSignal,
  run: Run,
): Promise<Reading<string>> {
  const runtime = readNames(root, '/run/systemd/system');
  if (runtime.state !== 'read') return runtime;
  const source = `systemctl ${args[0]}`;
  // Its exit status tells of states as well as of failures, so only the answer counts.
  try {
    const { stdout, stderr } = await run('systemctl', args, {
      timeoutMs: TIMEOUT_MS,
      signal,
      env: { ...process.env, LC_ALL: 'C', SYSTEMD_COLORS: '0' },
      acceptExitCodes: 'any',
    });
    if (stdout.trim() !== '' || stderr.trim() === '') return { state: 'read', source, value: stdout };
    return { state: 'unreadable', source, reason: stderr.trim().split('\n')[0]! };
  } catch (error) {
    if (!(error instanceof KhopError) || signal.aborted) throw error;
    return { state: 'unreadable', source, reason: error.message.split('\n')[0]! };
  }
}

/** `ssh.service loaded active running OpenBSD Secure Shell server`; some versions mark failed ones all the same. */
function parseUnitLine(line: string): UnitState {
  const [name = '', load = '', active = '', sub = ''] = line.replace(/^[^\w-]+/, '').split(/\s+/);
  return { name, load, active, sub };
}

function unitsOf(text: string, names: readonly string[]): UnitState[] | undefined {
  const blocks = parseProperties(text);
  if (blocks.length !== names.length) return undefined;
  return blocks.map((block, index) => ({
    name: names[index]!,
    active: block.get('ActiveState') ?? '',
    sub: block.get('SubState') ?? '',
    load: block.get('LoadState') ?? '',
    triggeredBy: (block.get('TriggeredBy') ?? '').split(' ').filter((name) => name !== ''),
    restarts: countOf(block.get('NRestarts')),
    activeSinceMs: toMs(block.get('ActiveEnterTimestampMonotonic')),
  }));
}

function countOf(text: string | undefined): number | undefined {
  return text !== undefined && /^\d+$/.test(text) ? Number(text) : undefined;
}
