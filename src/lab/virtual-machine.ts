/**
 * A running lab machine: its QEMU process, monitor, console and agent. It ends with `await using`, and with
 * the process that started it, however that ends.
 * @module
 */
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { createWriteStream } from 'node:fs';
import { copyFile, readFile, rm } from 'node:fs/promises';
import { createServer } from 'node:net';
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
import { ConsoleLog } from './console-log.ts';
import { withEvidence } from './evidence.ts';
import { followFile } from './guest-output.ts';
import { identifyProcess, type ProcessIdentity } from './process-identity.ts';
import { type MachineDescription, machineFiles } from './qemu.ts';
import {
  makeMachineFolder,
  prepareMachineFiles,
  type QemuLife,
  rejectOnExit,
  setOwner,
  spawnQemu,
} from './qemu-process.ts';
import { Qmp } from './qmp.ts';
import { connectSocket } from './socket-connection.ts';

const CONNECT_TIMEOUT_MS = 15_000;
const QUIT_TIMEOUT_MS = 5_000;
const STATE_TIMEOUT_MS = 60_000;
/**
 * A guest that counts its instructions says the same on a host that has little time for it, only later: deadlines
 * by the host's clock are for one that hangs.
 */
const COUNTING_PATIENCE = 10;

/** How to start a machine. */
export interface StartOptions {
  /** A file that `saveCheckpoint` made; undefined: switch the machine on. */
  readonly state?: string | undefined;
  /** Keep the folder with the logs after the end; it is in `machine.folder`. */
  readonly keepFolder?: boolean | undefined;
  /** `nobody`: the machine outlives this process, see `detach`; `parent` unless told. */
  readonly endsWith?: QemuLife | undefined;
}

/** A program of the guest with its arguments, or, as one string, a shell script. */
export type GuestCommand = readonly string[] | string;

interface MachineParts {
  readonly child: ChildProcess;
  readonly console: ConsoleLog;
  readonly agent: AgentChannel;
  readonly qmp: Qmp;
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
  /** Rejects when QEMU ends; raced against every wait for the guest. */
  readonly #ended: Promise<never>;
  readonly #closing = new AbortController();

  private constructor(description: MachineDescription, folder: string, parts: MachineParts, keep: boolean) {
    this.description = description;
    this.folder = folder;
    this.#child = parts.child;
    this.console = parts.console;
    this.agent = parts.agent;
    this.qmp = parts.qmp;
    this.#keepFolder = keep;
    const { promise, reject } = Promise.withResolvers<never>();
    this.#ended = promise;
    promise.catch(() => {});
    this.#child.once('exit', () => reject(qemuEnded(this.#child)));
    this.qmp.onEvent(({ event, data }) => {
      const { id, open } = data as { id?: unknown; open?: unknown };
      if (event === 'VSERPORT_CHANGE' && id === 'khop.agent' && open === false) this.agent.resynchronise();
    });
  }

