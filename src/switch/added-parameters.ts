/**
 * Parameters that khop added for one boot. They stand once more in `khop.added=`, so that the next
 * switch that reuses the running command line can tell them from what the administrator wants.
 * @module
 */
import {
  appendArguments,
  commandLineValue,
  parseCommandLine,
  withoutArguments,
} from '../plan/command-line.ts';

/** Unknown to the kernel, which ignores it. */
const ADDED_PARAMETER = 'khop.added';

/**
 * `line` with each of `parameters`, which hold no comma and no space, and the note of them. A note that is there
 * already goes on in the new one.
 */
export function addParameters(line: string, parameters: readonly string[]): string {
  if (parameters.length === 0) return line;
  const all = [...addedParameters(line), ...parameters];
  return appendArguments(
    withoutArguments(line, [ADDED_PARAMETER]),
    [...parameters, `${ADDED_PARAMETER}=${all.join(',')}`].join(' '),
  );
}

/** What `addParameters` has added to `line`. */
export function addedParameters(line: string): string[] {
  const note = commandLineValue(line, ADDED_PARAMETER);
  return note === undefined ? [] : note.split(',');
}

/** `line` as it was before `addParameters`; one that says nothing of additions as it is. */
export function withoutAddedParameters(line: string): string {
  const added = addedParameters(line);
  if (added.length === 0) return line;
  const all = parseCommandLine(withoutArguments(line, [ADDED_PARAMETER]));
  // The last ones are those that were appended: an equal one of the administrator's stands before.
  for (const text of added) {
    const index = all.findLastIndex((argument) => argument.text === text);
    if (index >= 0) all.splice(index, 1);
  }
  return all.map(({ text }) => text).join(' ');
}
