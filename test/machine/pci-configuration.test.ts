import assert from 'node:assert/strict';
import { test } from 'node:test';
import { readPciByte } from '../../src/machine/pci-configuration.ts';
import { buildTree } from '../support/tree-builder.ts';

test('a byte of the configuration is read; what only root may read is not understood rather than zero', () => {
  const config = Buffer.alloc(256);
  config[0x68] = 0x03;
  using tree = buildTree({
    'sys/bus/pci/devices/0000:00:05.0/config': config,
    'sys/bus/pci/devices/0000:00:06.0/config': config.subarray(0, 64),
  });
  const byte = (address: string) => readPciByte(tree.root, address, 0x68);
  assert.deepEqual(byte('0000:00:05.0'), {
    ...{ state: 'read', value: 3 },
    source: '/sys/bus/pci/devices/0000:00:05.0/config',
  });
  assert.equal(byte('0000:00:06.0').state, 'unreadable');
  assert.equal(byte('0000:00:07.0').state, 'absent');
});
