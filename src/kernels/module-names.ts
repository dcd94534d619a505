/**
 * Which modules a kernel has on disk, and which it was built with.
 * @module
 */
import { posix } from 'node:path';
import { readText } from './root-folder.ts';

/**
 * Names from modules.dep and modules.builtin, dashes as underscores; undefined when neither is there.
 * @param folder e.g. /lib/modules/6.12.9-amd64
 */
export function readModuleNames(folder: string): ReadonlySet<string> | undefined {
  const texts = ['modules.dep', 'modules.builtin'].map((name) => readText('/', posix.join(folder, name)));
  if (texts.every((text) => text === undefined)) return undefined;
  const names = texts
    .flatMap((text) => (text ?? '').split('\n'))
    .map((line) => /([^/:]+)\.ko(?:\.\w+)?(?::|$)/.exec(line)?.[1])
    .filter((name) => name !== undefined)
    .map((name) => name.replaceAll('-', '_'));
  return new Set(names);
}
