import assert from 'node:assert/strict';
import { test } from 'node:test';
import { readBootStatus } from '../../../src/machine/watchdog/boot-status.ts';
import { buildTree, type TreeFiles } from '../../support/tree-builder.ts';

function statusOf(files: TreeFiles) {
  using tree = buildTree(files);
  return readBootStatus(tree.root);
}

const ONE = 'sys/class/watchdog/watchdog0/bootstatus';
const TWO = 'sys/class/watchdog/watchdog1/bootstatus';

test('one watchdog that has reset the machine is enough, among other flags too', () => {
  for (const flags of ['32', '33'])
    assert.deepEqual(statusOf({ [ONE]: '0\n', [TWO]: `${flags}\n` }), {
      state: 'read',
      value: true,
      source: '/sys/class/watchdog',
    });
});

test('an overheated machine was not reset by its watchdog', () => {
  const reading = statusOf({ [ONE]: '1\n' });
  assert.ok(reading.state === 'read' && reading.value === false);
});

test('without a driver nothing is known, and what is not understood is not a no', () => {
  assert.equal(statusOf({}).state, 'absent');
  assert.equal(statusOf({ 'sys/class/watchdog/': '' }).state, 'absent');
  assert.equal(statusOf({ [ONE]: 'maybe\n', [TWO]: '0\n' }).state, 'unreadable');
});
