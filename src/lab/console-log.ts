/**
 * What a machine wrote to its serial console, kept in a file with the host's time before each line.
 * @module
 */
import { createWriteStream, type WriteStream } from 'node:fs';
import type { Socket } from 'node:net';

const TAIL_LINES = 60;
const LONGEST_LINE = 4096;

/** A serial console that is read all the time, so that the guest never waits for us. */
export class ConsoleLog implements Disposable {
  readonly path: string;
  readonly #socket: Socket;
  readonly #file: WriteStream;
  readonly #start = performance.now();
  readonly #listeners = new Set<(line: string) => void>();
  #tail: string[] = [];
  #partial = '';

  /** @param path the file that is written */
  constructor(socket: Socket, path: string) {
    this.path = path;
    this.#socket = socket;
    this.#file = createWriteStream(path);
    socket.setEncoding('utf8');
    socket.on('data', (text) => this.#receive(String(text)));
    socket.on('error', () => {});
  }

  /** The last lines, the unfinished one included. */
  get tail(): readonly string[] {
    return this.#partial === '' ? this.#tail : [...this.#tail, this.#partial];
  }

  onLine(listener: (line: string) => void): void {
    this.#listeners.add(listener);
  }

  /** Types on the console. */
  write(text: string): void {
    this.#socket.write(text);
  }

  #receive(text: string): void {
    const lines = (this.#partial + text).split('\n');
    this.#partial = (lines.pop() ?? '').slice(-LONGEST_LINE);
    for (const raw of lines) {
      const line = raw.replaceAll('\r', '');
      const seconds = ((performance.now() - this.#start) / 1000).toFixed(3).padStart(9);
      this.#file.write(`${seconds} ${line}\n`);
      this.#tail.push(line);
      for (const listener of this.#listeners) listener(line);
    }
    this.#tail = this.#tail.slice(-TAIL_LINES);
  }

  [Symbol.dispose](): void {
    this.#socket.destroy();
    if (this.#partial !== '') this.#file.write(this.#partial);
    this.#file.end();
  }
}
