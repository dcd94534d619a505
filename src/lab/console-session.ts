/**
 * A person's terminal on a machine's serial console, until they leave it.
 * @module
 */
import { connectSocket } from './socket-connection.ts';

/** Ctrl-], as telnet and virsh have it. */
const LEAVE = 0x1d;
const CONNECT_TIMEOUT_MS = 3_000;

/** The parts of a terminal. */
export interface ConsoleTerminal {
  readonly input: NodeJS.ReadStream;
  readonly output: NodeJS.WritableStream;
}

/** Connects the terminal with the console socket at `path` until Ctrl-], the end of input or of the machine. */
export async function holdConsole(path: string, terminal: ConsoleTerminal): Promise<void> {
  const socket = await connectSocket(path, CONNECT_TIMEOUT_MS);
  const { promise, resolve } = Promise.withResolvers<void>();
  const { input, output } = terminal;
  const onInput = (bytes: Buffer): void => {
    const at = bytes.indexOf(LEAVE);
    socket.write(at < 0 ? bytes : bytes.subarray(0, at));
    if (at >= 0) resolve();
  };
  socket.on('data', (bytes) => output.write(bytes));
  socket.on('error', () => {});
  socket.once('close', () => resolve());
  input.once('end', () => resolve());
  input.on('data', onInput);
  if (input.isTTY) input.setRawMode(true);
  try {
    await promise;
  } finally {
    if (input.isTTY) input.setRawMode(false);
    input.off('data', onInput);
    input.pause();
    socket.destroy();
  }
}
