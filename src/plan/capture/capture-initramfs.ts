/**
 * The capture kernel's initramfs: one program, the modules that it inserts, and what is to be used of the
 * distribution's programs: makedumpfile, age, ssh, a shell.
 * @module
 */
import type { CpioEntry } from '../../formats/cpio.ts';
import { cpioFile, cpioFolder, encodeCpio } from '../../formats/cpio-writer.ts';
import type { NamedBytes } from '../../formats/named-bytes.ts';
import type { BroughtProgram } from './brought-program.ts';
import { TARGET_MOUNT } from './capture-target.ts';
import type { RescueOrder } from './rescue.ts';

/** makedumpfile writes to /tmp. */
const FOLDERS = ['dev', 'etc', 'proc', 'sys', TARGET_MOUNT.slice(1), 'modules', 'tmp', 'run', 'run/sshd'];
/** ssh does nothing for a user whom nobody knows, and sshd nothing without one that has nothing. */
const USERS = 'root:x:0:0:root:/:/bin/sh\nsshd:x:100:65534::/run/sshd:/bin/false\n';

/** A module of the capture kernel, not compressed. */
export interface CaptureModule {
  readonly name: string;
  readonly bytes: Uint8Array;
}

/** Where the program finds a module. */
export function capturedModulePath({ name }: Pick<CaptureModule, 'name'>): string {
  return `/modules/${name}.ko`;
}

/** What the archive is made of. */
export interface CaptureContent {
  readonly program: Uint8Array;
  readonly modules: readonly CaptureModule[];
  readonly programs: readonly BroughtProgram[];
  /** By absolute path. */
  readonly rescueFiles: RescueOrder['files'];
}

/** The archive, not compressed: the panic kernel has no memory to have it twice. */
export function captureInitramfs(content: CaptureContent): NamedBytes {
  const { program, modules, programs, rescueFiles } = content;
  const folders = new Set([
    ...FOLDERS,
    ...programs.map(({ folder }) => folder.slice(1)),
    ...rescueFiles.flatMap(({ path }) => foldersOf(path)),
  ]);
  const entries: CpioEntry[] = [
    ...[...folders].map((name) => cpioFolder(name)),
    cpioFile('init', program, 0o755),
    cpioFile('etc/passwd', Buffer.from(USERS)),
    ...modules.map((module) => cpioFile(capturedModulePath(module).slice(1), module.bytes)),
    ...programs.flatMap(({ folder, files }) =>
      files.map(({ name, bytes, mode }) => cpioFile(`${folder.slice(1)}/${name}`, bytes, mode ?? 0o755)),
    ),
    ...rescueFiles.map(({ path, bytes, mode }) => cpioFile(path.slice(1), bytes, mode ?? 0o755)),
  ];
  return { name: 'khop’s capture initramfs', path: undefined, bytes: encodeCpio(entries) };
}

/** `/lib/x/y` -> `lib`, `lib/x`. */
function foldersOf(path: string): string[] {
  const steps = path.split('/').slice(1, -1);
  return steps.map((_step, index) => steps.slice(0, index + 1).join('/'));
}
