import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import type { CpioEntry } from '../../../src/formats/cpio.ts';
import { isElf } from '../../../src/formats/elf.ts';
import { type Initramfs, readInitramfs } from '../../../src/formats/initramfs.ts';
import { joinBytes } from '../../../src/formats/join-bytes.ts';
import type { NamedBytes } from '../../../src/formats/named-bytes.ts';
import { debianInitramfs } from '../../../src/lab/debian-initramfs.ts';
import { labKernel } from '../../../src/lab/kernel-store.ts';
import { readInitramfsNeeds } from '../../../src/machine/initramfs-needs.ts';
import { readText } from '../../../src/machine/source.ts';
import { modulePlaceOf, readModuleFolder } from '../../../src/plan/initramfs/module-folder.ts';
import { type InitramfsPacking, packInitramfs } from '../../../src/plan/initramfs/pack-initramfs.ts';
import { ASKED_AT_START } from '../../../src/plan/initramfs/quick-modprobe.ts';
import { type TrimmedInitramfs, trimInitramfs } from '../../../src/plan/initramfs/trim-initramfs.ts';
import { whyNot } from '../../support/packing-tools.ts';
import { buildTree, readRecordedTree } from '../../support/tree-builder.ts';

const OPTIONS = {
  skip: process.getuid?.() !== 0 && 'making a tree of Debian packages and chroot need root',
  timeout: 900_000,
};
const MIB = 1024 * 1024;
const MODPROBE = 'usr/sbin/modprobe';

interface Trimmed {
  readonly initrd: NamedBytes;
  readonly before: Initramfs;
  readonly after: TrimmedInitramfs;
  readonly release: string;
}

let known: Promise<Trimmed> | undefined;

/** Debian's image, trimmed for the machine that was recorded in the lab; once for all tests. */
function trimmed(): Promise<Trimmed> {
  known ??= trimForLab();
  return known;
}

async function trimForLab(): Promise<Trimmed> {
  const kernel = await labKernel('6.1');
  const path = await debianInitramfs(kernel);
  const { release } = kernel;
  const initrd = { name: path, path, bytes: readFileSync(path) };
  const before = readInitramfs(initrd.bytes, path);
  using tree = buildTree(
    readRecordedTree(join(import.meta.dirname, '../../fixtures/machines/q35-virtio.json')),
  );
  const runningCommandLine = readText(tree.root, '/proc/cmdline');
  assert.ok(runningCommandLine.state === 'read');
  const commandLine = runningCommandLine.value;
  const needs = readInitramfsNeeds(tree.root);
  return {
    initrd,
    before,
    release,
    after: trimInitramfs(before, { needs, runningCommandLine, commandLine, release }),
  };
}

function isOfModules({ name }: CpioEntry): boolean {
  return modulePlaceOf(name) !== undefined;
}

test('an initramfs of Debian loses nine tenths of its modules, and nothing else', OPTIONS, async () => {
  const { before, after, release } = await trimmed();
  assert.equal(after.obstacle, undefined);
  const others = ({ entries }: { readonly entries: readonly CpioEntry[] }) =>
    entries.filter((entry) => !isOfModules(entry) && entry.name !== MODPROBE);
  assert.deepEqual(others(after), others(before));
  const modprobe = after.entries.find(({ name }) => name === MODPROBE);
  assert.ok(modprobe !== undefined && isElf(modprobe.bytes), 'the quick one is in its place');
  const all = readModuleFolder(before.entries, release);
  const kept = readModuleFolder(after.entries, release);
  for (const name of ['virtio_blk', 'virtio_pci', 'ext4', 'jbd2', 'crc32c_generic'])
    assert.ok(kept.paths.has(name), `${name} is needed`);
  for (const name of ['aesni_intel', 'usb_storage', 'usbhid', 'nvme'])
    assert.ok(all.paths.has(name) && !kept.paths.has(name), `${name} is of no use here`);
  for (const name of kept.paths.keys()) {
    assert.deepEqual(kept.dependencies.get(name), all.dependencies.get(name));
    assert.ok(
      all.dependencies.get(name)!.every((other) => kept.paths.has(other)),
      name,
    );
  }
  assert.ok(kept.paths.size * 8 < all.paths.size, `${kept.paths.size} of ${all.paths.size} stay`);
  assert.ok(after.kept.modules.bytes < 16 * MIB, `${after.kept.modules.bytes} bytes of modules`);
});

