import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { GdbClient } from '../../../tools/bench/gdb-client.ts';
import { encodePacket, encodeWord, PacketDecoder } from '../../../tools/bench/gdb-packets.ts';

const RDTSC = Buffer.from([0x0f, 0x31]);
const STOPPED = 'T05thread:01;';
const TEXT = 0xffffffff81000000n;

/** A guest of one CPU with a page of text, that knows rdtsc and stops where it is told to. */
class Guest {
  readonly text = Buffer.alloc(64, 0x90);
  readonly registers: bigint[] = Array.from({ length: 17 }, (_, index) => BigInt(index) << 40n);
  readonly breakpoints = new Set<string>();
  counter = 0x1_2345_6789n;
  eflags = 0x246;
  /** As QEMU, it takes single registers only from those who have asked for their description. */
  knowsNumbers = false;

  answer(request: string): string {
    const [, kind = '', rest = ''] = /^([Zz]1|[a-zA-Z?])(.*)$/s.exec(request) ?? [];
    if (kind === '?') return STOPPED;
    if (kind === 'g')
      return this.registers.map(encodeWord).join('') + encodeWord(BigInt(this.eflags)).slice(0, 8);
    if (kind === 'q') this.knowsNumbers = true;
    if (kind === 'P') return this.knowsNumbers ? this.#writeRegister(rest) : '';
    if (kind === 'm') return this.#read(rest);
    if (kind === 'M') return this.#write(rest);
    if (kind === 's') return this.#step();
    if (kind === 'Z1' || kind === 'z1') {
      const address = rest.split(',')[1] ?? '';
      if (kind === 'Z1') this.breakpoints.add(address);
      else this.breakpoints.delete(address);
      return 'OK';
    }
    if (kind === 'c') {
      this.registers[16] = BigInt(`0x${[...this.breakpoints][0]}`);
      return STOPPED;
    }
    return '';
  }

  #offset(address: string): number {
    return Number(BigInt(`0x${address}`) - TEXT);
  }

  #read(request: string): string {
    const [address = '', length = ''] = request.split(',');
    const at = this.#offset(address);
    if (at < 0 || at >= this.text.length) return 'E14';
    return this.text.subarray(at, at + Number.parseInt(length, 16)).toString('hex');
  }

  #write(request: string): string {
    const [, address = '', hex = ''] = /^([0-9a-f]+),[0-9a-f]+:([0-9a-f]*)$/.exec(request) ?? [];
    this.text.set(Buffer.from(hex, 'hex'), this.#offset(address));
    return 'OK';
  }

  #writeRegister(request: string): string {
    const [number = '', hex = ''] = request.split('=');
    if (number === '11') {
      this.eflags = Buffer.from(hex, 'hex').readUInt32LE();
      return 'OK';
    }
    this.registers[Number.parseInt(number, 16)] = Buffer.from(hex, 'hex').readBigUInt64LE();
    return 'OK';
  }

  #step(): string {
    const at = Number(this.registers[16]! - TEXT);
    if (!this.text.subarray(at, at + 2).equals(RDTSC)) return 'E01';
    this.registers[0] = this.counter & 0xffffffffn;
    this.registers[3] = this.counter >> 32n;
    this.registers[16]! += 2n;
    return STOPPED;
  }
}

async function withGuest(use: (guest: Guest, client: GdbClient) => Promise<void>): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'khop-gdb-'));
  const guest = new Guest();
  const server: Server = createServer((socket) => {
    const decoder = new PacketDecoder();
    socket.on('error', () => {});
    // QEMU stops the machine for whoever connects, and says so.
    socket.write(encodePacket(STOPPED));
    socket.on('data', (bytes) => {
      for (const request of decoder.push(bytes.toString('latin1')))
        socket.write(`+${encodePacket(guest.answer(request))}`);
    });
  });
  try {
    const path = join(folder, 'gdb');
    await new Promise<void>((resolve) => server.listen(path, resolve));
    using client = await GdbClient.connect(path, 5_000);
    await use(guest, client);
  } finally {
    server.close();
    rmSync(folder, { recursive: true });
  }
}

test('a guest stops at a breakpoint, and the client sees where', async () => {
  await withGuest(async (_guest, client) => {
    await client.setBreakpoint(TEXT + 8n);
    assert.equal(await client.resume(5_000), TEXT + 8n);
  });
});

test('reading the counter leaves text and registers as they were', async () => {
  await withGuest(async (guest, client) => {
    await client.setBreakpoint(TEXT + 8n);
    await client.resume(5_000);
    const [text, registers] = [Buffer.from(guest.text), [...guest.registers]];
    assert.equal(await client.readTimeStampCounter(), guest.counter);
    assert.deepEqual(guest.text, text);
    assert.deepEqual(guest.registers, registers);
  });
});

test('what the stub refuses is an error that names the request', async () => {
  await withGuest(async (_guest, client) => {
    await assert.rejects(client.readWord(0x10n), { code: 'E_LAB', message: /"m10,8" with "E14"/ });
  });
});

test('flags have four bytes behind the other registers, and code can be written', () =>
  withGuest(async (guest, client) => {
    assert.equal(await client.readRegister('eflags'), 0x246n);
    await client.writeRegister('eflags', 0x46n);
    assert.equal(guest.eflags, 0x46);
    await client.writeBytes(TEXT + 4n, 'ebfe');
    assert.equal(guest.text.toString('hex', 3, 7), '90ebfe90');
  }));
