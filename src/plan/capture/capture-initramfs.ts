/**
 * The capture kernel's initramfs: one program and the modules that it inserts.
 * @module
 */
import type { CpioEntry } from '../../formats/cpio.ts';
import { cpioFile, cpioFolder, encodeCpio } from '../../formats/cpio-writer.ts';
import type { NamedBytes } from '../../formats/named-bytes.ts';
import { TARGET_MOUNT } from './capture-target.ts';

const FOLDERS = ['dev', 'proc', 'sys', TARGET_MOUNT.slice(1), 'modules'];

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
export function captureInitramfs(program: Uint8Array, modules: readonly CaptureModule[]): NamedBytes {
  const entries: CpioEntry[] = [
    ...FOLDERS.map((name) => cpioFolder(name)),
    cpioFile('init', program, 0o755),
    ...modules.map((module) => cpioFile(capturedModulePath(module).slice(1), module.bytes)),
  ];
  return { name: 'khop’s capture initramfs', path: undefined, bytes: encodeCpio(entries) };
}
