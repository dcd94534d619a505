/**
 * What GRUB itself has for a kernel that fails: an entry that is started once (`grub-reboot`), and another entry for
 * when the first one cannot be loaded (`set fallback`). Both come by custom.cfg, which Debian's grub.cfg reads.
 * @module
 */
import type { VirtualMachine } from '../../../src/lab/virtual-machine.ts';
import { COMMAND } from '../../chaos/trial/fault.ts';
import type { KernelChange } from './fault-classes.ts';
import { COMMAND_LINE, startPeerMachine, trialCommandLine, trialInitrds } from './peer-bed.ts';
import type { Departure, ReturnBed } from './return-methods.ts';

/** Nothing to install: it is what the lab's machine starts with. */
export async function startGrubMachine(bed: ReturnBed): Promise<VirtualMachine> {
  return await startPeerMachine(bed, { madeWith: { peer: 'grub' }, install: async () => {} });
}

const PRESET = {
  once: { default: 'known-good', extra: '', script: 'grub-reboot trial' },
  fallback: { default: 'trial', extra: 'set fallback=known-good', script: ':' },
} as const;

export async function leaveByGrub(
  machine: VirtualMachine,
  change: KernelChange,
  way: keyof typeof PRESET,
): Promise<Departure> {
  const { default: preset, extra, script } = PRESET[way];
  const known = entry('known-good', '$(ls /boot/vmlinuz-6.1.*)', COMMAND_LINE, [
    '$(ls /boot/initrd.img-6.1.*)',
  ]);
  const initrds = trialInitrds(change).map((path) => `$(ls ${path})`);
  const trial = entry('trial', '$(ls /boot/vmlinuz-6.12*)', trialCommandLine(change), initrds);
  await machine.run(
    `cat >/boot/grub/custom.cfg <<END\n${known}${trial}${extra}\nEND\ngrub-set-default ${preset} && ${script} && sync`,
    COMMAND,
  );
  await machine.start('systemctl reboot');
  return { state: 'left' };
}

/** Of GRUB's configuration, inside a here-document. */
function entry(id: string, image: string, commandLine: string, initrds: readonly string[]): string {
  return `menuentry '${id}' --id ${id} {\n  linux ${image} ${commandLine}\n  initrd ${initrds.join(' ')}\n}\n`;
}
