/**
 * Initrds as dracut makes them.
 * @module
 */
import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { test } from 'node:test';
import { type Initramfs, readInitramfs } from '../../src/formats/initramfs.ts';
import { dracutInitrds } from '../../src/lab/dracut-initrd.ts';
import { startSmallMachine } from '../../src/lab/small-machine.ts';
import { describeInitrds } from '../../src/plan/kernel-facts.ts';
import { initrdHas, moduleNamesOf, moduleReleasesOf } from '../../src/plan/preflight/kernel-view.ts';
import { trimmedInitrd } from '../support/trimmed-initrd.ts';
import { COMMAND, hop } from '../vm/switching.ts';

const LIMIT = { timeout: 900_000 };

function outline({ parts, entries, hasMicrocode, misalignedArchives }: Initramfs) {
  return {
    compressions: parts.map((part) => part.compression),
    isWhole: ['init', 'usr/bin/bash', 'usr/lib/dracut/hooks', 'usr/lib/modules'].every((name) =>
      entries.some((entry) => entry.name === name),
    ),
    hasMicrocode,
    misalignedArchives,
  };
}

test(
  'an initrd of dracut is read: zstd behind an early archive with microcode, and xz alone',
  LIMIT,
  async () => {
    const { paths } = await dracutInitrds();
    const read = async (path: string) => readInitramfs(await readFile(path), path);
    const withMicrocode = await read(paths['zstd-microcode']);
    assert.deepEqual(outline(withMicrocode), {
      compressions: ['none', 'zstd'],
      isWhole: true,
      hasMicrocode: true,
      misalignedArchives: [],
    });
    const early = withMicrocode.parts[0]?.entries.find((entry) => entry.name.endsWith('.bin'));
    assert.equal(early?.name, 'kernel/x86/microcode/AuthenticAMD.bin');
    assert.equal(Buffer.from(early.bytes).toString(), 'microcode\n');
    assert.deepEqual(outline(await read(paths.xz)), {
      compressions: ['xz'],
      isWhole: true,
      hasMicrocode: false,
      misalignedArchives: [],
    });
  },
);

test('the preflight finds the init and the modules of an initrd of dracut', LIMIT, async () => {
  const { kernel, paths } = await dracutInitrds();
  for (const path of Object.values(paths)) {
    const reading = describeInitrds({ name: path, path, bytes: await readFile(path) });
    assert.ok(reading.state === 'read');
    assert.ok(initrdHas(reading.value, 'init'));
    assert.deepEqual([...moduleReleasesOf(reading.value)], [kernel.release]);
    assert.ok(moduleNamesOf(reading.value, kernel.release).has('virtio_blk'));
  }
});

for (const [variant, method] of [
  ['zstd-microcode', 'segments'],
  ['xz', 'file'],
] as const)
  test(`khop switches into an initrd of dracut (${variant}) by ${method}`, LIMIT, async () => {
    const { kernel, paths } = await dracutInitrds();
    await using machine = await startSmallMachine({ kernel: '6.12' });
    await machine.copyIn(await readFile(paths[variant]), '/tmp/initramfs.img');
    // dracut's init ends without a root. The agent answers before it looks for one.
    const words = '$(ls /boot/vmlinuz-6.1.*) --initrd /tmp/initramfs.img --append root=/dev/vda';
    const hello = await hop(machine, `khop switch ${words} --method ${method} --now --no-trial --yes`);
    assert.equal(hello.release, kernel.release);
    assert.match((await machine.run('cat /etc/initrd-release', COMMAND)).stdout, /^DRACUT_VERSION=/m);
    // Microcode that nothing takes stays where the archive put it.
    const early = await machine.exec('test -e /kernel/x86/microcode/AuthenticAMD.bin', COMMAND);
    assert.equal(early.status, variant === 'zstd-microcode' ? 0 : 1);
  });

test(
  'an initrd of dracut keeps its early archive as it is, and loses modules and their folders',
  LIMIT,
  async () => {
    const { paths } = await dracutInitrds();
    const path = paths['zstd-microcode'];
    const bytes = await readFile(path);
    const before = readInitramfs(bytes, path);
    const earlySize = before.parts[1]!.offset;
    const packed = trimmedInitrd(
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
