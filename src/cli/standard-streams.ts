/**
 * Writing to stdout and stderr, and asking whether they are terminals, without process.stdout: making that
 * stream loads Node.js's streams and sockets, which cost a short command as much as its own work does.
 * @module
 */
import { fstatSync, writeSync } from 'node:fs';

const STREAMS = {
  stdin: { descriptor: 0, open: () => process.stdin },
  stdout: { descriptor: 1, open: () => process.stdout },
  stderr: { descriptor: 2, open: () => process.stderr },
} as const;

/** Streams that had to be opened: what was written to them must stay before what comes next. */
const opened = new Set<'stdout' | 'stderr'>();

/** Writes all of `text`, at once. A reader or terminal that has gone is no error: nobody is left to tell. */
export function writeText(name: 'stdout' | 'stderr', text: string): void {
  const { descriptor, open } = STREAMS[name];
  let rest = Buffer.from(text);
  while (rest.length > 0 && !opened.has(name)) {
    try {
      rest = rest.subarray(writeSync(descriptor, rest));
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException;
      if (code === 'EPIPE' || code === 'EIO') return;
      // Somebody made the pipe non-blocking, and it is full: the stream knows how to wait.
      if (code !== 'EAGAIN') throw error;
      opened.add(name);
    }
  }
  if (rest.length > 0) open().write(rest);
}

/**
 * Writes a remark to stderr, if that can be. On the way down, terminals go and logs become read-only while khop tells of
 * its progress: that is no reason to stop half way.
 */
export function writeRemark(text: string): void {
  try {
    writeText('stderr', text);
  } catch {
    // What went wrong could only be told to the same stream.
  }
}

/** Whether a person can see or type there. */
export function isTerminal(name: keyof typeof STREAMS): boolean {
  const { descriptor, open } = STREAMS[name];
  return fstatSync(descriptor).isCharacterDevice() && open().isTTY === true;
}
