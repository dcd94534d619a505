/**
 * A running lab machine: its QEMU process, monitor, console and agent. It ends with `await using`, and with
 * the process that started it, however that ends.
 * @module
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, createWriteStream, openSync } from 'node:fs';
import { mkdtemp, readFile, rm, stat } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { KhopError } from '../error.ts';
import {
  AgentChannel,
  type GuestFile,
  type GuestHello,
  type GuestResult,
  quoteWord,
} from './agent-channel.ts';
import { ConsoleLog, withConsole } from './console-log.ts';
import { type MachineDescription, machineSockets, qemuArguments } from './qemu.ts';
import { Qmp } from './qmp.ts';
import { connectSocket } from './socket-connection.ts';

const CONNECT_TIMEOUT_MS = 15_000;
const QUIT_TIMEOUT_MS = 5_000;
const MIGRATION_TIMEOUT_MS = 60_000;

/** How to start a machine. */
export interface StartOptions {
  /** A file made by `saveState`; undefined: switch the machine on. */
  readonly state?: string | undefined;
  /** Keep the folder with the logs after the end; it is in `machine.folder`. */
  readonly keepFolder?: boolean | undefined;
}

/** One machine. All of its files are in `folder`, which goes away with it. */
export class VirtualMachine implements AsyncDisposable {
  readonly description: MachineDescription;
  readonly folder: string;
  readonly console: ConsoleLog;
  readonly agent: AgentChannel;
  readonly qmp: Qmp;
  readonly #child: ChildProcess;
  readonly #keepFolder: boolean;
  #newKernel = new Set<(hello: GuestHello) => void>();

