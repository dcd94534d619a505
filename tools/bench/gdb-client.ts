/**
 * QEMU's GDB stub, as far as it takes to stop a guest's only CPU at addresses and look at it.
 * https://sourceware.org/gdb/current/onlinedocs/gdb.html/Packets.html
 * @module
 */
import type { Socket } from 'node:net';
import { KhopError } from '../../src/error.ts';
import { connectSocket } from '../../src/lab/socket-connection.ts';
import { decodeWord, encodePacket, encodeWord, PacketDecoder } from './gdb-packets.ts';

/** Numbers of registers in QEMU's description of x86-64 (gdb-xml/i386-64bit.xml). */
const REGISTERS = { rax: 0, rdx: 3, rsp: 7, rip: 16, eflags: 17 } as const;
/** All but this one have eight bytes. */
const EFLAGS_DIGITS = 8;

const RDTSC = '0f31';
const ANSWER_TIMEOUT_MS = 20_000;

type Register = keyof typeof REGISTERS;

/** One connection. The machine stands still from the moment it is made until `resume`. */
export class GdbClient implements Disposable {
  readonly #socket: Socket;
  readonly #decoder = new PacketDecoder();
  readonly #packets: string[] = [];
  #waiter: (() => void) | undefined;
  #failure: Error | undefined;

  private constructor(socket: Socket) {
    this.#socket = socket;
    socket.setEncoding('latin1');
    socket.on('data', (text) => this.#receive(String(text)));
    socket.on('error', () => {});
    socket.on('close', () => this.#fail(ended()));
  }

  /** @param path the socket that `gdbserver unix:PATH,server=on,wait=off` made */
  static async connect(path: string, timeoutMs: number): Promise<GdbClient> {
    const client = new GdbClient(await connectSocket(path, timeoutMs));
    await client.#request('?');
    // The machine was stopped for us, which QEMU tells too, beside the answer; see `#request`.
    await client.#request('g');
    // QEMU takes single registers only from a client that has asked how they are numbered.
    await client.#request('qXfer:features:read:target.xml:0,40');
    return client;
  }

  /** Hardware breakpoints: nothing is written into the guest's memory. Addresses are virtual. */
  async setBreakpoint(address: bigint): Promise<void> {
    await this.#accept(`Z1,${address.toString(16)},1`);
  }

  async removeBreakpoint(address: bigint): Promise<void> {
    await this.#accept(`z1,${address.toString(16)},1`);
  }

  /** Lets the guest run until it stops at a breakpoint: where that is. @throws E_TIMEOUT */
  async resume(timeoutMs: number): Promise<bigint> {
    await this.#request('c', timeoutMs);
    return await this.readRegister('rip');
  }

  async step(): Promise<void> {
    await this.#request('s');
  }

  async readRegister(name: Register): Promise<bigint> {
    // All of them, eight bytes each up to rip; then eflags.
    const all = await this.#request('g');
    const word = all.slice(REGISTERS[name] * 16, REGISTERS[name] * 16 + 16);
    return decodeWord(name === 'eflags' ? word.slice(0, EFLAGS_DIGITS).padEnd(16, '0') : word);
  }

  /** @param digits two hexadecimal digits a byte */
  async writeBytes(address: bigint, digits: string): Promise<void> {
    await this.#accept(`M${address.toString(16)},${(digits.length / 2).toString(16)}:${digits}`);
  }

  async readWord(address: bigint): Promise<bigint> {
    return decodeWord(await this.#request(`m${address.toString(16)},8`));
  }

  /**
   * The time stamp counter where the guest has stopped. The protocol does not know it: the guest executes
   * one `rdtsc` in place of its next instruction, and everything is put back.
   */
  async readTimeStampCounter(): Promise<bigint> {
    const [rax, rdx, rip] = [
      await this.readRegister('rax'),
      await this.readRegister('rdx'),
      await this.readRegister('rip'),
    ];
    const place = `${rip.toString(16)},2`;
    const before = await this.#request(`m${place}`);
    await this.#accept(`M${place}:${RDTSC}`);
    await this.step();
    const low = await this.readRegister('rax');
    const high = await this.readRegister('rdx');
    await this.#accept(`M${place}:${before}`);
    await this.writeRegister('rax', rax);
    await this.writeRegister('rdx', rdx);
    await this.writeRegister('rip', rip);
    return (high << 32n) | low;
  }

  /** Removes nothing and lets the guest run on, without us. */
  async detach(): Promise<void> {
    await this.#accept('D');
  }

  async writeRegister(name: Register, value: bigint): Promise<void> {
    await this.#accept(`P${REGISTERS[name].toString(16)}=${encodeWord(value)}`);
  }

  async #accept(data: string): Promise<void> {
    const answer = await this.#request(data);
    if (answer !== 'OK') throw refused(data, answer);
  }

  /** Why a machine stopped is an answer only to what makes it run, and is skipped otherwise. */
  async #request(data: string, timeoutMs = ANSWER_TIMEOUT_MS): Promise<string> {
    this.#socket.write(encodePacket(data));
    const deadline = performance.now() + timeoutMs;
    for (;;) {
      const answer = this.#packets.shift();
      if (answer !== undefined) {
        this.#socket.write('+');
        if (/^E\d/.test(answer)) throw refused(data, answer);
        if (isStop(answer) !== /^[cs?]$/.test(data)) continue;
        return answer;
      }
      if (this.#failure !== undefined) throw this.#failure;
      const leftMs = deadline - performance.now();
      if (leftMs <= 0) throw late(data, timeoutMs);
      await this.#nextPacket(leftMs);
    }
  }

  async #nextPacket(timeoutMs: number): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#waiter = resolve;
    const timer = setTimeout(resolve, timeoutMs);
    await promise;
    clearTimeout(timer);
    this.#waiter = undefined;
  }

  #receive(text: string): void {
    try {
      this.#packets.push(...this.#decoder.push(text));
    } catch (cause) {
      this.#fail(cause as Error);
    }
    this.#waiter?.();
  }

  #fail(cause: Error): void {
    this.#failure = cause;
    this.#waiter?.();
  }

  [Symbol.dispose](): void {
    this.#socket.destroy();
  }
}

function isStop(packet: string): boolean {
  return /^[TSWX][0-9a-f]{2}/.test(packet);
}

function ended(): KhopError {
  return new KhopError('E_LAB', 'the connection to QEMU’s GDB stub has closed', {
    hint: 'QEMU ended; its last words are in qemu.log in the folder of the machine.',
  });
}

function late(data: string, timeoutMs: number): KhopError {
  return new KhopError('E_TIMEOUT', `QEMU’s GDB stub did not answer "${data}" within ${timeoutMs / 1000} s`, {
    hint: 'The guest did not come to the place where it was to stop.',
  });
}

function refused(data: string, answer: string): KhopError {
  return new KhopError('E_LAB', `QEMU’s GDB stub answers "${data}" with "${answer}"`, {
    hint: 'This QEMU’s stub lacks the request, or the address is not mapped.',
  });
}
