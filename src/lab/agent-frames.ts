/**
 * The frames of the guest agent, see guest-agent.sh: one line, and the bytes whose lengths it ends in.
 * @module
 */

/** What the agent says. */
export type AgentFrame =
  | {
      readonly verb: 'HELLO';
      readonly id: number;
      readonly bootId: string;
      readonly uptimeSeconds: number;
      readonly release: string;
    }
  | {
      readonly verb: 'EXIT';
      readonly id: number;
      readonly status: number;
      readonly isLate: boolean;
      readonly stdout: Buffer;
      readonly stderr: Buffer;
    }
  | { readonly verb: 'FILE'; readonly id: number; readonly mode: number; readonly bytes: Buffer }
  | { readonly verb: 'DONE'; readonly id: number }
  | { readonly verb: 'ERROR'; readonly id: number; readonly message: string };

const LONGEST_LINE = 8192;
/** More than a lab machine has memory for is a damaged line, not a length. */
const LONGEST_PAYLOAD = 2 ** 32;

/** Lengths at the end of a line, by verb: positions among its words. */
const LENGTH_WORDS: Readonly<Record<string, readonly number[]>> = { EXIT: [5, 6], FILE: [4] };

function payloadLength(words: readonly string[]): number {
  const lengths = (LENGTH_WORDS[words[1] ?? ''] ?? []).map((index) => Number(words[index]));
  const total = lengths.reduce((sum, length) => sum + length, 0);
  return Number.isSafeInteger(total) && total >= 0 && total <= LONGEST_PAYLOAD ? total : 0;
}

function decodeFrame(words: readonly string[], line: string, payload: Buffer): AgentFrame | undefined {
  const id = Number(words[2]);
  switch (words[1]) {
    case 'HELLO': {
      const [, , , bootId = '', uptime = '', release = ''] = words;
      return { verb: 'HELLO', id, bootId, uptimeSeconds: Number(uptime), release };
    }
    case 'EXIT': {
      const split = Number(words[5]);
      return {
        verb: 'EXIT',
        id,
        status: Number(words[3]),
        isLate: words[4] === '1',
        stdout: payload.subarray(0, split),
        stderr: payload.subarray(split),
      };
    }
    case 'FILE':
      return { verb: 'FILE', id, mode: Number.parseInt(words[3] ?? '', 8), bytes: payload };
    case 'DONE':
      return { verb: 'DONE', id };
    case 'ERROR':
      return { verb: 'ERROR', id, message: line.split(' ').slice(3).join(' ').trim() };
    default:
      return undefined;
  }
}

/** Takes bytes as they come and gives whole frames. */
export class AgentFrameDecoder {
  #chunks: Buffer[] = [];
  #size = 0;
  /** A line that waits for `length` bytes of payload. */
  #open: { readonly line: string; readonly length: number } | undefined;

  /** Forgets a half-received frame: the agent that was sending it is gone. */
  reset(): void {
    this.#chunks = [];
    this.#size = 0;
    this.#open = undefined;
  }

  push(bytes: Uint8Array): AgentFrame[] {
    this.#chunks.push(Buffer.from(bytes));
    this.#size += bytes.length;
    // A payload of many chunks is joined once, when it is whole.
    if (this.#open !== undefined && this.#size < this.#open.length) return [];
    const frames: AgentFrame[] = [];
    let rest: Buffer = Buffer.concat(this.#chunks);
    for (;;) {
      const step = this.#take(rest);
      if (step === undefined) break;
      rest = step.rest;
      if (step.frame !== undefined) frames.push(step.frame);
    }
    this.#chunks = [rest];
    this.#size = rest.length;
    return frames;
  }

  #take(data: Buffer): { frame: AgentFrame | undefined; rest: Buffer } | undefined {
    if (this.#open === undefined) {
      const end = data.indexOf(0x0a);
      if (end < 0)
        return data.length > LONGEST_LINE ? { frame: undefined, rest: Buffer.alloc(0) } : undefined;
      const line = data.toString('utf8', 0, end);
      const rest = data.subarray(end + 1);
      if (!line.startsWith('@khop ')) return { frame: undefined, rest };
      this.#open = { line, length: payloadLength(line.split(' ')) };
      return { frame: undefined, rest };
    }
    const { line, length } = this.#open;
    if (data.length < length) return undefined;
    this.#open = undefined;
    return {
      frame: decodeFrame(line.split(' '), line, data.subarray(0, length)),
      rest: data.subarray(length),
    };
  }
}