  private constructor(
    description: MachineDescription,
    folder: string,
    parts: { child: ChildProcess; console: ConsoleLog; agent: AgentChannel; qmp: Qmp },
    keepFolder: boolean,
  ) {
    this.description = description;
    this.folder = folder;
    this.#child = parts.child;
    this.console = parts.console;
    this.agent = parts.agent;
    this.qmp = parts.qmp;
    this.#keepFolder = keepFolder;
    this.agent.onHello((hello) => {
      for (const listener of this.#newKernel) listener(hello);
    });
    this.qmp.onEvent(({ event, data }) => {
      if (event === 'VSERPORT_CHANGE' && data['id'] === 'khop.agent' && data['open'] === false)
        this.agent.resynchronise();
    });
  }

  /**
   * Starts QEMU and lets the machine run; the guest has not said hello yet.
   * @throws E_LAB when QEMU does not start
   */
  static async start(description: MachineDescription, options: StartOptions = {}): Promise<VirtualMachine> {
    const folder = await makeMachineFolder();
    const child = spawnQemu(description, folder, options.state);
    try {
      const sockets = machineSockets(folder);
      const exited = qemuExit(child, folder);
      const connectAll = async (): Promise<VirtualMachine> => {
        const qmp = await Qmp.connect(sockets.qmp, CONNECT_TIMEOUT_MS);
        const consoleSocket = await connectSocket(sockets.console, CONNECT_TIMEOUT_MS);
        const log = new ConsoleLog(consoleSocket, join(folder, 'console-times.log'));
        const agent = await AgentChannel.connect(sockets.agent, CONNECT_TIMEOUT_MS);
        const parts = { child, console: log, agent, qmp };
        return new VirtualMachine(description, folder, parts, options.keepFolder ?? false);
      };
      const machine = await Promise.race([connectAll(), exited]);
      if (options.state !== undefined) await machine.#waitForState();
      await machine.qmp.execute('cont');
      return machine;
    } catch (cause) {
      child.kill('SIGKILL');
      throw cause;
    }
  }

  get pid(): number {
    return this.#child.pid ?? 0;
  }

  get hasEnded(): boolean {
    return this.#child.exitCode !== null || this.#child.signalCode !== null;
  }

  /** Waits until the guest's agent answers. @throws E_TIMEOUT with the console; E_LAB when QEMU ends */
  async waitForHello(timeoutMs: number): Promise<GuestHello> {
    return await this.#guarded(this.agent.lastHello ?? this.agent.hello(timeoutMs));
  }

  /** Runs a program in the guest, or, given as one string, a shell script. The status is not judged. */
  async exec(command: readonly string[] | string, options: { timeoutMs: number }): Promise<GuestResult> {
    return await this.#guarded(this.agent.exec(asScript(command), options.timeoutMs));
  }

  /** As `exec`, but any status except 0 is an error. */
  async run(command: readonly string[] | string, options: { timeoutMs: number }): Promise<GuestResult> {
    const result = await this.exec(command, options);
    if (result.status === 0) return result;
    const words = `${result.stderr}${result.stdout}`.trim().slice(-1500);
    throw new KhopError(
      'E_LAB',
      `exit status ${result.status} in the guest: ${asScript(command)}\n${words}`,
      {
        hint: 'The output of the command is above.',
      },
    );
  }

  /** Starts what will end this kernel: does not wait. Its output is read with `readOutput`. */
  async start(command: readonly string[] | string): Promise<void> {
    await this.#guarded(this.agent.start(asScript(command)));
  }

  /** Everything that was written by what `start` started. */
  async readOutput(): Promise<string> {
    return await readFile(join(this.folder, 'output.log'), 'utf8').catch(() => '');
  }

  /** Writes a file of the guest. */
  async copyIn(bytes: Uint8Array | string, path: string, mode = 0o644, timeoutMs = 60_000): Promise<void> {
    await this.#guarded(this.agent.put(path, Buffer.from(bytes), mode, timeoutMs));
  }

  /** Reads a file of the guest. */
  async copyOut(path: string, timeoutMs = 60_000): Promise<GuestFile> {
    return await this.#guarded(this.agent.get(path, timeoutMs));
  }

  /** Waits until another kernel than the one with `previousBootId` says hello. */
  async waitForNewKernel(previousBootId: string, timeoutMs: number): Promise<GuestHello> {
    const known = this.agent.lastHello;
    if (known !== undefined && known.bootId !== previousBootId) return known;
    const { promise, resolve, reject } = Promise.withResolvers<GuestHello>();
    const listener = (hello: GuestHello): void => {
      if (hello.bootId !== previousBootId) resolve(hello);
    };
    const timer = setTimeout(() => reject(noNewKernel(timeoutMs)), timeoutMs);
    this.#newKernel.add(listener);
    try {
      return await this.#guarded(promise);
    } finally {
      clearTimeout(timer);
      this.#newKernel.delete(listener);
    }
  }

  /** Sends a non-maskable interrupt to every CPU. */
  async injectNmi(): Promise<void> {
    await this.qmp.execute('inject-nmi');
  }

  /** As the reset button. */
  async reset(): Promise<void> {
    await this.qmp.execute('system_reset');
  }

  /** As the power button. */
  async pressPower(): Promise<void> {
    await this.qmp.execute('system_powerdown');
  }

  /** Waits until QEMU has ended by itself, e.g. after the guest switched itself off. */
  async waitForEnd(timeoutMs: number): Promise<void> {
    if (this.hasEnded) return;
    const signal = AbortSignal.timeout(timeoutMs);
    await once(this.#child, 'exit', { signal }).catch((cause: unknown) => {
      throw withConsole(
        new KhopError('E_TIMEOUT', `the machine is still on after ${timeoutMs / 1000} s`, {
          hint: 'The guest did not switch itself off.',
          cause,
        }),
        this.console,
      );
    });
  }

  /** Writes memory and devices to `path` and goes on. Disks are not part of it. */
  async saveState(path: string): Promise<void> {
    const socketPath = join(this.folder, 'state');
    const server = createServer();
    server.listen(socketPath);
    await once(server, 'listening');
    const written = once(server, 'connection').then(([socket]) => pipeline(socket, createWriteStream(path)));
    await this.qmp.execute('migrate-set-parameters', { 'max-bandwidth': 2 ** 40 });
    await this.qmp.execute('migrate', { uri: `unix:${socketPath}` });
    await this.#guarded(withDeadline(written, MIGRATION_TIMEOUT_MS, 'save the state of the machine'));
    server.close();
    await this.#pollStatus('postmigrate');
    await this.qmp.execute('cont');
  }

