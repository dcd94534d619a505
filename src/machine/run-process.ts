/**
 * Running another program: no shell, always a deadline, and an error that shows the command line, how it
 * ended and the last lines it wrote to stderr.
 * @module
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { KhopError } from '../error.ts';

/** How to run a program. */
export interface RunOptions {
  /** Deadline in ms: then SIGTERM, and SIGKILL `killAfterMs` later. */
  readonly timeoutMs: number;
  readonly signal?: AbortSignal | undefined;
  /** Written to stdin; without it stdin is /dev/null. */
  readonly input?: string | Uint8Array | undefined;
  readonly cwd?: string | undefined;
  /** The whole environment of the child; without it the child inherits ours. */
  readonly env?: NodeJS.ProcessEnv | undefined;
  /** Limit for stdout and for stderr each, 16 MiB unless told; more ends the child with E_CHILD. */
  readonly maxOutputBytes?: number | undefined;
  /** Exit codes that are results, not errors; [0] unless told. */
  readonly acceptExitCodes?: readonly number[] | 'any' | undefined;
  /**
   * Run in a process group of its own, so that the deadline ends grandchildren too. Ctrl-C on a terminal
   * then no longer reaches the child, only `signal` does.
   */
  readonly ownGroup?: boolean | undefined;
  /** ms between SIGTERM and SIGKILL, 2000 unless told. */
  readonly killAfterMs?: number | undefined;
}

/** How a program ended. Exactly one of `exitCode` and `signal` is not null. */
export interface ProcessResult {
  readonly exitCode: number | null;
  readonly signal: NodeJS.Signals | null;
  /** Decoded as UTF-8. */
  readonly stdout: string;
  readonly stderr: string;
  readonly stdoutBytes: Uint8Array;
}

const DEFAULT_OUTPUT_LIMIT = 16 * 1024 * 1024;
const STDERR_LINES_SHOWN = 6;

