import assert from 'node:assert/strict';
import { test } from 'node:test';
import { readUptimeMs } from '../../src/machine/uptime.ts';
import { buildTree } from '../support/tree-builder.ts';

test('the time since the start is the first number of /proc/uptime, in milliseconds', () => {
  using tree = buildTree({ 'proc/uptime': '350735.47 234388.90\n' });
  assert.equal(readUptimeMs(tree.root), 350_735_470);
});

test('a file that is missing or holds no number is an error, and never a kernel that has just started', () => {
  for (const files of [{}, { 'proc/uptime': '' }, { 'proc/uptime': 'soon\n' }]) {
    using tree = buildTree(files);
    assert.throws(() => readUptimeMs(tree.root), { code: 'E_UNREADABLE' });
  }
});
