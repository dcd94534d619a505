/**
 * Runs GRUB scripts in tests, over files that are given as a record.
 * @module
 */
import type { GrubSystem } from '../../../src/kernels/grub/evaluation.ts';
import { type GrubResult, runGrubConfig } from '../../../src/kernels/grub/interpreter.ts';
import { type LinuxCommands, menuEntries } from '../../../src/kernels/grub/menu.ts';
import { buildTree, type TreeFiles } from '../../support/tree-builder.ts';

/** The result of a script that lies in /boot/grub of a system with `files`. */
export function runScript(text: string, files: TreeFiles = {}): GrubResult {
  using tree = Object.keys(files).length === 0 ? undefined : buildTree(files);
  const texts = new Map(Object.entries(files).filter(([, node]) => typeof node === 'string'));
  const system: GrubSystem = {
    root: tree?.root ?? '/nowhere',
    fileSystems: [],
    readText: (qualified) => texts.get(qualified.replace(/^\([^)]*\)\/?/, '')) as string | undefined,
    readBootLoaderEntries: () => [
      { id: 'two', title: 'Two' },
      { id: 'one', title: 'One' },
    ],
  };
  const start = {
    config: 'grub.cfg',
    device: 'MOUNT=/',
    folder: '/boot/grub',
    firmware: 'efi',
    cpu: 'x86_64',
  } as const;
  return runGrubConfig(text, start, system);
}

/** Value of a variable at the end of a script. */
export function valueAfter(text: string, name: string, files: TreeFiles = {}): string | undefined {
  return runScript(text, files).variables.get(name);
}

/** What the entries of a script's menu would start. */
export function linuxOf(text: string, files: TreeFiles = {}): LinuxCommands[] {
  return [...menuEntries(runScript(text, files).items)].flatMap(({ entry }) =>
    entry.kind === 'entry' && entry.linux !== undefined ? [entry.linux] : [],
  );
}