  /**
   * Starts QEMU and lets the machine run; the guest has not said hello yet.
   * @throws E_LAB when QEMU does not start
   */
  static async start(description: MachineDescription, options: StartOptions = {}): Promise<VirtualMachine> {
    const folder = await makeMachineFolder();
    await prepareMachineFiles(description, folder);
    const endsWith = options.endsWith ?? 'parent';
    const child = spawnQemu(description, folder, { state: options.state, endsWith });
    try {
      const exit = rejectOnExit(child, folder, description);
      // A connection that breaks because QEMU ended: its own message says more.
      const connected = connectAll(child, folder, patienceWith(description)).catch((cause: unknown) =>
        Promise.race([exit, sleep(1000).then(() => Promise.reject(cause))]),
      );
      const parts = await Promise.race([connected, exit]);
      const machine = new VirtualMachine(description, folder, parts, options.keepFolder ?? false);
      if (options.state !== undefined) await machine.#pollStatus('paused');
      await machine.qmp.execute('cont');
      return machine;
    } catch (cause) {
      child.kill('SIGKILL');
      if (!options.keepFolder) await rm(folder, { recursive: true, force: true });
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

  /** Runs a command in the guest and waits for it. Its status is not judged. */
  async exec(command: GuestCommand, options: { readonly timeoutMs: number }): Promise<GuestResult> {
    return await this.#guarded(this.agent.exec(asScript(command), options.timeoutMs));
  }

  /** As `exec`, but any status except 0 is an error that shows the output. */
  async run(command: GuestCommand, options: { readonly timeoutMs: number }): Promise<GuestResult> {
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

  /** Starts a command and does not wait: for what ends this kernel. Its output is in `readOutput`. */
  async start(command: GuestCommand): Promise<void> {
    await this.#guarded(this.agent.start(asScript(command)));
  }

  /** Everything that commands begun with `start` have written since the machine was started. */
  async readOutput(): Promise<string> {
    return await readFile(machineFiles(this.folder).output, 'utf8').catch(() => '');
  }

  /** Calls `listener` with that output as it comes, until the machine ends or `signal` is aborted. */
  followOutput(listener: (text: string) => void, signal?: AbortSignal): void {
    const signals = signal === undefined ? [this.#closing.signal] : [this.#closing.signal, signal];
    followFile(machineFiles(this.folder).output, listener, AbortSignal.any(signals)).catch(() => {});
  }

  /** Writes a file of the guest, making the folders above it. */
  async copyIn(bytes: Uint8Array | string, path: string, mode = 0o644, timeoutMs = 60_000): Promise<void> {
    await this.#guarded(this.agent.put(path, Buffer.from(bytes), mode, timeoutMs));
  }

  /** Reads a file of the guest. */
  async copyOut(path: string, timeoutMs = 60_000): Promise<GuestFile> {
    return await this.#guarded(this.agent.get(path, timeoutMs));
  }

  /** Waits until another kernel than the one with `previousBootId` says hello. */
  async waitForNewKernel(previousBootId: string, timeoutMs: number): Promise<GuestHello> {
    return await this.#guarded(this.agent.waitForNewKernel(previousBootId, timeoutMs));
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
  async waitForEnd(deadlineMs: number): Promise<void> {
    const timeoutMs = deadlineMs * patienceWith(this.description);
    const late = sleep(timeoutMs, 'late' as const, { ref: false });
    const outcome = await Promise.race([this.#ended.catch(() => 'ended' as const), late]);
    if (outcome === 'ended') return;
    const error = new KhopError('E_TIMEOUT', `the machine is still on after ${timeoutMs / 1000} s`, {
      hint: 'The guest did not switch itself off.',
    });
    throw await withEvidence(error, this);
  }

  /**
   * Saves memory, devices, firmware variables and disk overlays as files of `folder`, and goes on.
   * `startFromCheckpoint` starts from them.
   */
  async saveCheckpoint(folder: string): Promise<void> {
    const socketPath = machineFiles(this.folder).stateSocket;
    const server = createServer();
    server.listen(socketPath);
    await once(server, 'listening');
    const written = once(server, 'connection').then(([socket]) =>
      pipeline(socket, createWriteStream(machineFiles(folder).state)),
    );
    // Stopped: a page that the emulator writes to while it is sent may be missed, and what starts from that dies.
    await this.qmp.execute('stop');
    await this.qmp.execute('migrate-set-parameters', { 'max-bandwidth': 2 ** 40 });
    await this.qmp.execute('migrate', { uri: `unix:${socketPath}` });
    await this.#guarded(written);
    server.close();
    await this.#pollStatus('postmigrate');
    const own = machineFiles(this.folder);
    const kept = machineFiles(folder);
    if (this.description.firmware.kind === 'ovmf') await copyFile(own.variables, kept.variables);
    for (const [index, disk] of this.description.disks.entries())
      if (disk.access === 'overlay') await copyFile(own.overlay(index), kept.overlay(index));
    await this.qmp.execute('cont');
  }

  /** Lets go of a machine that was started with `endsWith: 'nobody'`: it runs on without us. */
  async detach(): Promise<ProcessIdentity> {
    const identity = await identifyProcess(this.pid);
    await setOwner(this.folder, identity);
    this.#disconnect();
    this.#child.unref();
    return identity;
  }

  /** Ends the machine at once, as pulling the plug does. */
  async quit(): Promise<void> {
    if (this.hasEnded) return;
    const killer = setTimeout(() => this.#child.kill('SIGKILL'), QUIT_TIMEOUT_MS);
    await this.qmp.execute('quit', {}, QUIT_TIMEOUT_MS).catch(() => {});
    await this.#ended.catch(() => {});
    clearTimeout(killer);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.quit();
    this.#disconnect();
    if (!this.#keepFolder) await rm(this.folder, { recursive: true, force: true });
  }

  #disconnect(): void {
    this.#closing.abort();
    this.agent[Symbol.dispose]();
    this.qmp[Symbol.dispose]();
    this.console[Symbol.dispose]();
  }

  async #pollStatus(wanted: string): Promise<void> {
    const deadline = performance.now() + STATE_TIMEOUT_MS;
    for (;;) {
      const answer = (await this.qmp.execute('query-status')) as { readonly status?: string };
      if (answer.status === wanted) return;
      if (performance.now() > deadline) throw notInState(wanted, answer.status);
      await sleep(20);
    }
  }

  /** Ends the wait when QEMU ends, and adds to what goes wrong what is known of the guest. */
  async #guarded<T>(work: Promise<T> | T): Promise<T> {
    try {
      return await Promise.race([work, this.#ended]);
    } catch (cause) {
      throw await withEvidence(cause, this);
    }
  }
}

function patienceWith({ instructionCount }: MachineDescription): number {
  return instructionCount ? COUNTING_PATIENCE : 1;
}

async function connectAll(child: ChildProcess, folder: string, patience: number): Promise<MachineParts> {
  const files = machineFiles(folder);
  const qmp = await Qmp.connect(files.qmp, CONNECT_TIMEOUT_MS);
  const console = new ConsoleLog(await connectSocket(files.console, CONNECT_TIMEOUT_MS), files.consoleTimes);
  const agent = await AgentChannel.connect(files.agent, CONNECT_TIMEOUT_MS, patience);
  return { child, console, agent, qmp };
}

function asScript(command: GuestCommand): string {
  return typeof command === 'string' ? command : command.map(quoteWord).join(' ');
}

function qemuEnded(child: ChildProcess): KhopError {
  const how = child.signalCode ?? `exit status ${child.exitCode}`;
  return new KhopError('E_LAB', `the machine has ended (${how})`, {
    hint: 'The guest switched itself off, or QEMU failed; see the console.',
  });
}

function notInState(wanted: string, state: string | undefined): KhopError {
  return new KhopError('E_LAB', `the machine is ${state} and does not become ${wanted}`, {
    hint: 'A saved state fits only the same QEMU; remove the cache folder and try again.',
  });
}
