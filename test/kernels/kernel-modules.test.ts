import assert from 'node:assert/strict';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { gzipSync } from 'node:zlib';
import { parseModule } from '../../src/formats/module-file.ts';
import { collectModules } from '../../src/kernels/kernel-modules.ts';
import { buildModule } from '../support/module-builder.ts';

async function withTree(use: (folder: string) => Promise<void>): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), 'khop-modules-'));
  try {
    await mkdir(join(folder, 'kernel/drivers'), { recursive: true });
    await writeFile(
      join(folder, 'kernel/drivers/virtio-blk.ko'),
      buildModule({ name: 'virtio_blk', depends: 'virtio-ring,built_in' }),
    );
    await writeFile(
      join(folder, 'kernel/drivers/virtio_ring.ko.gz'),
      gzipSync(buildModule({ name: 'virtio_ring', depends: 'virtio' })),
    );
    await writeFile(join(folder, 'kernel/drivers/virtio.ko'), buildModule({ name: 'virtio', depends: '' }));
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
    assert.deepEqual(parseModule(modules[1]!.bytes).info.depends, ['virtio']);
  }));

test('a module that is neither there nor built in is an error that names it', () =>
  withTree(async (folder) => {
    await assert.rejects(collectModules(folder, ['nvme']), { code: 'E_NOT_FOUND', message: /nvme/ });
  }));

test('a kernel whose modules are not installed is an error that says where they were looked for', async () => {
  await assert.rejects(collectModules('/nowhere/6.9', ['nvme']), {
    code: 'E_NOT_FOUND',
    message: /\/nowhere\/6\.9 cannot be read: .*ENOENT/,
  });
});
