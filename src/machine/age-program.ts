/**
 * The program age on this machine: to see that keys are good, and to read what was encrypted for them.
 * @module
 */

import { KhopError } from '../error.ts';
import { AGE_TEXT_START } from '../formats/age-file.ts';
import { runProcess } from './run-process.ts';

const TIMEOUT_MS = 60_000;
/** A log has 2 MiB at most. */
const MOST_BYTES = 64 * 1024 * 1024;

interface Cancelling {
  readonly signal?: AbortSignal | undefined;
}

/** Encrypts a few words for public keys. @param program path of age. @throws E_CHILD, E_TIMEOUT */
export async function tryEncryption(
  program: string,
  recipients: readonly string[],
  { signal }: Cancelling = {},
): Promise<void> {
  const keys = recipients.flatMap((recipient) => ['-r', recipient]);
  const { stdout } = await runProcess(program, ['-a', ...keys], {
    timeoutMs: TIMEOUT_MS,
    signal,
    input: 'khop',
  });
  if (stdout.startsWith(AGE_TEXT_START)) return;
  throw new KhopError('E_CHILD', `${program} -a writes what is not a file of age`, {
    hint: 'Install the package age of your distribution.',
  });
}

/** The clear text of a file. @param identity path of the file with the secret key. @throws E_CHILD, E_TIMEOUT */
export async function decryptFile(
  path: string,
  identity: string,
  { signal }: Cancelling = {},
): Promise<string> {
  const { stdout } = await runProcess('age', ['-d', '-i', identity, path], {
    timeoutMs: TIMEOUT_MS,
    signal,
    maxOutputBytes: MOST_BYTES,
  });
  return stdout;
}
