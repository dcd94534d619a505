import assert from 'node:assert/strict';
import { test } from 'node:test';
import { stateOf } from '../support/boot-loader-states.ts';
import { buildTree, type TreeFiles } from '../support/tree-builder.ts';

test('which loader it is: what it has said of itself counts before files that lie around', () => {
  const files: TreeFiles = {
    'boot/grub/grub.cfg': 'set default=0\n',
    'boot/loader/loader.conf': 'default a.conf\n',
  };
  using tree = buildTree(files);
  assert.equal(stateOf(tree.root).kind, 'grub');
  assert.equal(stateOf(tree.root, { runningCommandLine: 'BOOT_IMAGE=/vmlinuz ro' }).kind, 'grub');
  assert.equal(stateOf(tree.root, { runningCommandLine: 'ro quiet' }).kind, 'systemd-boot');
  assert.equal(stateOf(tree.root, { loaderInfo: 'systemd-boot 257' }).kind, 'systemd-boot');
  using none = buildTree({ 'etc/': '' });
  assert.throws(() => stateOf(none.root), { code: 'E_NOT_FOUND' });
});

test('a kernel that khop has started has no mark of GRUB, and the machine is still the one of GRUB', () => {
  const leftovers: TreeFiles[] = [
    { 'boot/loader/loader.conf': 'default a.conf\n' },
    { 'boot/extlinux/extlinux.conf': 'LABEL a\n  LINUX /a\n' },
  ];
  for (const leftover of leftovers) {
    using tree = buildTree({ 'boot/grub/grub.cfg': 'set default=0\n', ...leftover });
    for (const word of ['khop.switch=0123456789abcdef', 'khop.guard=x', 'khop.home=x', 'khop.continue=x'])
      assert.equal(stateOf(tree.root, { runningCommandLine: `ro ${word} quiet` }).kind, 'grub', word);
    const others = new Map([['bootargs', 'ro']]);
    assert.equal(
      stateOf(tree.root, { runningCommandLine: 'ro khop.trial=x', uBootVariables: others }).kind,
      'grub',
    );
    assert.notEqual(stateOf(tree.root, { runningCommandLine: 'ro quiet' }).kind, 'grub');
    const runningCommandLine = 'ro khop.switch=x';
    assert.equal(
      stateOf(tree.root, { runningCommandLine, loaderInfo: 'systemd-boot 257' }).kind,
      'systemd-boot',
    );
  }
});
