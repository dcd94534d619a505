import assert from 'node:assert/strict';
import { test } from 'node:test';
import { readMemoryTotals } from '../../src/machine/memory-totals.ts';
import { valueOf } from '../../src/machine/reading.ts';
import { buildTree } from '../support/tree-builder.ts';

const MEMINFO = { 'proc/meminfo': 'MemTotal:        2048 kB\nMemFree: 1 kB\n' };

test('both reservations for a panic kernel are counted where root can see them', () => {
  using tree = buildTree({
    ...MEMINFO,
    'proc/iomem': [
      '00100000-7fffffff : System RAM',
      '  10000000-1fffffff : Crash kernel',
      '100000000-1ffffffff : System RAM',
      '  110000000-12fffffff : Crash kernel',
    ].join('\n'),
    'sys/kernel/kexec_crash_size': '1\n',
  });
  assert.deepEqual(valueOf(readMemoryTotals(tree.root)), { totalBytes: 2 ** 21, crashBytes: 0x3000_0000 });
});

test('elsewhere the size that the kernel tells is taken, and without any there is no reservation', () => {
  for (const path of ['sys/kernel/kexec_crash_size', 'sys/kernel/kexec/crash_size']) {
    using tree = buildTree({ ...MEMINFO, [path]: '268435456\n' });
    assert.equal(valueOf(readMemoryTotals(tree.root))?.crashBytes, 2 ** 28);
  }
  using bare = buildTree(MEMINFO);
  assert.equal(valueOf(readMemoryTotals(bare.root))?.crashBytes, 0);
  using none = buildTree({ 'proc/meminfo': 'MemFree: 1 kB\n' });
  assert.equal(readMemoryTotals(none.root).state, 'unreadable');
});
