/**
 * QEMU's monitor in its machine protocol: JSON objects, one a line.
 * https://www.qemu.org/docs/master/interop/qmp-spec.html
 * @module
 */
import type { Socket } from 'node:net';
import { KhopError } from '../error.ts';
import { connectSocket } from './socket-connection.ts';

type JsonObject = Readonly<Record<string, unknown>>;

/** Something QEMU tells of its own accord, e.g. `SHUTDOWN`. */
export interface QmpEvent {
  readonly event: string;
  readonly data: JsonObject;
}

interface Pending {
  readonly resolve: (value: unknown) => void;
  readonly reject: (cause: Error) => void;
}

function isObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null;
}

/** One connection to a monitor; QEMU serves one at a time. */
export class Qmp implements Disposable {
  readonly #socket: Socket;
  readonly #pending = new Map<number, Pending>();
  readonly #listeners = new Set<(event: QmpEvent) => void>();
  #partial = '';
  #nextId = 1;
  #ended = false;

  private constructor(socket: Socket) {
    this.#socket = socket;
    socket.setEncoding('utf8');
    socket.on('data', (text) => this.#split(String(text)));
    socket.on('error', () => {});
    socket.on('close', () => this.#end());
  }

  static async connect(path: string, timeoutMs: number): Promise<Qmp> {
    const qmp = new Qmp(await connectSocket(path, timeoutMs));
    await qmp.execute('qmp_capabilities', {}, timeoutMs);
    return qmp;
  }

  /** @throws E_LAB when QEMU refuses the command or has ended; E_TIMEOUT */
  async execute(command: string, parameters: JsonObject = {}, timeoutMs = 10_000): Promise<unknown> {
    const id = this.#nextId++;
    const { promise, resolve, reject } = Promise.withResolvers<unknown>();
    if (this.#ended) throw gone(command);
    this.#pending.set(id, { resolve, reject });
    const timer = setTimeout(() => reject(late(command, timeoutMs)), timeoutMs);
    this.#socket.write(`${JSON.stringify({ execute: command, arguments: parameters, id })}\n`);
    try {
      return await promise;
    } finally {
      clearTimeout(timer);
      this.#pending.delete(id);
    }
  }

  /** A command of the human monitor; its answer is text. */
  async executeHuman(commandLine: string, timeoutMs?: number): Promise<string> {
    const answer = await this.execute('human-monitor-command', { 'command-line': commandLine }, timeoutMs);
    return String(answer);
  }

  onEvent(listener: (event: QmpEvent) => void): void {
    this.#listeners.add(listener);
  }

  #split(text: string): void {
    const lines = (this.#partial + text).split('\n');
    this.#partial = lines.pop() ?? '';
    for (const line of lines) this.#receive(line);
  }

  #receive(line: string): void {
    const message: unknown = JSON.parse(line);
    if (!isObject(message)) return;
    const event = message.event;
    if (typeof event === 'string') {
      const data = isObject(message.data) ? message.data : {};
      for (const listener of this.#listeners) listener({ event, data });
      return;
    }
    const pending = this.#pending.get(Number(message.id));
    if (pending === undefined) return;
    const error = message.error;
    if (isObject(error)) pending.reject(refused(String(error.desc)));
    else pending.resolve(message.return);
  }

  #end(): void {
    this.#ended = true;
    for (const pending of this.#pending.values()) pending.reject(gone('a command'));
    this.#pending.clear();
  }

  [Symbol.dispose](): void {
    this.#socket.destroy();
  }
}

function refused(description: string): KhopError {
  return new KhopError('E_LAB', `QEMU: ${description}`, {
    hint: 'The machine itself goes on; see the console log of the machine.',
  });
}

function gone(command: string): KhopError {
  return new KhopError('E_LAB', `QEMU ended before it answered ${command}`, {
    hint: 'Its last words are in qemu.log in the folder of the machine.',
  });
}

function late(command: string, timeoutMs: number): KhopError {
  return new KhopError('E_TIMEOUT', `QEMU did not answer ${command} within ${timeoutMs / 1000} s`, {
    hint: 'The host may be overloaded; try again.',
  });
}
