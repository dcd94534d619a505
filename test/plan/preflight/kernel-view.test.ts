import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { initrdHas, moduleNamesOf, moduleReleasesOf } from '../../../src/plan/preflight/kernel-view.ts';
import { healthyInitrd } from '../../support/preflight-input.ts';

const withPaths = (...paths: string[]) => healthyInitrd({ paths: new Set(paths) });

describe('what an initrd holds', () => {
  test('is found however the archive writes its paths', () => {
    for (const path of ['init', './init', '/init']) assert.ok(initrdHas(withPaths(path), 'init'), path);
    assert.ok(!initrdHas(withPaths('sbin/init', 'init.d'), 'init'));
  });

  test('names the releases of its module folders, also of an empty one', () => {
    const initrd = withPaths(
      'lib/modules/6.1.0-1-amd64/kernel/fs/ext4/ext4.ko',
      './usr/lib/modules/6.12.9-amd64/modules.dep',
      'lib/modules',
      'opt/lib/modules/9.9.9/x.ko',
    );
    assert.deepEqual([...moduleReleasesOf(initrd)], ['6.1.0-1-amd64', '6.12.9-amd64']);
  });

  test('names its modules without folder, compression and dashes', () => {
    const initrd = withPaths(
      'lib/modules/1/kernel/a/dm-mod.ko',
      'usr/lib/modules/1/kernel/b/xhci-pci.ko.zst',
      'lib/modules/1/extra.ko.xz',
      'lib/modules/1/kernel/not-a-module.conf',
      'lib/modules/2/kernel/ext4.ko.gz',
    );
    assert.deepEqual([...moduleNamesOf(initrd, '1')].toSorted(), ['dm_mod', 'extra', 'xhci_pci']);
    assert.deepEqual([...moduleNamesOf(initrd, undefined)].toSorted(), [
      'dm_mod',
      'ext4',
      'extra',
      'xhci_pci',
    ]);
  });
});
