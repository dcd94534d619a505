/**
 * The program ssh on this machine, to see beforehand that another one can be logged in to.
 * @module
 */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { runProcess } from './run-process.ts';

/** How ssh is started. */
export interface SshOrder {
  /** Its arguments, with the path of a file of known hosts. */
  readonly argumentsWith: (knownHosts: string) => readonly string[];
  /** What stands in that file. */
  readonly knownHosts: string;
}

const TIMEOUT_MS = 60_000;
/** An archive with nothing in it: two empty blocks. */
const EMPTY_ARCHIVE = new Uint8Array(1024);

/** Has an empty archive unpacked on the other machine. @param program path of ssh. @throws E_CHILD, E_TIMEOUT */
export async function trySsh(
  program: string,
  { argumentsWith, knownHosts }: SshOrder,
  { signal }: { readonly signal?: AbortSignal | undefined } = {},
): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'khop-ssh-'));
  try {
    const path = join(folder, 'known_hosts');
    writeFileSync(path, knownHosts);
    await runProcess(program, argumentsWith(path), { timeoutMs: TIMEOUT_MS, signal, input: EMPTY_ARCHIVE });
  } finally {
    rmSync(folder, { recursive: true });
  }
}
