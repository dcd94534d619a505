import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test } from 'node:test';
import { readMachine } from '../../src/machine/read-machine.ts';
import { valueOf } from '../../src/machine/reading.ts';
import { buildTree, readRecordedTree } from '../support/tree-builder.ts';

const MACHINES = join(import.meta.dirname, '../fixtures/machines');

test('a microVM with virtio, recorded without SMBIOS, EFI and kexec, is read whole', () => {
  using tree = buildTree(readRecordedTree(join(MACHINES, 'microvm.json')));
  const machine = readMachine(tree.root);
  assert.equal(machine.architecture, 'x86-64');
  assert.equal(valueOf(machine.release), '6.18.44');
  assert.equal(valueOf(machine.operatingSystem), 'Debian GNU/Linux 12 (bookworm)');
  assert.equal(valueOf(machine.hypervisor), 'kvm');
  assert.equal(machine.efi.state, 'absent');
  assert.equal(machine.lockdown.state, 'absent');
  assert.equal(machine.kexec.loaded.state, 'absent');
  assert.equal(machine.confidentialGuest.state, 'absent');
  assert.equal(valueOf(machine.cpu.online), 2);
  assert.equal(valueOf(machine.capabilities)?.has('sys_boot'), true);
  assert.equal(valueOf(machine.bootParams)?.length, 4096);
  assert.deepEqual(valueOf(machine.rootStorage), {
    blockDevices: ['vda'],
    drivers: ['virtio_blk', 'virtio-pci'],
    modules: [],
    devicePaths: ['/sys/devices/pci0000:00/0000:00:02.0/virtio1/block/vda'],
  });
  assert.deepEqual(valueOf(machine.networkInterfaces), [
    { name: 'eth0', driver: 'virtio_net', operationalState: 'up' },
  ]);
  const ram = valueOf(machine.firmwareMap)?.filter(({ type }) => type === 'ram');
  assert.deepEqual(ram, [
    { start: 0n, end: 0x9fc00n, type: 'ram' },
    { start: 0x100000n, end: 0xc0000000n, type: 'ram' },
    { start: 0x100000000n, end: 0x640000000n, type: 'ram' },
  ]);
  assert.deepEqual(
    valueOf(machine.iomem)
      ?.filter(({ name }) => name === 'System RAM')
      .map(({ end }) => end),
    [0x9fc00n, 0xc0000000n, 0x640000000n],
  );
});