  /** Ends the machine at once, as pulling the plug does. */
  async quit(): Promise<void> {
    if (this.hasEnded) return;
    const ended = once(this.#child, 'exit');
    await this.qmp.execute('quit', {}, QUIT_TIMEOUT_MS).catch(() => {});
    const timer = setTimeout(() => this.#child.kill('SIGKILL'), QUIT_TIMEOUT_MS);
    await ended;
    clearTimeout(timer);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.quit();
    this.agent[Symbol.dispose]();
    this.qmp[Symbol.dispose]();
    this.console[Symbol.dispose]();
    if (!this.#keepFolder) await rm(this.folder, { recursive: true, force: true });
  }

  async #waitForState(): Promise<void> {
    await this.#pollStatus('paused');
  }

  async #pollStatus(wanted: string): Promise<void> {
    const deadline = performance.now() + MIGRATION_TIMEOUT_MS;
    for (;;) {
      const answer = (await this.qmp.execute('query-status')) as { readonly status?: string };
      if (answer.status === wanted) return;
      if (performance.now() > deadline || this.hasEnded) throw notInState(wanted, answer.status);
      await sleep(20);
    }
  }

  /** Adds the console to what goes wrong, and ends the wait when QEMU ends. */
  async #guarded<T>(work: Promise<T> | T): Promise<T> {
    const { promise: ended, reject } = Promise.withResolvers<never>();
    const onExit = (): void => reject(qemuEnded(this.#child));
    if (this.hasEnded) onExit();
    this.#child.once('exit', onExit);
    try {
      return await Promise.race([work, ended]);
    } catch (cause) {
      throw withConsole(cause, this.console);
    } finally {
      this.#child.off('exit', onExit);
    }
  }
}

function asScript(command: readonly string[] | string): string {
  return typeof command === 'string' ? command : command.map(quoteWord).join(' ');
}

/** A short path: the sockets in it have to fit into sun_path. */
export async function makeMachineFolder(): Promise<string> {
  const parent = tmpdir().length > 60 ? '/tmp' : tmpdir();
  return await mkdtemp(join(parent, 'khop-lab-'));
}

/**
 * setpriv makes the kernel kill QEMU when we end, also by SIGKILL: no machine outlives a test run.
 */
function spawnQemu(description: MachineDescription, folder: string, state: string | undefined): ChildProcess {
  const log = openSync(join(folder, 'qemu.log'), 'a');
  const saved = state === undefined ? undefined : openSync(state, 'r');
  const qemu = [
    'qemu-system-x86_64',
    ...qemuArguments(description, folder, saved === undefined ? undefined : 'fd:3'),
  ];
  const child = spawn('setpriv', ['--pdeathsig', 'SIGKILL', '--', ...qemu], {
    stdio: ['ignore', log, log, ...(saved === undefined ? [] : [saved])],
  });
  closeSync(log);
  if (saved !== undefined) closeSync(saved);
  return child;
}

/** Never resolves; rejects when QEMU ends before it was connected. */
async function qemuExit(child: ChildProcess, folder: string): Promise<never> {
  const { promise, reject } = Promise.withResolvers<never>();
  const fail = async (): Promise<void> => {
    const words = await readFile(join(folder, 'qemu.log'), 'utf8').catch(() => '');
    reject(
      new KhopError('E_LAB', `QEMU did not start: ${words.trim().slice(-800) || 'it said nothing'}`, {
        hint: 'Check that qemu-system-x86 and util-linux are installed.',
      }),
    );
  };
  child.once('exit', fail);
  child.once('error', fail);
  return await promise;
}

function qemuEnded(child: ChildProcess): KhopError {
  const how = child.signalCode ?? `exit status ${child.exitCode}`;
  return new KhopError('E_LAB', `the machine has ended (${how})`, {
    hint: 'The guest switched itself off, or QEMU failed; see the console.',
  });
}

function noNewKernel(timeoutMs: number): KhopError {
  return new KhopError('E_TIMEOUT', `no other kernel said hello within ${timeoutMs / 1000} s`, {
    hint: 'The jump did not happen, or the new kernel hangs: its console is the evidence.',
  });
}

function notInState(wanted: string, state: string | undefined): KhopError {
  return new KhopError('E_LAB', `the machine is ${state} and does not become ${wanted}`, {
    hint: 'A saved state fits only the same QEMU; remove the cache folder and try again.',
  });
}

async function withDeadline<T>(work: Promise<T>, timeoutMs: number, what: string): Promise<T> {
  const { promise, reject } = Promise.withResolvers<never>();
  const timer = setTimeout(
    () =>
      reject(
        new KhopError('E_TIMEOUT', `could not ${what} within ${timeoutMs / 1000} s`, { hint: 'Try again.' }),
      ),
    timeoutMs,
  );
  try {
    return await Promise.race([work, promise]);
  } finally {
    clearTimeout(timer);
  }
}

/** Whether `path` is there. */
export async function fileExists(path: string): Promise<boolean> {
  return (await stat(path).catch(() => undefined)) !== undefined;
}
