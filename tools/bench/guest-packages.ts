/**
 * Packages that are installed in a machine that runs, from files of the host.
 * @module
 */
import { readFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { type DebianPackage, fetchPackage } from '../../src/lab/debian-packages.ts';
import type { VirtualMachine } from '../../src/lab/virtual-machine.ts';

const INSTALL = { timeoutMs: 400_000 };
const COMMAND = { timeoutMs: 60_000 };
const DEBS = '/root/debs';

/** Of `packages` those that the machine does not have, as files. */
export async function fetchMissing(
  machine: VirtualMachine,
  packages: readonly DebianPackage[],
): Promise<string[]> {
  const { stdout } = await machine.run('ls /var/lib/dpkg/info/*.list', COMMAND);
  const installed = new Set(stdout.split('\n').map((path) => basename(path, '.list').replace(/:.*/, '')));
  return await Promise.all(packages.filter(({ name }) => !installed.has(name)).map(fetchPackage));
}

/** In one go, so that they may depend on each other. */
export async function installDebs(machine: VirtualMachine, debs: readonly string[]): Promise<void> {
  for (const deb of debs)
    await machine.copyIn(await readFile(deb), join(DEBS, basename(deb)), 0o644, INSTALL.timeoutMs);
  await machine.run(`dpkg --install ${DEBS}/*.deb && rm -r ${DEBS} && sync`, INSTALL);
}
