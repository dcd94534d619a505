/**
 * The .deb of the sources as they are, in a machine of the lab.
 * @module
 */
import type { VirtualMachine } from '../../src/lab/virtual-machine.ts';
import { quickDeb } from '../../tools/package/quick-deb.ts';

const COPY_TIMEOUT_MS = 300_000;
/** The lab's own khop is on PATH as well; nothing of it may help the installed one. */
export const INSTALLED = 'env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin';

/** Builds it, and installs it in `machine`. */
export async function installPackage(machine: VirtualMachine): Promise<void> {
  await machine.copyIn(await quickDeb(), '/root/khop.deb', 0o644, COPY_TIMEOUT_MS);
  await machine.run('dpkg --install /root/khop.deb && rm /root/khop.deb', { timeoutMs: 400_000 });
}