/** The command as a person would type it; quoted for reading and copying, never given to a shell. */
export function formatCommand(file: string, args: readonly string[]): string {
  return [file, ...args]
    .map((word) => (/^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`))
    .join(' ');
}

function lastLines(text: string): string {
  const lines = text.trimEnd().split('\n').slice(-STDERR_LINES_SHOWN);
  return lines.join('\n').trim() === '' ? '' : `\n${lines.map((line) => `  ${line}`).join('\n')}`;
}

function kill(child: ChildProcess, ownGroup: boolean, signal: NodeJS.Signals): void {
  if (child.pid === undefined) return;
  try {
    if (ownGroup) process.kill(-child.pid, signal);
    else child.kill(signal);
  } catch {
    // ESRCH: it ended between our decision and the call.
  }
}

/** Why we are ending the child before it ended by itself. */
type Verdict = { readonly code: 'E_TIMEOUT' | 'E_CHILD'; readonly what: string; readonly hint: string };

/** Collects one output stream; `overflow` is called once when it grows beyond `limit` bytes. */
function collect(stream: NodeJS.ReadableStream, limit: number, overflow: () => void): () => Buffer {
  const chunks: Buffer[] = [];
  let size = 0;
  stream.on('data', (chunk: Buffer) => {
    size += chunk.length;
    if (size <= limit) chunks.push(chunk);
    else overflow();
  });
  return () => Buffer.concat(chunks);
}

function spawnError(file: string, command: string, cause: NodeJS.ErrnoException): KhopError {
  const missing = cause.code === 'ENOENT';
  return new KhopError('E_CHILD', `${command}: ${missing ? 'no such program or folder' : cause.message}`, {
    hint: missing ? `Install the package that provides ${file}.` : `Check that ${file} may be executed.`,
    cause,
  });
}

/**
 * Runs `file` with `args` and waits for its end.
 * @throws E_CHILD when it cannot be started, ends with an exit code that is not accepted or by a signal,
 * writes too much, or `signal` is aborted; E_TIMEOUT when the deadline passes
 */
export function runProcess(
  file: string,
  args: readonly string[],
  options: RunOptions,
): Promise<ProcessResult> {
  const { promise, resolve, reject } = Promise.withResolvers<ProcessResult>();
  const command = formatCommand(file, args);
  const ownGroup = options.ownGroup ?? false;
  if (options.signal?.aborted) {
    reject(stopped(command, '', cancelled()));
    return promise;
  }
  const child = spawn(file, args, {
    cwd: options.cwd,
    env: options.env,
    detached: ownGroup,
    stdio: [options.input === undefined ? 'ignore' : 'pipe', 'pipe', 'pipe'],
  });
  let verdict: Verdict | undefined;
  let killTimer: NodeJS.Timeout | undefined;
  const end = (reason: Verdict): void => {
    if (verdict !== undefined) return;
    verdict = reason;
    kill(child, ownGroup, 'SIGTERM');
    killTimer = setTimeout(() => {
      kill(child, ownGroup, 'SIGKILL');
      // A grandchild may hold our pipes open for ever; do not wait for it.
      child.stdout?.destroy();
      child.stderr?.destroy();
    }, options.killAfterMs ?? 2000);
  };
  const limit = options.maxOutputBytes ?? DEFAULT_OUTPUT_LIMIT;
  const stdout = collect(child.stdout as NodeJS.ReadableStream, limit, () => end(tooMuch('stdout', limit)));
  const stderr = collect(child.stderr as NodeJS.ReadableStream, limit, () => end(tooMuch('stderr', limit)));
  const deadline = setTimeout(() => end(tooLate(options.timeoutMs)), options.timeoutMs);
  const onAbort = (): void => end(cancelled(options.signal?.reason));
  options.signal?.addEventListener('abort', onAbort, { once: true });
  const cleanUp = (): void => {
    clearTimeout(deadline);
    clearTimeout(killTimer);
    options.signal?.removeEventListener('abort', onAbort);
  };
  // EPIPE when the child does not read its input: its exit code tells the story.
  child.stdin?.on('error', () => {});
  child.stdin?.end(options.input);
  child.on('error', (cause) => {
    cleanUp();
    reject(spawnError(file, command, cause));
  });
  child.on('close', (exitCode, signal) => {
    cleanUp();
    const stdoutBytes = stdout();
    const errorText = stderr().toString();
    if (verdict !== undefined) reject(stopped(command, errorText, verdict));
    else if (isAccepted(exitCode, options.acceptExitCodes ?? [0]))
      resolve({ exitCode, signal, stdout: stdoutBytes.toString(), stderr: errorText, stdoutBytes });
    else reject(failed(command, exitCode, signal, errorText));
  });
  return promise;
}

function isAccepted(exitCode: number | null, accepted: readonly number[] | 'any'): boolean {
  return accepted === 'any' || (exitCode !== null && accepted.includes(exitCode));
}

function tooMuch(stream: string, limit: number): Verdict {
  return { code: 'E_CHILD', what: `wrote more than ${limit} bytes to ${stream}`, hint: 'Ask it for less.' };
}

function tooLate(timeoutMs: number): Verdict {
  return {
    code: 'E_TIMEOUT',
    what: `did not end within ${timeoutMs / 1000} s and was stopped`,
    hint: 'Run the command by hand to see what it waits for.',
  };
}

function cancelled(cause?: unknown): Verdict & { cause?: unknown } {
  return { code: 'E_CHILD', what: 'was cancelled', hint: 'Nothing is left running.', cause };
}

function stopped(command: string, stderr: string, verdict: Verdict & { cause?: unknown }): KhopError {
  return new KhopError(verdict.code, `${command}: ${verdict.what}${lastLines(stderr)}`, {
    hint: verdict.hint,
    cause: verdict.cause,
  });
}

function failed(command: string, exitCode: number | null, signal: string | null, stderr: string): KhopError {
  const how = signal === null ? `exit status ${exitCode}` : `killed by ${signal}`;
  return new KhopError('E_CHILD', `${command}: ${how}${lastLines(stderr)}`, {
    hint: 'Its own message above says why; run the command by hand to try again.',
  });
}
