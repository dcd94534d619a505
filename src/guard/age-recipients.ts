/**
 * Whom reports are encrypted for, as a person says it: public keys of age, or a file with one a line.
 * @module
 */
import { KhopError } from '../error.ts';
import { decodeBech32 } from '../formats/bech32.ts';
import type { SwitchWorld } from '../switch/world.ts';

const KEY = /^(age1|AGE-SECRET-KEY-)/i;
/** X25519, RFC 7748. */
const KEY_BYTES = 32;
/** Each makes the header of every file longer, and there is room for so many where a report goes home in memory. */
const MOST_RECIPIENTS = 20;
const HINT =
  'A public key begins with age1; `age-keygen -o FILE` makes a pair of keys, `age-keygen -y FILE` shows it.';

/**
 * The keys, each once.
 * @param words keys, or paths of files
 * @throws E_USAGE for what is no public key of age, E_NOT_FOUND for a file that is not there
 */
export function readRecipients(
  { files }: Pick<SwitchWorld, 'files'>,
  words: readonly string[],
): readonly string[] {
  const keys = words.flatMap((word) => (KEY.test(word) ? [word] : keysOf(files.read(word), word)));
  for (const key of keys) requireRecipient(key);
  const recipients = [...new Set(keys)];
  if (recipients.length > MOST_RECIPIENTS)
    throw new KhopError('E_USAGE', `${recipients.length} keys are more than ${MOST_RECIPIENTS}`, {
      hint: 'Encrypt for one key that is shared, and from there for others.',
    });
  return recipients;
}

/** As age's own files of recipients: a line each, `#` begins a comment. */
function keysOf(text: string | undefined, path: string): string[] {
  if (text === undefined)
    throw new KhopError('E_NOT_FOUND', `${path} is no public key of age, and no file of them`, {
      hint: HINT,
    });
  const keys = text
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '' && !line.startsWith('#'));
  if (keys.length === 0) throw new KhopError('E_USAGE', `${path} holds no public key of age`, { hint: HINT });
  return keys;
}

function requireRecipient(text: string): undefined {
  // Not to be shown again, nor to be kept on this machine.
  if (/^AGE-SECRET-KEY-/i.test(text))
    throw new KhopError('E_USAGE', 'this is a secret key of age, and a public key is needed', {
      hint: `Keep the secret key away from this machine. ${HINT}`,
    });
  const no = (why: string, cause?: unknown): never => {
    throw new KhopError('E_USAGE', `"${text.slice(0, 80)}" is no public key of age: ${why}`, {
      hint: HINT,
      cause,
    });
  };
  if (!text.startsWith('age1')) no('it does not begin with age1');
  const { name, bytes } = decode(text, no);
  if (name !== 'age') no(`keys of the kind ${name} need a plugin, which the panic kernel has not`);
  if (bytes.length !== KEY_BYTES) no(`it has ${bytes.length} bytes instead of ${KEY_BYTES}`);
}

function decode(text: string, no: (why: string, cause: unknown) => never) {
  try {
    return decodeBech32(text);
  } catch (error) {
    if (!(error instanceof KhopError)) throw error;
    return no(error.message, error);
  }
}
