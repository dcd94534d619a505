import assert from 'node:assert/strict';
import { test } from 'node:test';
import { interfacesToTakeDown } from '../../src/machine/network-interfaces.ts';

test('all interfaces go down but the loopback one, and shapers first', () => {
  const procNetDev = [
    'Inter-|   Receive                                                |  Transmit',
    ' face |bytes    packets errs drop fifo frame compressed multicast|bytes    packets errs drop',
    '    lo:    5420      62    0    0    0     0          0         0     5420      62    0    0',
    '  eth0: 1204563    1289    0    0    0     0          0         0   120456    1104    0    0',
    'shaper0:       0       0    0    0    0     0          0         0        0       0    0    0',
    'local:1234567890 1 0 0 0 0 0 0 0 0 0 0',
    'wlp0s20f3.100:       0       0    0    0    0     0          0         0        0       0    0',
  ].join('\n');
  assert.deepEqual(interfacesToTakeDown(procNetDev), ['shaper0', 'eth0', 'local', 'wlp0s20f3.100']);
});

test('a machine without interfaces has none to take down', () => {
  assert.deepEqual(interfacesToTakeDown(''), []);
});
