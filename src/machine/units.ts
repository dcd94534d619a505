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
  /** Who wants a system that is stopping to stop; somebody, where systemd does not tell. */
  readonly shutdownReason: () => Promise<ShutdownReason>;
}

/** `action` is what a unit's FailureAction= or StartLimitAction= says is to be done when it fails: `reboot-force`... */
export type ShutdownReason =
  | { readonly by: 'somebody' }
  | { readonly by: 'soft-reboot' }
  | { readonly by: 'failed-unit'; readonly name: string; readonly action: string };

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
const FAILED = [...LIST.slice(0, -1), '--state=failed'];

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
    shutdownReason: async () => {
      // What cannot be asked for on the way down is no reason.
      const jobs = valueOf(await ask(['list-jobs', '--no-legend', 'soft-reboot.target']));
      if (SOFT_REBOOT_JOB.test(jobs ?? '')) return { by: 'soft-reboot' };
      const failed = linesOf(valueOf(await ask(FAILED)) ?? '').map((line) => parseUnitLine(line).name);
      const unit = failed.length === 0 ? undefined : await actionOfOne(failed, ask);
      return unit ?? { by: 'somebody' };
    },
  };
}

/** The first of `failed` that has the machine restarted, or stopped, when it fails. */
async function actionOfOne(
  failed: readonly string[],
  ask: (args: readonly string[]) => Promise<Reading<string>>,
): Promise<ShutdownReason | undefined> {
  const properties = '--property=Id,Result,FailureAction,StartLimitAction';
  const blocks = parseProperties(valueOf(await ask(['show', properties, '--', ...failed])) ?? '');
  return blocks
    .map((block): ShutdownReason => {
      const limit = block.get('Result') === 'start-limit-hit' ? block.get('StartLimitAction') : undefined;
      const actions = [block.get('FailureAction'), limit];
      const action = actions.find((each) => each !== undefined && each !== '' && each !== 'none') ?? '';
      return { by: 'failed-unit', name: block.get('Id') ?? '', action };
    })
    .find((each) => each.by === 'failed-unit' && each.action !== '');
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
