/**
 * A kernel's modules, found by name with what they depend on, in an order in which they can be inserted one after
 * the other: for a small initramfs.
 * @module
 */
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { KhopError } from '../error.ts';
import { decompress, detectCompression } from '../formats/compression.ts';
import { orderModules } from '../formats/module-dep.ts';
import { type ModuleInfo, moduleName, parseModule } from '../formats/module-file.ts';

const MODULE_LIMIT = 64 * 1024 * 1024;

/** One module, unpacked. */
export interface KernelModule {
  readonly name: string;
  /** Path below /lib/modules/RELEASE, ending in `.ko`. */
  readonly path: string;
  readonly bytes: Uint8Array;
}

/**
 * `wanted` and what they depend on, dependencies first. What is built into the kernel is left out.
 * Those of `optional` that exist as modules come before all others.
 * @param folder /lib/modules/RELEASE
 * @throws E_NOT_FOUND when a module neither exists nor is built in, or there are no modules of that kernel
 */
export async function collectModules(
  folder: string,
  wanted: readonly string[],
  optional: readonly string[] = [],
): Promise<KernelModule[]> {
  const [files, builtInList] = await readFolder(folder);
  const byName = new Map(
    files.filter((file) => /\.ko(\.|$)/.test(file)).map((file) => [moduleName(file), file]),
  );
  const builtIn = new Set(builtInList.split('\n').map(moduleName));
  const names = [...optional.filter((name) => byName.has(name)), ...wanted];
  const missing = names.find((name) => !byName.has(name) && !builtIn.has(name));
  if (missing !== undefined)
    throw new KhopError('E_NOT_FOUND', `${folder} has no module ${missing}, and it is not built in`, {
      hint: 'Choose another kernel, or install the package that has its modules.',
    });
  const collected = new Map<string, KernelModule & { readonly info: ModuleInfo }>();
  const queue = [...names];
  for (const name of queue) {
    const file = byName.get(name);
    if (file === undefined || collected.has(name)) continue;
    const bytes = unpackModule(await readFile(join(folder, 'kernel', file)), file);
    const { info } = parseModule(bytes);
    collected.set(name, { name, path: join('kernel', file.replace(/\.(xz|zst|gz)$/, '')), bytes, info });
    queue.push(...info.softDependsBefore, ...info.depends, ...info.softDependsAfter);
  }
  const modules = new Map(collected.values().map(({ name, info }) => [name, info]));
  return orderModules(names, { modules, builtIn }).map((name) => collected.get(name)!);
}

/** Of a kernel by its path they may not be installed. */
async function readFolder(folder: string): Promise<readonly [readonly string[], string]> {
  try {
    const files = await readdir(join(folder, 'kernel'), { recursive: true });
    return [files, await readFile(join(folder, 'modules.builtin'), 'utf8')];
  } catch (cause) {
    throw new KhopError('E_NOT_FOUND', `${folder} cannot be read: ${(cause as Error).message}`, {
      hint: 'Install the modules of that kernel.',
      cause,
    });
  }
}

function unpackModule(bytes: Uint8Array, name: string): Uint8Array {
  if (detectCompression(bytes) === undefined) return bytes;
  return decompress(bytes, { name, maxOutputBytes: MODULE_LIMIT });
}
