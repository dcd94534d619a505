/**
 * A program of the running system with its loader and libraries, as a small initramfs needs them. Libraries are found
 * as ld.so(8) finds them, but without its cache, whose format is glibc's own affair.
 * @module
 */
import { basename, dirname } from 'node:path';
import { KhopError } from '../error.ts';
import { type ElfFile, parseElf } from '../formats/elf.ts';
import { readElfDependencies } from '../formats/elf-dynamic.ts';
import type { Reading } from './reading.ts';
import { linesOf, readBytes, readNames, readText } from './source.ts';

/** One of the files. */
export interface ProgramFile {
  /** Without a folder: a flat folder holds them all. */
  readonly name: string;
  /** In the running system. */
  readonly path: string;
  readonly bytes: Uint8Array;
}

/** What a program consists of. */
export interface ProgramFiles {
  readonly program: ProgramFile;
  /** Undefined for one that needs none. */
  readonly loader: ProgramFile | undefined;
  readonly libraries: readonly ProgramFile[];
}

const PROGRAM_FOLDERS = ['/usr/sbin', '/usr/bin', '/sbin', '/bin'];
/** Those of Debian's triplets are built into its loader. */
const LIBRARY_FOLDERS = [
  ...['x86_64-linux-gnu', 'aarch64-linux-gnu'].flatMap((triplet) => [
    `/lib/${triplet}`,
    `/usr/lib/${triplet}`,
  ]),
  ...['/lib64', '/usr/lib64', '/lib', '/usr/lib'],
];
const CONFIGURATION = '/etc/ld.so.conf.d';
/** Above any program that would be brought; a circle of needs ends by names already. */
const MOST_LIBRARIES = 64;

/** Absent when no folder of programs has it; unreadable when something that it needs is missing. */
export function readProgramFiles(
  root: string,
  name: string,
  folders: readonly string[] = PROGRAM_FOLDERS,
): Reading<ProgramFiles> {
  const found = folders
    .map((folder) => `${folder}/${name}`)
    .map((path) => ({ path, bytes: readBytes(root, path) }))
    .find(({ bytes }) => bytes.state !== 'absent');
  if (found === undefined) return { state: 'absent', source: name };
  const { path, bytes } = found;
  if (bytes.state !== 'read') return { state: 'unreadable', source: path, reason: 'it cannot be read' };
  try {
    return { state: 'read', source: path, value: collect(root, { name, path, bytes: bytes.value }) };
  } catch (error) {
    if (!(error instanceof KhopError)) throw error;
    return { state: 'unreadable', source: path, reason: error.message };
  }
}

function collect(root: string, program: ProgramFile): ProgramFiles {
  const elf = parseElf(program.bytes);
  const { interpreter } = readElfDependencies(elf);
  const configured = configuredFolders(root);
  const libraries = new Map<string, ProgramFile>();
  const queue: { readonly file: ProgramFile; readonly elf: ElfFile }[] = [{ file: program, elf }];
  for (const { file, elf: needing } of queue) {
    const { needed, searchFolders } = readElfDependencies(needing);
    const own = searchFolders.map((folder) => folder.replace(/\$\{?ORIGIN\}?/g, dirname(file.path)));
    for (const name of needed) {
      if (libraries.has(name) || (interpreter !== undefined && name === basename(interpreter))) continue;
      if (libraries.size >= MOST_LIBRARIES)
        refuse(`${program.path} needs more than ${MOST_LIBRARIES} libraries`);
      const library = findLibrary(root, name, [...own, ...configured, ...LIBRARY_FOLDERS], elf.machine);
      if (library === undefined)
        return refuse(`${file.path} needs ${name}, which is in no folder of libraries`);
      libraries.set(name, library.file);
      queue.push(library);
    }
  }
  return {
    program,
    loader: interpreter === undefined ? undefined : loaderAt(root, interpreter),
    libraries: [...libraries.values()],
  };
}

function loaderAt(root: string, path: string): ProgramFile {
  const bytes = readBytes(root, path);
  if (bytes.state !== 'read') return refuse(`the loader ${path} cannot be read`);
  return { name: basename(path), path, bytes: bytes.value };
}

/** The folders of /etc/ld.so.conf.d: distributions keep one for each architecture there. */
function configuredFolders(root: string): string[] {
  const files = readNames(root, CONFIGURATION);
  if (files.state !== 'read') return [];
  return files.value
    .filter((name) => name.endsWith('.conf'))
    .flatMap((name) => {
      const text = readText(root, `${CONFIGURATION}/${name}`);
      return text.state === 'read' ? linesOf(text.value) : [];
    })
    .map((line) => line.trim())
    .filter((line) => line.startsWith('/'));
}

/** The first file of that name that is for this machine: a system may have libraries of two. */
function findLibrary(
  root: string,
  name: string,
  folders: readonly string[],
  machine: number,
): { readonly file: ProgramFile; readonly elf: ElfFile } | undefined {
  const paths = name.includes('/') ? [name] : folders.map((folder) => `${folder}/${name}`);
  for (const path of paths) {
    const bytes = readBytes(root, path);
    if (bytes.state !== 'read') continue;
    const elf = parseOther(bytes.value);
    if (elf?.machine === machine) return { file: { name: basename(name), path, bytes: bytes.value }, elf };
  }
  return undefined;
}

/** Undefined for what is no library, or of 32 bits. */
function parseOther(bytes: Uint8Array): ElfFile | undefined {
  try {
    return parseElf(bytes);
  } catch (error) {
    if (error instanceof KhopError) return undefined;
    throw error;
  }
}

function refuse(problem: string): never {
  throw new KhopError('E_NOT_FOUND', problem, { hint: 'Install the package that it belongs to again.' });
}
