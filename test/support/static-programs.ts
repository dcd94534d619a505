/**
 * Runs static programs: the host's natively, the other architecture's in qemu-user.
 * @module
 */
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Architecture } from '../../src/formats/architecture.ts';
import { fn, type ProgramFunction } from '../../src/formats/static-program/functions.ts';
import { writeAll } from '../../src/formats/static-program/library/output.ts';
import type { Statement } from '../../src/formats/static-program/statements.ts';
import { giveBack, store } from '../../src/formats/static-program/statements.ts';
import { encodeStaticProgram } from '../../src/formats/static-program/static-program.ts';
import { type Term, zeroed } from '../../src/formats/static-program/terms.ts';
import { hostArchitecture } from '../../src/machine/host-architecture.ts';
import { whyNot } from './packing-tools.ts';

/** What runs programs of an architecture; the host itself when `emulator` is undefined. */
export interface ProgramRunner {
  readonly architecture: Architecture;
  readonly emulator: string | undefined;
  /** Why it cannot, for `skip`. */
  readonly skip: string | false;
}

const EMULATORS = { 'x86-64': 'qemu-x86_64', arm64: 'qemu-aarch64' } as const;

export const PROGRAM_RUNNERS: readonly ProgramRunner[] = (['x86-64', 'arm64'] as const).map(
  (architecture) => {
    if (architecture === hostArchitecture()) return { architecture, emulator: undefined, skip: false };
    const emulator = EMULATORS[architecture];
    return { architecture, emulator, skip: whyNot(emulator) };
  },
);

/** What a program did. */
export interface ProgramResult {
  /** Exit status, or null when a signal ended it. */
  readonly status: number | null;
  readonly signal: string | null;
  readonly output: Buffer;
}

/** How a program is started. */
export interface ProgramStart {
  readonly args?: readonly string[];
  readonly environment?: Readonly<Record<string, string>>;
  readonly folder?: string;
  readonly input?: Uint8Array;
}

/** Runs `main` with a deadline of 20 s. */
export function runProgram(
  runner: ProgramRunner,
  main: ProgramFunction<readonly [string]>,
  start: ProgramStart = {},
): ProgramResult {
  return runExecutable(runner, encodeStaticProgram(main, runner.architecture), start);
}

/** Runs an executable of the runner's architecture with a deadline of 20 s. */
export function runExecutable(
  runner: ProgramRunner,
  executable: Uint8Array,
  start: ProgramStart = {},
): ProgramResult {
  const folder = mkdtempSync(join(tmpdir(), 'khop-program-'));
  try {
    const file = join(folder, 'program');
    writeFileSync(file, executable, { mode: 0o755 });
    const args = start.args ?? [];
    const [command, ...rest] =
      runner.emulator === undefined ? [file, ...args] : [runner.emulator, file, ...args];
    const result = spawnSync(command!, rest, {
      timeout: 20_000,
      killSignal: 'SIGKILL',
      cwd: start.folder ?? folder,
      env: { ...start.environment },
      ...(start.input === undefined ? {} : { input: start.input }),
    });
    if (result.error !== undefined) throw result.error;
    return { status: result.status, signal: result.signal, output: result.stdout };
  } finally {
    rmSync(folder, { recursive: true });
  }
}

/** Runs `main` as `runProgram`, while this process goes on, e.g. as the server that the program talks to. */
export async function runProgramBeside(
  runner: ProgramRunner,
  main: ProgramFunction<readonly [string]>,
  folder: string,
): Promise<ProgramResult> {
  const file = join(folder, 'program');
  writeFileSync(file, encodeStaticProgram(main, runner.architecture), { mode: 0o755 });
  const [command, ...rest] = runner.emulator === undefined ? [file] : [runner.emulator, file];
  const child = spawn(command!, rest, { timeout: 20_000, killSignal: 'SIGKILL', cwd: folder, env: {} });
  const pieces: Buffer[] = [];
  child.stdout.on('data', (piece: Buffer) => pieces.push(piece));
  const [status, signal] = (await once(child, 'close')) as [number | null, string | null];
  return { status, signal, output: Buffer.concat(pieces) };
}

/** The values of terms without variables, after `before` was done, all in one run. */
export function runTerms(
  runner: ProgramRunner,
  terms: readonly Term[],
  before: readonly Statement[] = [],
): readonly bigint[] {
  const results = zeroed(8 * terms.length + 8);
  const main = fn('main', ['stack'], [], () => [
    ...before,
    ...terms.map((term, index) => store.u64([results, '+', 8 * index], term)),
    giveBack(writeAll(1, results, 8 * terms.length)),
  ]);
  const { status, signal, output } = runProgram(runner, main);
  if (status !== 0 || output.length !== 8 * terms.length)
    throw new Error(`the program ended with status ${status}, signal ${signal}, ${output.length} bytes`);
  return terms.map((_, index) => output.readBigUInt64LE(8 * index));
}
