/**
 * What `kexec -e` does to network interfaces. A bridge writes to the console when one of its ports goes down,
 * within the call that takes it down, so that nothing has to be polled before the jump.
 * @module
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { collectModules } from '../../src/kernels/kernel-modules.ts';
import { labKernel } from '../../src/lab/kernel-store.ts';
import { startSmallMachine } from '../../src/lab/small-machine.ts';
import type { VirtualMachine } from '../../src/lab/virtual-machine.ts';
import { COMMAND, hop } from './switching.ts';

const LIMIT = { timeout: 600_000 };

/** A bridge with one port, both up. */
async function makeBridge(machine: VirtualMachine): Promise<void> {
  const { modules } = await labKernel('6.1');
  const inserted = await collectModules(modules, ['bridge', 'dummy']);
  for (const { name, bytes } of inserted) {
    await machine.copyIn(bytes, `/tmp/${name}.ko`);
    // dummy makes its first interface by itself.
    await machine.run(`insmod /tmp/${name}.ko`, COMMAND);
  }
  await machine.run(
    'set -e; brctl addbr br0; brctl addif br0 dummy0; ip link set dummy0 up; ip link set br0 up',
    COMMAND,
  );
}

/** The kernel's lines about the bridge's port from the jump's command until the next kernel answers. */
async function portStates(program: string, options: string): Promise<string[]> {
  await using machine = await startSmallMachine({ kernel: '6.1' });
  await makeBridge(machine);
  await machine.run(
    `${program} -l $(ls /boot/vmlinuz-6.1.*) --initrd=$(ls /boot/initrd.img-6.1.*) --reuse-cmdline`,
    COMMAND,
  );
  const states: string[] = [];
  machine.console.onLine((line) => {
    const state = /br0: port 1\(dummy0\) entered (\w+) state/.exec(line)?.[1];
    if (state !== undefined) states.push(state);
  });
  await hop(machine, `${program} -e ${options}`);
  return states;
}

test('khop-kexec -e takes interfaces down, as kexec-tools does', LIMIT, async () => {
  for (const program of ['khop-kexec', 'kexec-tools'])
    assert.deepEqual(await portStates(program, ''), ['disabled'], program);
});

test('khop-kexec -e -x leaves interfaces up', LIMIT, async () => {
  assert.deepEqual(await portStates('khop-kexec', '-x'), []);
});
