import assert from 'node:assert/strict';
import { test } from 'node:test';
import { startFullMachine, waitForSystem } from '../../src/lab/full-machine.ts';
import type { VirtualMachine } from '../../src/lab/virtual-machine.ts';
import { trimmedInitrd } from '../support/trimmed-initrd.ts';

const LIMIT = { timeout: 1_100_000 };
const SHORT = { timeoutMs: 120_000 };

/** KiB that the kernel gave back after unpacking. */
async function initrdKib(machine: VirtualMachine): Promise<number> {
  const { stdout } = await machine.run(
    'dmesg | sed -n "s/.*Freeing initrd memory: \\([0-9]*\\)K.*/\\1/p"',
    SHORT,
  );
  return Number(stdout);
}

test(
  'another kernel of Debian starts from its initramfs, trimmed and packed in either way',
  LIMIT,
  async () => {
    await using machine = await startFullMachine({ withoutKhop: true });
    const { stdout } = await machine.run('cat /proc/cmdline; ls /boot/initrd.img-6.12.*', SHORT);
    const [commandLine = '', path = ''] = stdout.trim().split('\n');
    const { bytes } = await machine.copyOut(path);
    const release = path.replace('/boot/initrd.img-', '');
    for (const packing of ['none', 'lz4'] as const) {
      const packed = trimmedInitrd({ name: path, path, bytes }, commandLine, packing);
      await machine.copyIn(packed.bytes, '/run/trimmed');
      const before = await machine.waitForHello(1000);
      await machine.run(
        // On a loaded host, systemd may have given up waiting for the disk that kexec-tools is on.
        `mountpoint -q /tool || mount /tool; kexec-tools -l /boot/vmlinuz-${release} --initrd=/run/trimmed --reuse-cmdline`,
        SHORT,
      );
      await machine.start('systemctl kexec');
      const after = await machine.waitForNewKernel(before.bootId, 300_000);
      assert.equal(after.release, release);
      await waitForSystem(machine);
      assert.equal(
        await initrdKib(machine),
        Math.ceil(packed.bytes.length / 4096) * 4,
        'it had this initramfs',
      );
      const { stdout: root } = await machine.run(
        'findmnt -no FSTYPE /; ls -d /sys/bus/virtio/drivers/virtio_blk',
        SHORT,
      );
      assert.match(root, /^ext4\n/);
    }
  },
);
