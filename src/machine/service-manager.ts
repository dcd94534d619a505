/**
 * systemd, as the way down.
 * @module
 */
import { KhopError } from '../error.ts';
import { runProcess } from './run-process.ts';
import { readNames } from './source.ts';

/** Somebody who asked that the machine stay up: org.freedesktop.login1, ListInhibitors. */
export interface Inhibitor {
  readonly who: string;
  readonly why: string;
  readonly pid: number;
}

/** How programs are run; a test gives one that only remembers. */
type Run = typeof runProcess;

/** What `startKexecTarget` needs. */
export interface KexecTargetOptions {
  readonly signal: AbortSignal;
  /** A line about progress. */
  readonly remark: (line: string) => void;
  /** Goes down although somebody blocks shutdowns, and says who. */
  readonly isForced?: boolean | undefined;
  /** Called when there is no way back: from here on the system may stop whoever asked. */
  readonly onLeaving?: (() => void) | undefined;
  readonly run?: Run;
}

const START_TIMEOUT_MS = 30_000;
const QUESTION_TIMEOUT_MS = 5_000;
const AT_ONCE = ['--job-mode=replace-irreversibly', '--no-block'];

/**
 * Queues kexec.target, which stops everything in order. At its end systemd-shutdown calls
 * reboot(LINUX_REBOOT_CMD_KEXEC); older ones (252 is) try `kexec -e` first where kexec-tools are installed. An
 * image that is in the kernel needs no tool. Returns when the job is queued.
 *
 * Unlike `systemctl kexec`, starting the target asks nobody: inhibitors are asked for here.
 *
 * @throws E_REFUSED naming those who block shutdowns, or when interrupted before; E_CHILD when systemd refuses; E_TIMEOUT
 */
export async function startKexecTarget(options: KexecTargetOptions): Promise<void> {
  const run = options.run ?? runProcess;
  await heedBlockers(run, options);
  await tellUsers('The system is going down to start another kernel (khop).', options);
  if (options.signal.aborted)
    throw new KhopError('E_REFUSED', 'interrupted before systemd was told to go down', {
      hint: 'Run the command again when it is time.',
    });
  options.onLeaving?.();
  // Without the signal: a job that is queued already is not taken back by an end of the program that asked for it.
  await run('systemctl', ['start', 'kexec.target', ...AT_ONCE], { timeoutMs: START_TIMEOUT_MS });
}

/** @throws E_REFUSED, unless forced */
async function heedBlockers(run: Run, options: KexecTargetOptions): Promise<void> {
  const blockers = await listBlockers(run, options);
  if (blockers.length === 0) return;
  const names = blockers.map(({ who, pid, why }) => `${who} (process ${pid}): ${why}`).join('; ');
  const message = `shutdown is blocked by ${names}`;
  if (options.isForced === true) return options.remark(`Going down all the same: ${message}.`);
  throw new KhopError('E_REFUSED', message, {
    hint: 'Wait until it is done (`systemd-inhibit --list` shows it), or use --now, which asks nobody.',
  });
}

/** A machine without logind has nobody who could block. */
async function listBlockers(run: Run, options: KexecTargetOptions): Promise<readonly Inhibitor[]> {
  const call = ['org.freedesktop.login1', '/org/freedesktop/login1', 'org.freedesktop.login1.Manager'];
  try {
    const { stdout } = await run(
      'busctl',
      ['--json=short', '--auto-start=no', 'call', ...call, 'ListInhibitors'],
      {
        timeoutMs: QUESTION_TIMEOUT_MS,
        signal: options.signal,
      },
    );
    return parseBlockers(stdout);
  } catch (error) {
    if (!(error instanceof KhopError)) throw error;
    options.remark(`Nobody could be asked whether shutdown is blocked: ${error.message.split('\n')[0]}`);
    return [];
  }
}

/**
 * Those who block shutdowns, and do not merely delay them or (257+, block-weak) give way to root, in busctl's answer: `a(ssssuu)`, each what, who, why, mode,
 * uid, pid.
 * @throws E_FORMAT
 */
export function parseBlockers(json: string): readonly Inhibitor[] {
  const entries = inhibitorsOf(json);
  if (entries === undefined)
    throw new KhopError('E_FORMAT', 'the answer of logind to ListInhibitors is not understood', {
      hint: 'Look with `systemd-inhibit --list` who blocks shutdowns.',
    });
  return entries
    .filter(([what, , , mode]) => mode === 'block' && what.split(':').includes('shutdown'))
    .map(([, who, why, , , pid]) => ({ who, why, pid }));
}

type InhibitorTuple = readonly [string, string, string, string, number, number];

function inhibitorsOf(json: string): readonly InhibitorTuple[] | undefined {
  try {
    const answer: unknown = JSON.parse(json);
    const data = typeof answer === 'object' && answer !== null && 'data' in answer ? answer.data : undefined;
    const list: unknown = Array.isArray(data) ? data[0] : undefined;
    return Array.isArray(list) && list.every(isInhibitorTuple) ? list : undefined;
  } catch {
    return undefined;
  }
}

function isInhibitorTuple(value: unknown): value is InhibitorTuple {
  const types = ['string', 'string', 'string', 'string', 'number', 'number'];
  return Array.isArray(value) && types.every((type, index) => typeof value[index] === type);
}

/**
 * An ordinary reboot, whatever the service manager is; systemd jumps to a loaded kernel instead (256+) unless it is
 * told not to. Who blocks shutdowns (257+: root as well) keeps reboot(8) from it, and does not keep the target.
 * Returns when it is queued. @throws E_CHILD, E_TIMEOUT
 */
export async function startReboot(options: KexecTargetOptions): Promise<void> {
  const run = options.run ?? runProcess;
  const bounds = { timeoutMs: START_TIMEOUT_MS, signal: options.signal };
  try {
    await run('reboot', [], { ...bounds, env: { ...process.env, SYSTEMCTL_SKIP_AUTO_KEXEC: '1' } });
  } catch (refusal) {
    if (!(refusal instanceof KhopError)) throw refusal;
    options.remark(`reboot does not do it: ${refusal.message.split('\n')[0]}`);
    try {
      await run('systemctl', ['start', 'reboot.target', ...AT_ONCE], bounds);
    } catch {
      throw refusal;
    }
  }
}

/** Tells people on all terminals; a machine without wall(1) has none to tell. */
export async function tellUsers(
  text: string,
  { signal, run = runProcess }: Pick<KexecTargetOptions, 'signal' | 'run'>,
): Promise<void> {
  try {
    await run('wall', [], { timeoutMs: QUESTION_TIMEOUT_MS, signal, input: `${text}\n` });
  } catch (error) {
    if (!(error instanceof KhopError)) throw error;
  }
}

/** systemctl(1): a unit that does not exist; LSB: a program that is not installed. */
const NOT_INSTALLED = 5;

/**
 * Starts a unit and does not wait for it. Where systemd does not run, or the unit is not installed, there is nothing to
 * start. @throws E_CHILD, E_TIMEOUT
 */
export async function startUnit(
  root: string,
  name: string,
  { signal, run = runProcess }: Pick<KexecTargetOptions, 'signal' | 'run'>,
): Promise<void> {
  if (readNames(root, '/run/systemd/system').state !== 'read') return;
  await run('systemctl', ['start', '--no-block', name], {
    timeoutMs: START_TIMEOUT_MS,
    signal,
    acceptExitCodes: [0, NOT_INSTALLED],
  });
}
