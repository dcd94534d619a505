/**
 * The capture kernel's initramfs: one program, the modules that it inserts, and the
 * distribution’s makedumpfile where it is to be used.
 * @module
 */
import type { CpioEntry } from '../../formats/cpio.ts';
import { cpioFile, cpioFolder, encodeCpio } from '../../formats/cpio-writer.ts';
import type { NamedBytes } from '../../formats/named-bytes.ts';
import { TARGET_MOUNT } from './capture-target.ts';
import { DUMP_FOLDER, type DumpProgram } from './dump-order.ts';

const FOLDERS = ['dev', 'proc', 'sys', TARGET_MOUNT.slice(1), 'modules', DUMP_FOLDER.slice(1)];

/** A module of the capture kernel, not compressed. */
export interface CaptureModule {
  readonly name: string;
  readonly bytes: Uint8Array;
}

/** Where the program finds a module. */
export function capturedModulePath({ name }: Pick<CaptureModule, 'name'>): string {
  return `/modules/${name}.ko`;
}

/** The archive, not compressed: the panic kernel has no memory to have it twice. */
export function captureInitramfs(
  program: Uint8Array,
  modules: readonly CaptureModule[],
  dumpProgram: DumpProgram | undefined,
): NamedBytes {
  const entries: CpioEntry[] = [
    ...FOLDERS.map((name) => cpioFolder(name)),
    cpioFile('init', program, 0o755),
    ...modules.map((module) => cpioFile(capturedModulePath(module).slice(1), module.bytes)),
    ...(dumpProgram?.files ?? []).map(({ name, bytes }) =>
      cpioFile(`${DUMP_FOLDER.slice(1)}/${name}`, bytes, 0o755),
    ),
  ];
  return { name: 'khop’s capture initramfs', path: undefined, bytes: encodeCpio(entries) };
}
