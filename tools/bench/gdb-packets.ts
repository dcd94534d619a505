/**
 * The packets of GDB's remote serial protocol: `$data#checksum`, the checksum being the sum of the data's
 * bytes modulo 256 in two hex digits.
 * https://sourceware.org/gdb/current/onlinedocs/gdb.html/Overview.html ("Remote Protocol", "Overview")
 * @module
 */
import { KhopError } from '../../src/error.ts';

function checksum(data: string): string {
  let sum = 0;
  for (const byte of Buffer.from(data, 'latin1')) sum = (sum + byte) & 0xff;
  return sum.toString(16).padStart(2, '0');
}

/** @param data without `$`, `#` and `}`, which no request of ours needs */
export function encodePacket(data: string): string {
  return `$${data}#${checksum(data)}`;
}

/** Puts packets together from what a stream brings; acknowledgements (`+`) between them are skipped. */
export class PacketDecoder {
  #buffer = '';

  /** The data of every packet that `text` completes. @throws E_FORMAT when a checksum is wrong */
  push(text: string): string[] {
    this.#buffer += text;
    const packets: string[] = [];
    for (;;) {
      const found = /^[^$]*\$([^#]*)#([0-9a-f]{2})/i.exec(this.#buffer);
      if (found === null) return packets;
      const [whole, data = '', sum = ''] = found;
      if (checksum(data) !== sum.toLowerCase())
        throw new KhopError('E_FORMAT', `GDB packet ${JSON.stringify(data)} has the wrong checksum ${sum}`, {
          hint: 'The connection to QEMU is disturbed; run it again.',
        });
      packets.push(data);
      this.#buffer = this.#buffer.slice(whole.length);
    }
  }
}

/** A 64-bit register or word of memory as the protocol writes it: hex digits of its bytes, lowest first. */
export function decodeWord(hex: string): bigint {
  return Buffer.from(hex, 'hex').readBigUInt64LE();
}

/** The opposite of `decodeWord`. */
export function encodeWord(value: bigint): string {
  const bytes = Buffer.alloc(8);
  bytes.writeBigUInt64LE(value);
  return bytes.toString('hex');
}
