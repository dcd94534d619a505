import assert from 'node:assert/strict';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { gzipSync } from 'node:zlib';
import { collectModules, modinfo } from '../../src/lab/kernel-modules.ts';

function moduleBytes(depends: string): Buffer {
  return Buffer.from(`\x7fELF...\0license=GPL\0depends=${depends}\0name=x\0`, 'latin1');
}

async function withTree(use: (folder: string) => Promise<void>): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), 'khop-modules-'));
  try {
    await mkdir(join(folder, 'kernel/drivers'), { recursive: true });
    await writeFile(join(folder, 'kernel/drivers/virtio-blk.ko'), moduleBytes('virtio_ring,built_in'));
    await writeFile(join(folder, 'kernel/drivers/virtio_ring.ko.gz'), gzipSync(moduleBytes('virtio')));
    await writeFile(join(folder, 'kernel/drivers/virtio.ko'), moduleBytes(''));
    await writeFile(join(folder, 'modules.builtin'), 'kernel/lib/built-in.ko\n');
    await use(folder);
  } finally {
    await rm(folder, { recursive: true });
  }
}

test('dependencies come first, packed modules are unpacked, built-in ones are left out', () =>
  withTree(async (folder) => {
    const modules = await collectModules(folder, ['virtio_blk', 'built_in'], ['not_there']);
    assert.deepEqual(
      modules.map(({ path }) => path),
      ['kernel/drivers/virtio.ko', 'kernel/drivers/virtio_ring.ko', 'kernel/drivers/virtio-blk.ko'],
    );
    assert.deepEqual(modinfo(modules[1]?.bytes ?? new Uint8Array(), 'depends'), ['virtio']);
  }));

test('a module that is neither there nor built in is an error that names it', () =>
  withTree(async (folder) => {
    await assert.rejects(collectModules(folder, ['nvme']), { code: 'E_LAB', message: /nvme/ });
  }));
