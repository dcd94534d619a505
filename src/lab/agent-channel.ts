/**
 * The host's side of the guest agent: one request at a time, each with a deadline.
 * @module
 */
import type { Socket } from 'node:net';
import { KhopError } from '../error.ts';
import { type AgentFrame, AgentFrameDecoder } from './agent-frames.ts';
import { connectSocket } from './socket-connection.ts';

/** A kernel that has come up. */
export interface GuestHello {
  readonly bootId: string;
  readonly release: string;
  readonly uptimeSeconds: number;
}

/** How a script in the guest ended. */
export interface GuestResult {
  readonly status: number;
  readonly stdout: string;
  readonly stderr: string;
  readonly stdoutBytes: Uint8Array;
}

/** A file of the guest. */
export interface GuestFile {
  readonly bytes: Uint8Array;
  readonly mode: number;
}

/** The agent ends a script at its deadline by itself; this is how much later we stop waiting for it. */
const GRACE_MS = 10_000;

type Waiter = { readonly accept: (frame: AgentFrame) => void; readonly fail: (cause: Error) => void };

/** One word for a POSIX shell. */
export function quoteWord(word: string): string {
  return /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`;
}

/**
 * How many times longer than told a guest waits whose clock counts instructions: while such a guest waits for its disk,
 * an hour of its time takes less than a second. The host's deadline is the one that counts.
 */
const LEAPING_CLOCK = 10_000;

/** One connection to an agent. QEMU lets in one at a time; a second one waits until the first has closed. */
export class AgentChannel implements Disposable {
  readonly #socket: Socket;
  readonly #patience: number;
  readonly #decoder = new AgentFrameDecoder();
  readonly #waiters = new Map<number, Waiter>();
  readonly #helloListeners = new Set<(hello: GuestHello) => void>();
  #queue: Promise<unknown> = Promise.resolve();
  #nextId = 1;
  #lastHello: GuestHello | undefined;

  private constructor(socket: Socket, patience: number) {
    this.#socket = socket;
    this.#patience = patience;
    socket.on('data', (bytes) => {
      for (const frame of this.#decoder.push(Buffer.from(bytes))) this.#receive(frame);
    });
    socket.on('error', () => {});
    socket.on('close', () => this.#failAll(agentGone('the connection to the guest agent has closed')));
  }

  /** @param patience how many times longer than its deadline every answer of the guest is waited for */
  static async connect(path: string, timeoutMs: number, patience = 1): Promise<AgentChannel> {
    return new AgentChannel(await connectSocket(path, timeoutMs), patience);
  }

  /** The latest kernel that said hello on this connection. */
  get lastHello(): GuestHello | undefined {
    return this.#lastHello;
  }

  /** To be called when the guest has closed its side: what was half sent will never be whole. */
  resynchronise(): void {
    this.#decoder.reset();
  }

  /** Asks who is there. @throws E_TIMEOUT when nobody answers */
  async hello(timeoutMs: number): Promise<GuestHello> {
    const frame = await this.#request((id) => [`HELLO ${id}`], timeoutMs);
    if (frame.verb !== 'HELLO') throw unexpected(frame);
    return { bootId: frame.bootId, release: frame.release, uptimeSeconds: frame.uptimeSeconds };
  }

  /**
   * Runs a shell script in the guest and waits for its end.
   * @throws E_TIMEOUT when the script, which is then killed, or the guest does not end in time;
   * E_LAB when another kernel answers instead
   */
  async exec(script: string, timeoutMs: number): Promise<GuestResult> {
    const body = Buffer.from(script);
    const seconds = Math.max(1, Math.ceil(timeoutMs / 1000)) * (this.#patience > 1 ? LEAPING_CLOCK : 1);
    const frame = await this.#request(
      (id) => [`EXEC ${id} ${seconds} ${body.length}`, body],
      timeoutMs + GRACE_MS,
    );
    if (frame.verb !== 'EXIT') throw unexpected(frame);
    const stderr = frame.stderr.toString();
    if (frame.isLate)
      throw new KhopError('E_TIMEOUT', `the guest killed a script after ${seconds} s: ${firstLine(script)}`, {
        hint: `Its last words: ${(stderr || frame.stdout.toString()).slice(-400).trim() || 'none'}`,
      });
    return { status: frame.status, stdout: frame.stdout.toString(), stderr, stdoutBytes: frame.stdout };
  }

  /** Starts a script and does not wait for it; what it writes comes out of the output port. */
  async start(script: string, timeoutMs = 20_000): Promise<void> {
    const body = Buffer.from(script);
    await this.#requestDone((id) => [`START ${id} ${body.length}`, body], timeoutMs);
  }

  /** Writes a file of the guest, making the folders above it. */
  async put(path: string, bytes: Uint8Array, mode: number, timeoutMs: number): Promise<void> {
    checkPath(path);
    await this.#requestDone(
      (id) => [`PUT ${id} ${mode.toString(8)} ${bytes.length} ${path}`, bytes],
      timeoutMs,
    );
  }

  /** Reads a file of the guest; those of /proc and /sys too. */
  async get(path: string, timeoutMs: number): Promise<GuestFile> {
    checkPath(path);
    const frame = await this.#request((id) => [`GET ${id} ${path}`], timeoutMs);
    if (frame.verb !== 'FILE') throw unexpected(frame);
    return { bytes: frame.bytes, mode: frame.mode };
  }

  /** Waits until another kernel than the one with `previousBootId` says hello. @throws E_TIMEOUT */
  async waitForNewKernel(previousBootId: string, timeoutMs: number): Promise<GuestHello> {
    if (this.#lastHello !== undefined && this.#lastHello.bootId !== previousBootId) return this.#lastHello;
    const { promise, resolve, reject } = Promise.withResolvers<GuestHello>();
    const listener = (hello: GuestHello): void => {
      if (hello.bootId !== previousBootId) resolve(hello);
    };
    const onClose = (): void => reject(agentGone('the connection to the guest agent has closed'));
    const waitMs = timeoutMs * this.#patience;
    const timer = setTimeout(() => reject(noNewKernel(waitMs)), waitMs);
    this.#helloListeners.add(listener);
    this.#socket.once('close', onClose);
    try {
      return await promise;
    } finally {
      clearTimeout(timer);
      this.#helloListeners.delete(listener);
      this.#socket.off('close', onClose);
    }
  }

  async #requestDone(
    encode: (id: number) => [string] | [string, Uint8Array],
    timeoutMs: number,
  ): Promise<void> {
    const frame = await this.#request(encode, timeoutMs);
    if (frame.verb !== 'DONE') throw unexpected(frame);
  }

  #request(encode: (id: number) => [string] | [string, Uint8Array], timeoutMs: number): Promise<AgentFrame> {
    const answer = this.#queue.then(() => this.#send(encode, timeoutMs));
    this.#queue = answer.catch(() => {});
    return answer;
  }

  async #send(
    encode: (id: number) => [string] | [string, Uint8Array],
    timeoutMs: number,
  ): Promise<AgentFrame> {
    const id = this.#nextId++;
    const [line, body] = encode(id);
    const { promise, resolve, reject } = Promise.withResolvers<AgentFrame>();
    this.#waiters.set(id, { accept: resolve, fail: reject });
    const waitMs = timeoutMs * this.#patience;
    const timer = setTimeout(() => reject(noAnswer(line, waitMs)), waitMs);
    try {
      if (this.#socket.destroyed) throw agentGone('the connection to the guest agent is closed');
      this.#socket.write(`@khop ${line}\n`);
      if (body !== undefined) this.#socket.write(body);
      const frame = await promise;
      if (frame.verb === 'ERROR') throw guestError(line, frame.message);
      return frame;
    } finally {
      clearTimeout(timer);
      this.#waiters.delete(id);
    }
  }

  #receive(frame: AgentFrame): void {
    if (frame.verb === 'HELLO') this.#greet(frame);
    this.#waiters.get(frame.id)?.accept(frame);
  }

  #greet({ bootId, release, uptimeSeconds }: GuestHello): void {
    const hello = { bootId, release, uptimeSeconds };
    const previous = this.#lastHello;
    this.#lastHello = hello;
    if (previous !== undefined && previous.bootId !== hello.bootId)
      this.#failAll(agentGone(`the guest started ${hello.release} while a request was open`));
    for (const listener of this.#helloListeners) listener(hello);
  }

  #failAll(cause: KhopError): void {
    for (const waiter of this.#waiters.values()) waiter.fail(cause);
  }

  [Symbol.dispose](): void {
    this.#socket.destroy();
  }
}

function firstLine(script: string): string {
  return script.trim().split('\n')[0]?.slice(0, 120) ?? '';
}

function checkPath(path: string): void {
  if (!path.startsWith('/') || /[\n\0]/.test(path))
    throw new KhopError('E_USAGE', `${JSON.stringify(path)} is not an absolute path of the guest`, {
      hint: 'Give the whole path, beginning with /.',
    });
}

function agentGone(message: string): KhopError {
  return new KhopError('E_LAB', message, { hint: 'See the console log of the machine.' });
}

function guestError(line: string, message: string): KhopError {
  return new KhopError('E_LAB', `guest agent, ${line}: ${message}`, {
    hint: 'See what the guest says above.',
  });
}

function noAnswer(line: string, timeoutMs: number): KhopError {
  return new KhopError('E_TIMEOUT', `the guest did not answer "${line}" within ${timeoutMs / 1000} s`, {
    hint: 'It hangs, or is busy: its console is the evidence.',
  });
}

function noNewKernel(timeoutMs: number): KhopError {
  return new KhopError('E_TIMEOUT', `no other kernel said hello within ${timeoutMs / 1000} s`, {
    hint: 'The jump did not happen, or the new kernel hangs: its console is the evidence.',
  });
}

function unexpected(frame: AgentFrame): KhopError {
  return new KhopError('E_LAB', `the guest agent answered with ${frame.verb}`, {
    hint: 'Host and guest disagree about the protocol; remove the cache folder and try again.',
  });
}
