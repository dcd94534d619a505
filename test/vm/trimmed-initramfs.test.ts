import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { readInitramfs } from '../../src/formats/initramfs.ts';
import { joinBytes } from '../../src/formats/join-bytes.ts';
import type { NamedBytes } from '../../src/formats/named-bytes.ts';
import { dracutInitrds } from '../../src/lab/dracut-initrd.ts';
import { startFullMachine, waitForSystem } from '../../src/lab/full-machine.ts';
import type { VirtualMachine } from '../../src/lab/virtual-machine.ts';
import { readInitramfsNeeds } from '../../src/machine/initramfs-needs.ts';
import { readText } from '../../src/machine/source.ts';
import { type InitramfsPacking, packInitramfs } from '../../src/plan/initramfs/pack-initramfs.ts';
import { trimInitramfs } from '../../src/plan/initramfs/trim-initramfs.ts';
import { buildTree, readRecordedTree } from '../support/tree-builder.ts';

const LIMIT = { timeout: 1_100_000 };
const SHORT = { timeoutMs: 120_000 };

/** For the machine that was recorded: this kind. */
function trimmed(initrd: NamedBytes, commandLine: string, packing: InitramfsPacking): NamedBytes {
  using tree = buildTree(readRecordedTree(join(import.meta.dirname, '../fixtures/machines/q35-virtio.json')));
  const content = readInitramfs(initrd.bytes, initrd.name);
  const { entries, obstacle, dropped } = trimInitramfs(content, {
    needs: readInitramfsNeeds(tree.root),
    runningCommandLine: readText(tree.root, '/proc/cmdline'),
    commandLine,
    release: undefined,
  });
  assert.equal(obstacle, undefined);
  assert.ok(dropped.modules.length > 0);
  return {
    name: 'packed',
    path: undefined,
    bytes: joinBytes(packInitramfs(initrd, content, entries, packing)),
  };
}

test(
  'an initrd of dracut keeps its early archive as it is, and loses modules and their folders',
  LIMIT,
  async () => {
    const { paths } = await dracutInitrds();
    const path = paths['zstd-microcode'];
    const bytes = await readFile(path);
    const before = readInitramfs(bytes, path);
    const earlySize = before.parts[1]!.offset;
    const packed = trimmed(
      { name: path, path, bytes },
      'root=UUID=6b686f70-1ab0-4d00-8f00-000000000001',
      'none',
    );
    assert.ok(Buffer.from(packed.bytes.subarray(0, earlySize)).equals(bytes.subarray(0, earlySize)));
    const after = readInitramfs(packed.bytes, packed.name);
    assert.deepEqual(after.misalignedArchives, []);
    assert.equal(after.hasMicrocode, true);
    const names = new Set(after.entries.map(({ name }) => name));
    const gone = before.entries.filter(({ name }) => !names.has(name)).map(({ name }) => name);
    assert.ok(
      gone.length > 0 && gone.every((name) => /\/lib\/modules\/[^/]+\/kernel\/./.test(name)),
      gone.join(' '),
    );
  },
);

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
      const packed = trimmed({ name: path, path, bytes }, commandLine, packing);
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
