/**
 * From a program of the running system to one that the capture kernel can start: by its own loader, with a flat folder
 * of its libraries, so that it needs none of the distribution's folders.
 * @module
 */
import type { ProgramFile, ProgramFiles } from '../machine/program-files.ts';
import type { BroughtProgram } from '../plan/capture/brought-program.ts';

/** All that it consists of. */
export function filesOf({ program, loader, libraries }: ProgramFiles): readonly ProgramFile[] {
  return [program, ...(loader === undefined ? [] : [loader]), ...libraries];
}

/** @param folder of its own, in the initramfs */
export function bringProgram(files: ProgramFiles, folder: string, args: readonly string[]): BroughtProgram {
  const { program, loader } = files;
  const path = (name: string) => `${folder}/${name}`;
  const start = loader === undefined ? [] : [path(loader.name), '--library-path', folder];
  return { folder, files: filesOf(files), command: [...start, path(program.name), ...args] };
}
