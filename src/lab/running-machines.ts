/**
 * The machines of `khop lab`: each has a name, runs on after the command that started it, and is found again
 * by a file in the cache.
 * @module
 */
import { mkdir, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { KhopError } from '../error.ts';
import { AgentChannel, type GuestHello } from './agent-channel.ts';
import { cacheRoot, lockFile } from './cache-folder.ts';
import { type FullMachineOptions, startFullMachine } from './full-machine.ts';
import { isSameProcess, type ProcessIdentity } from './process-identity.ts';
import { machineFiles } from './qemu.ts';
import { Qmp } from './qmp.ts';
import { type SmallMachineOptions, startSmallMachine } from './small-machine.ts';

const CONNECT_TIMEOUT_MS = 3_000;
const HELLO_TIMEOUT_MS = 10_000;
const UP_TIMEOUT_MS = 600_000;
const END_TIMEOUT_MS = 5_000;

/** What `khop lab up` is asked for. */
export type LabRequest =
  | { readonly kind: 'small'; readonly options: SmallMachineOptions }
  | { readonly kind: 'full'; readonly options: FullMachineOptions };

/** A machine that was started by name. */
export interface RunningMachine {
  readonly version: 1;
  readonly name: string;
  readonly kind: LabRequest['kind'];
  /** Holds its sockets and logs. */
  readonly folder: string;
  readonly process: ProcessIdentity;
  /** ISO 8601, UTC. */
  readonly startedAt: string;
  readonly sshPort: number | undefined;
}

function stateFolder(): string {
  return join(cacheRoot(), 'machines');
}

function stateFile(name: string): string {
  if (!/^[a-z0-9][a-z0-9-]{0,30}$/.test(name))
    throw new KhopError('E_USAGE', `${JSON.stringify(name)} cannot be the name of a lab machine`, {
      hint: 'Use small letters, digits and dashes, at most 31.',
    });
  return join(stateFolder(), `${name}.json`);
}

/** Starts a machine that runs until `endMachine`. @throws E_BUSY when one of that name is running */
export async function startMachine(name: string, request: LabRequest): Promise<RunningMachine> {
  const path = stateFile(name);
  await mkdir(stateFolder(), { recursive: true });
  await using _lock = await lockFile(`${path}.lock`, UP_TIMEOUT_MS);
  if ((await readMachine(name)) !== undefined)
    throw new KhopError('E_BUSY', `a lab machine named ${name} is running`, {
      hint: `End it with: khop lab down ${name}`,
    });
  const life = { endsWith: 'nobody', keepFolder: true } as const;
  const machine =
    request.kind === 'small'
      ? await startSmallMachine({ ...request.options, ...life })
      : await startFullMachine({ ...request.options, ...life });
  const state: RunningMachine = {
    version: 1,
    name,
    kind: request.kind,
    folder: machine.folder,
    process: await machine.detach(),
    startedAt: new Date().toISOString(),
    sshPort: machine.description.sshPort,
  };
  await writeFile(`${path}.new`, `${JSON.stringify(state, undefined, 2)}\n`);
  await rename(`${path}.new`, path);
  return state;
}

/** The machines that are running, by name. */
export async function listMachines(): Promise<RunningMachine[]> {
  const names = await readdir(stateFolder()).catch(() => []);
  const machines = await Promise.all(
    names
      .filter((name) => name.endsWith('.json'))
      .sort()
      .map((name) => readMachine(name.slice(0, -'.json'.length))),
  );
  return machines.filter((machine) => machine !== undefined);
}

/** @throws E_NOT_FOUND when no machine of that name is running */
export async function findMachine(name: string): Promise<RunningMachine> {
  const machine = await readMachine(name);
  if (machine !== undefined) return machine;
  throw new KhopError('E_NOT_FOUND', `no lab machine named ${name} is running`, {
    hint: `Start it with: khop lab up ${name}`,
  });
}

/** What is known of a machine, unless it has ended. */
async function readMachine(name: string): Promise<RunningMachine | undefined> {
  const path = stateFile(name);
  const text = await readFile(path, 'utf8').catch(() => undefined);
  if (text === undefined) return undefined;
  const state = JSON.parse(text) as RunningMachine;
  if (state.version === 1 && (await isSameProcess(state.process))) return state;
  await rm(path, { force: true });
  await rm(state.folder, { recursive: true, force: true });
  return undefined;
}

/**
 * A connection to the machine's agent, to be held with `using`, and who answered.
 * @throws E_TIMEOUT when the guest does not answer, or another connection keeps it busy
 */
export async function openAgent(name: string): Promise<{ agent: AgentChannel; hello: GuestHello }> {
  const { folder } = await findMachine(name);
  const agent = await AgentChannel.connect(machineFiles(folder).agent, CONNECT_TIMEOUT_MS);
  try {
    return { agent, hello: await agent.hello(HELLO_TIMEOUT_MS) };
  } catch (cause) {
    agent[Symbol.dispose]();
    throw cause;
  }
}

/** A connection to the machine's monitor. */
export async function openMonitor(name: string): Promise<Qmp> {
  const { folder } = await findMachine(name);
  return await Qmp.connect(machineFiles(folder).qmp, CONNECT_TIMEOUT_MS);
}

/** The socket of its serial console, for `holdConsole`. */
export async function consoleSocket(name: string): Promise<string> {
  return machineFiles((await findMachine(name)).folder).console;
}

/** Everything its serial console has said. */
export async function readConsole(name: string): Promise<string> {
  return await readFile(machineFiles((await findMachine(name)).folder).consoleLog, 'utf8');
}

/** Ends a machine as pulling the plug does, and removes its files. */
export async function endMachine(name: string): Promise<void> {
  const machine = await findMachine(name);
  const { pid } = machine.process;
  try {
    using monitor = await openMonitor(name);
    await monitor.execute('quit', {}, CONNECT_TIMEOUT_MS);
  } catch {
    // A monitor that does not answer: the signal below does not ask.
  }
  if (!(await endsWithin(machine.process, END_TIMEOUT_MS))) process.kill(pid, 'SIGKILL');
  if (!(await endsWithin(machine.process, END_TIMEOUT_MS)))
    throw new KhopError('E_LAB', `QEMU of ${name} (process ${pid}) does not end`, {
      hint: 'It hangs inside the kernel of the host; see its state in /proc.',
    });
  await rm(stateFile(name), { force: true });
  await rm(machine.folder, { recursive: true, force: true });
}

async function endsWithin(identity: ProcessIdentity, timeoutMs: number): Promise<boolean> {
  const deadline = performance.now() + timeoutMs;
  while (await isSameProcess(identity)) {
    if (performance.now() > deadline) return false;
    await sleep(20);
  }
  return true;
}
