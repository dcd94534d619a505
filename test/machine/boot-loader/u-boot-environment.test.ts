import assert from 'node:assert/strict';
import { test } from 'node:test';
import { readUBootVariables } from '../../../src/machine/boot-loader/u-boot-environment.ts';
import type { runProcess } from '../../../src/machine/run-process.ts';
import { buildTree } from '../../support/tree-builder.ts';

const printing: typeof runProcess = async (file) => {
  assert.equal(file, 'fw_printenv');
  const stdout = 'bootargs=console=ttyS0 root=/dev/mmcblk0p2\nempty=\nWarning: no redundant copy\n';
  return { exitCode: 0, signal: null, stdout, stderr: '', stdoutBytes: Buffer.from(stdout) };
};

test('variables are name and value at the first equals sign', async () => {
  using tree = buildTree({ 'etc/fw_env.config': '/dev/mmcblk0 0x400000 0x2000\n' });
  assert.deepEqual(
    [...((await readUBootVariables(tree.root, { run: printing })) ?? [])],
    [
      ['bootargs', 'console=ttyS0 root=/dev/mmcblk0p2'],
      ['empty', ''],
    ],
  );
});

test('nobody is asked where there is no environment', async () => {
  using tree = buildTree({ 'etc/': '' });
  assert.equal(await readUBootVariables(tree.root, { run: printing }), undefined);
});
