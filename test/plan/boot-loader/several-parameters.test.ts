import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import {
  applyBootLoaderSteps,
  describeBootLoaderStep,
} from '../../../src/machine/boot-loader/apply-steps.ts';
import type { runProcess } from '../../../src/machine/run-process.ts';
import { planPermanentParameters } from '../../../src/plan/boot-loader/change-boot-loader.ts';
import { stateOf } from '../../support/boot-loader-states.ts';
import { buildInstallation } from '../../support/fixture-tree.ts';
import { buildTree } from '../../support/tree-builder.ts';

const GRUB = {
  'usr/sbin/grub-mkconfig': '#! /bin/sh\nfor x in /etc/default/grub.d/*.cfg ; do . "$x"; done\n',
};
const FEDORA = { 'usr/sbin/grub2-mkconfig': '#! /bin/sh\n', 'usr/sbin/grubby': '' };
const ARCH = { 'etc/kernel/cmdline': 'root=PARTUUID=6c0d quiet\n' };

/** grub-mkconfig, of whose configuration nothing is looked at. */
function generating(root: string): typeof runProcess {
  return async (_file, args) => {
    writeFileSync(join(root, args.at(-1) ?? ''), 'set default=0\n');
    return { exitCode: 0, signal: null, stdout: '', stderr: '', stdoutBytes: new Uint8Array() };
  };
}

test('two parameters are set at once and taken away at once, and one stays where the other changes', async () => {
  const board = 'LABEL a\n  LINUX /a\n  APPEND ro\n';
  const trees = {
    ...{ grub: buildInstallation('debian', {}, GRUB) },
    ...{ arch: buildInstallation('arch', {}, ARCH) },
    ...{ arm: buildInstallation('debian-arm64', {}), board: buildTree({ 'boot/extlinux.conf': board }) },
  };
  for (const [name, tree] of Object.entries(trees)) {
    using _tree = tree;
    const set = async (crashkernel: string | undefined, panic: string | undefined) => {
      const wanted = [
        { name: 'crashkernel', value: crashkernel },
        { name: 'panic', value: panic },
      ];
      const { steps } = planPermanentParameters(stateOf(tree.root), wanted);
      await applyBootLoaderSteps(tree.root, steps, { run: generating(tree.root) });
      return steps;
    };
    const both = await set('64M', '10');
    const texts = both.flatMap((step) => (step.kind === 'file' ? [step.after ?? ''] : []));
    assert.ok(texts.length > 0, name);
    for (const each of texts) assert.match(each, /crashkernel=64M[^]*panic=10/, name);
    assert.deepEqual(await set('64M', '10'), [], name);
    const alone = (value: string) =>
      planPermanentParameters(stateOf(tree.root), [{ name: 'crashkernel', value }]).steps;
    assert.deepEqual(alone('64M'), [], `${name}: nothing to do`);
    assert.match(JSON.stringify(alone('96M').map((step) => step.kind === 'file' && step.after)), /panic=10/);
    const removed = await set(undefined, undefined);
    for (const step of removed)
      if (step.kind === 'file') assert.doesNotMatch(step.after ?? '', /crashkernel=|panic=/, name);
    if (name === 'board') assert.equal(readFileSync(join(tree.root, 'boot/extlinux.conf'), 'utf8'), board);
  }
  using fedora = buildInstallation('fedora', {}, FEDORA);
  const wanted = [
    { name: 'crashkernel', value: '64M' },
    { name: 'panic', value: '10' },
  ];
  assert.deepEqual(planPermanentParameters(stateOf(fedora.root), wanted).steps.map(describeBootLoaderStep), [
    'grubby --update-kernel=ALL --args=crashkernel=64M',
    'grubby --update-kernel=ALL --args=panic=10',
  ]);
  const uBootVariables = new Map([['bootargs', 'ro']]);
  using none = buildTree({ 'etc/': '' });
  assert.deepEqual(
    planPermanentParameters(stateOf(none.root, { uBootVariables }), wanted).steps.map(describeBootLoaderStep),
    ["fw_setenv bootargs 'ro crashkernel=64M panic=10'"],
  );
});
