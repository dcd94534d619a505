/**
 * The network of a small machine, which its kernel's modules bring up.
 * @module
 */
import { dirname } from 'node:path';
import { collectModules } from '../../src/kernels/kernel-modules.ts';
import { labKernel } from '../../src/lab/kernel-store.ts';
import type { VirtualMachine } from '../../src/lab/virtual-machine.ts';

const COMMAND = { timeoutMs: 300_000 };
/** QEMU's, for `connectMachine`. @param more parts of `-netdev user`, each after a comma */
export const networkArguments = (more = ''): readonly string[] => [
  '-netdev',
  `user,id=net0${more}`,
  '-device',
  'virtio-net-pci,netdev=net0',
];

/** virtio_net and an address, as a distribution would have them. */
export async function connectMachine(machine: VirtualMachine): Promise<void> {
  const kernel = await labKernel('6.1');
  for (const { path, bytes } of await collectModules(kernel.modules, ['virtio_net'])) {
    const target = `/lib/modules/${kernel.release}/${path}`;
    await machine.run(`mkdir -p ${dirname(target)}`, COMMAND);
    await machine.copyIn(bytes, target);
    await machine.run(`insmod ${target} 2>/dev/null || grep -q virtio /proc/modules`, COMMAND);
  }
  await machine.run('ip link set eth0 up && ip addr add 10.0.2.15/24 dev eth0', COMMAND);
  await machine.run('ip route add default via 10.0.2.2', COMMAND);
}
