/**
 * The modules a small initramfs needs: found by name, with what they depend on, in an order in which they
 * can be inserted one after the other.
 * @module
 */
import { readdir, readFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { KhopError } from '../error.ts';
import { runProcess } from '../machine/run-process.ts';

/** One module, unpacked. */
export interface KernelModule {
  readonly name: string;
  /** Path below /lib/modules/RELEASE, ending in `.ko`. */
  readonly path: string;
  readonly bytes: Uint8Array;
}

/** `virtio-blk.ko.xz` and `virtio_blk` mean the same module. */
function moduleName(file: string): string {
  return basename(file)
    .replace(/\.ko(\.(xz|zst|gz))?$/, '')
    .replaceAll('-', '_');
}

/** The values of `key` in .modinfo, which is a run of NUL-terminated `key=value`. */
export function modinfo(module: Uint8Array, key: string): string[] {
  const text = Buffer.from(module).toString('latin1');
  return [...text.matchAll(new RegExp(`(?<=\\0)${key}=([\\x20-\\x7e]*)\\0`, 'g'))].map(
    ([, value]) => value ?? '',
  );
}

/**
 * `wanted` and what they depend on, dependencies first. What is built into the kernel is left out.
 * Those of `optional` that exist as modules come before all others.
 * @param folder /lib/modules/RELEASE
 * @throws E_LAB when a module neither exists nor is built in
 */
export async function collectModules(
  folder: string,
  wanted: readonly string[],
  optional: readonly string[] = [],
): Promise<KernelModule[]> {
  const files = await readdir(join(folder, 'kernel'), { recursive: true });
  const byName = new Map(
    files.filter((file) => /\.ko(\.|$)/.test(file)).map((file) => [moduleName(file), file]),
  );
  const builtin = await readFile(join(folder, 'modules.builtin'), 'utf8');
  const builtinNames = new Set(builtin.split('\n').map(moduleName));
  const collected = new Map<string, KernelModule>();
  const add = async (name: string): Promise<void> => {
    if (collected.has(name) || builtinNames.has(name)) return;
    const file = byName.get(name);
    if (file === undefined)
      throw new KhopError('E_LAB', `${folder} has no module ${name}, and it is not built in`, {
        hint: 'This kernel cannot be used for a lab machine as it is; choose another flavour.',
      });
    const bytes = await readModule(join(folder, 'kernel', file));
    for (const dependency of modinfo(bytes, 'depends').flatMap((list) => list.split(',')))
      if (dependency !== '') await add(dependency.replaceAll('-', '_'));
    collected.set(name, { name, path: join('kernel', file.replace(/\.(xz|zst|gz)$/, '')), bytes });
  };
  for (const name of optional) if (byName.has(name)) await add(name);
  for (const name of wanted) await add(name);
  return [...collected.values()];
}

const UNPACKERS = { xz: 'xz', zst: 'zstd', gz: 'gzip' } as const;

async function readModule(path: string): Promise<Uint8Array> {
  const suffix = /\.(xz|zst|gz)$/.exec(path)?.[1] as keyof typeof UNPACKERS | undefined;
  if (suffix === undefined) return await readFile(path);
  const unpacked = await runProcess(UNPACKERS[suffix], ['-dc', path], {
    timeoutMs: 30_000,
    maxOutputBytes: 64 * 1024 * 1024,
  });
  return unpacked.stdoutBytes;
}
