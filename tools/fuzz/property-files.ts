/**
 * Which test files have properties.
 * @module
 */
import { KhopError } from '../../src/error.ts';

/** What imports this makes up its inputs. */
const MARKS = ["from 'fast-check'", "/hostile-bytes.ts'"];

/** @throws E_USAGE when the words mean none */
export function chooseFiles(
  files: readonly { readonly path: string; readonly text: string }[],
  words: readonly string[],
): string[] {
  const chosen = files
    .filter(({ text }) => MARKS.some((mark) => text.includes(mark)))
    .map(({ path }) => path)
    .filter((path) => words.every((word) => path.includes(word)));
  if (chosen.length > 0) return chosen;
  throw new KhopError('E_USAGE', `no file with properties has ${words.join(' and ')} in its path`, {
    hint: 'Their names: npm run fuzz -- --list',
  });
}
