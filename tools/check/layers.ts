/**
 * The import rules of ARCHITECTURE.md: a floor imports only from floors below it.
 * @module
 */
import { posix } from 'node:path';
import type { SourceFile } from './sources.ts';

/** What each room may import besides itself; what is not listed may not be imported. */
const ALLOWED: Readonly<Record<string, readonly string[]>> = {
  ground: [],
  formats: ['ground'],
  machine: ['formats', 'ground'],
  kernels: ['formats', 'ground'],
  plan: ['machine', 'kernels', 'formats', 'ground'],
  prepare: ['plan', 'machine', 'kernels', 'formats', 'ground'],
  switch: ['prepare', 'plan', 'machine', 'kernels', 'formats', 'ground'],
  trial: ['guard', 'switch', 'prepare', 'plan', 'machine', 'kernels', 'formats', 'ground'],
  guard: ['switch', 'prepare', 'plan', 'machine', 'kernels', 'formats', 'ground'],
  lab: ['machine', 'kernels', 'formats', 'ground'],
  cli: ['trial', 'guard', 'switch', 'prepare', 'lab', 'plan', 'machine', 'kernels', 'formats', 'ground'],
};

/** The pure room opens no files: only these modules of Node.js may be used there. */
const PURE_MODULES = new Set(['node:zlib', 'node:crypto', 'node:buffer', 'node:path']);

/** Only this file may know the FFI library. */
const FFI_FILE = 'src/machine/syscall.ts';

/** One sentence for each import that breaks a rule. */
export function layerProblems(sources: readonly SourceFile[]): string[] {
  return sources
    .filter(({ path }) => path.startsWith('src/'))
    .flatMap(({ path, text }) => importsOf(text).flatMap((target) => problemsOf(path, target)));
}

/** Targets of static, type and dynamic imports and of exports from elsewhere. */
export function importsOf(text: string): string[] {
  const pattern =
    /(?:^|\n)\s*(?:import|export)\b[^;'"]*?\bfrom\s*['"]([^'"]+)['"]|\bimport\(\s*['"]([^'"]+)['"]\s*\)|(?:^|\n)import\s*['"]([^'"]+)['"]/g;
  return [...text.matchAll(pattern)].map((match) => match[1] ?? match[2] ?? match[3]!);
}

function problemsOf(path: string, target: string): string[] {
  const room = roomOf(path);
  if (!target.startsWith('.')) {
    if (room === 'formats' && !PURE_MODULES.has(target))
      return [`${path} imports ${target}: formats/ is pure`];
    if (target === 'koffi' && path !== FFI_FILE) return [`${path} imports koffi: only ${FFI_FILE} may`];
    return [];
  }
  const other = roomOf(posix.normalize(posix.join(posix.dirname(path), target)));
  if (other === room || ALLOWED[room]?.includes(other)) return [];
  return [`${path} imports ${target}: ${room}/ may not know ${other}/`];
}

function roomOf(path: string): string {
  const parts = path.split('/');
  return parts.length === 2 ? 'ground' : parts[1]!;
}
