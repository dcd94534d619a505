/**
 * The .deb of the sources as they are.
 * @module
 */
import { mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { VirtualMachine } from '../../src/lab/virtual-machine.ts';
import { buildDeb } from '../../tools/package/deb.ts';
import { buildExecutable } from '../../tools/package/executable.ts';
import { readRuntime } from '../../tools/package/runtime.ts';
import { layOutTree } from '../../tools/package/tree.ts';

const ROOT = join(import.meta.dirname, '..', '..');
const COPY_TIMEOUT_MS = 300_000;
/** The lab's own khop is on PATH as well; nothing of it may help the installed one. */
export const INSTALLED = 'env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin';

/** The .deb as `npm run package` makes it, but quickly compressed. */
async function packageBytes(): Promise<Uint8Array> {
  const folder = mkdtempSync(join(tmpdir(), 'khop-package-vm-'));
  try {
    const runtime = await readRuntime(ROOT, 'x64', folder);
    const executable = join(folder, 'khop');
    mkdirSync(join(folder, 'build'));
    await buildExecutable(ROOT, runtime, join(folder, 'build'), executable);
    await layOutTree(ROOT, executable, runtime, join(folder, 'tree'), 1_700_000_000);
    return readFileSync(await buildDeb(ROOT, folder, folder, 'x64', 1_700_000_000, 0));
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Builds it, and installs it in `machine`. */
export async function installPackage(machine: VirtualMachine): Promise<void> {
  await machine.copyIn(await packageBytes(), '/root/khop.deb', 0o644, COPY_TIMEOUT_MS);
  await machine.run('dpkg --install /root/khop.deb && rm /root/khop.deb', { timeoutMs: 400_000 });
}
