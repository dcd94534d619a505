/**
 * What commands begun with `start` write, while they write it: QEMU appends it to a file.
 * @module
 */
import { open } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';

const POLL_MS = 50;
const CHUNK = 64 * 1024;

/** Calls `listener` with what is appended to the file at `path`, from its beginning, until `signal`. */
export async function followFile(
  path: string,
  listener: (text: string) => void,
  signal: AbortSignal,
): Promise<void> {
  const file = await open(path, 'r');
  try {
    const decoder = new TextDecoder();
    const buffer = Buffer.alloc(CHUNK);
    while (!signal.aborted) {
      const { bytesRead } = await file.read(buffer, 0, CHUNK, null);
      if (bytesRead > 0) listener(decoder.decode(buffer.subarray(0, bytesRead), { stream: true }));
      else await sleep(POLL_MS, undefined, { ref: false });
    }
  } finally {
    await file.close();
  }
}