for (const packing of ['none', 'lz4'] satisfies InitramfsPacking[])
  test(`packed again with ${packing}, it is read back as the same entries`, OPTIONS, async () => {
    const { initrd, before, after } = await trimmed();
    const packed = joinBytes(packInitramfs(initrd, before, after.entries, packing));
    const { entries, parts, unpackedBytes } = readInitramfs(packed, 'packed');
    assert.deepEqual(
      parts.map(({ compression }) => compression),
      [packing],
    );
    assert.equal(entries.length, after.entries.length);
    for (const [index, entry] of entries.entries()) {
      const expected = after.entries[index]!;
      assert.ok(Buffer.from(entry.bytes).equals(expected.bytes), entry.name);
      assert.deepEqual({ ...entry, bytes: undefined }, { ...expected, bytes: undefined });
    }
    assert.ok(unpackedBytes < 40 * MIB && before.unpackedBytes > 130 * MIB);
    assert.ok(packed.length < (packing === 'none' ? 36 : 18) * MIB, `${packed.length} bytes`);
  });

/** Exit status of a program of the unpacked image. */
function statusOf(root: string, ...command: readonly string[]): number | null {
  return spawnSync('chroot', [root, ...command], { timeout: 20_000 }).status;
}

/** Exit status and everything that `modprobe --show-depends NAME` of the unpacked image says. */
function showDepends(root: string, release: string, name: string): { status: number | null; text: string } {
  const { status, stdout, stderr } = spawnSync(
    'chroot',
    [root, '/sbin/modprobe', '-S', release, '--show-depends', name],
    { timeout: 20_000, encoding: 'utf8' },
  );
  return { status, text: stdout + stderr };
}

test('its own modprobe finds what is left, by all indexes, and calls the rest not found', {
  ...OPTIONS,
  skip: OPTIONS.skip || whyNot('busybox'),
}, async () => {
  const { initrd, before, after, release } = await trimmed();
  const root = mkdtempSync(join(tmpdir(), 'khop-initramfs-'));
  try {
    const bytes = joinBytes(packInitramfs(initrd, before, after.entries, 'none'));
    const unpacked = spawnSync('busybox', ['cpio', '-id'], { cwd: root, input: bytes, timeout: 60_000 });
    assert.equal(unpacked.status, 0, unpacked.stderr.toString());
    for (const [name, module] of [
      ['ext4', 'crc32c_generic.ko'],
      ['virtio-blk', 'virtio_blk.ko'],
      ['fs-ext4', 'ext4.ko'],
      ['pci:v00001AF4d00001001sv00001AF4sd00000002bc01sc00i00', 'virtio_pci.ko'],
      ['symbol:register_virtio_driver', 'virtio.ko'],
    ] as const) {
      const { status, text } = showDepends(root, release, name);
      assert.ok(status === 0 && text.includes(`/${module}`), `${name}: ${text}`);
    }
    // What its answers are has to be what kmod says by the same indexes.
    mkdirSync(join(root, 'real'));
    symlinkSync('/bin/kmod', join(root, 'real', 'modprobe'));
    for (const name of ASKED_AT_START) {
      const real = statusOf(root, '/real/modprobe', '-S', release, '-n', '-q', '--', name);
      assert.equal(statusOf(root, '/sbin/modprobe', '-q', '--', name), real, name);
      assert.ok(real === 0 || real === 1, name);
    }
    for (const name of ['tg3', 'fs-xfs', 'pci:v000014E4d00001659sv00001AF4sd00000002bc02sc00i00']) {
      const { status, text } = showDepends(root, release, name);
      assert.equal(status, 1);
      assert.match(text, /^modprobe: FATAL: Module \S+ not found in directory \S+\n$/);
    }
  } finally {
    rmSync(root, { recursive: true });
  }
});
