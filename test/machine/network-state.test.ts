import assert from 'node:assert/strict';
import type { NetworkInterfaceInfo } from 'node:os';
import { test } from 'node:test';
import { readDefaultRoutes, readInterfaces } from '../../src/machine/network-state.ts';
import { valueOf } from '../../src/machine/reading.ts';
import { buildTree, prefix } from '../support/tree-builder.ts';

const net = (name: string, state: string, flags = '0x1003') =>
  prefix(`sys/class/net/${name}`, { operstate: `${state}\n`, flags: `${flags}\n`, address: `52:${name}\n` });

const HEADER = 'Iface\tDestination\tGateway\tFlags\tRefCnt\tUse\tMetric\tMask\tMTU\tWindow\tIRTT';
const ZERO = '0'.repeat(32);
const six = (to: string, length: string, flags: string, name: string) =>
  [to, length, ZERO, '00', ZERO, '00000400', '00000001', '00000000', flags, name].join(' ');

const ROUTES = {
  'proc/net/route': [
    HEADER,
    'bond0\t00000000\t010200C0\t0003\t0\t0\t100\t00000000\t0\t0\t0',
    'bond0\t00000000\t020200C0\t0003\t0\t0\t200\t00000000\t0\t0\t0',
    'eth2\t000200C0\t00000000\t0001\t0\t0\t0\t00FFFFFF\t0\t0\t0',
    'docker0\t00000000\t00000000\t0201\t0\t0\t0\t00000000\t0\t0\t0',
  ].join('\n'),
  'proc/net/ipv6_route': [
    six(ZERO, '00', '00000003', 'wg0'),
    six(ZERO, '00', '00200200', 'lo'),
    six(`fe80${'0'.repeat(28)}`, '40', '00000001', 'eth2'),
    six(ZERO, '08', '00000001', 'eth2'),
    six(ZERO, '00', '00000201', 'eth2'),
  ].join('\n'),
};

function info(family: 'IPv4' | 'IPv6', address: string): NetworkInterfaceInfo {
  const common = { address, netmask: '', mac: '', internal: false, cidr: null };
  return family === 'IPv4' ? { ...common, family } : { ...common, family, scopeid: 0 };
}

test('cards, what is built upon them and what carries a default route count; what containers and guests have does not', () => {
  using tree = buildTree({
    ...ROUTES,
    ...net('eth0', 'up'),
    ...net('eth1', 'down'),
    'sys/class/net/eth0/device/driver': { link: '../../../bus/pci/drivers/ixgbe' },
    'sys/class/net/eth1/device/': '',
    ...net('bond0', 'up'),
    'sys/class/net/bond0/lower_eth0': { link: '../eth0' },
    ...net('bond0.7', 'unknown', '0x1002'),
    'sys/class/net/bond0.7/lower_bond0': { link: '../bond0' },
    ...net('macvtap0', 'up'),
    'sys/class/net/macvtap0/lower_eth0': { link: '../eth0' },
    'sys/class/net/macvtap0/uevent': 'DEVTYPE=macvtap\nINTERFACE=macvtap0\n',
    ...net('wg0', 'unknown'),
    ...net('lo', 'unknown'),
    ...net('veth1', 'up'),
    ...net('docker0', 'up'),
    'sys/class/net/docker0/lower_veth1': { link: '../veth1' },
  });
  const interfaces = readInterfaces(tree.root, () => ({
    bond0: [info('IPv4', '192.0.2.5'), info('IPv6', 'fe80::1')],
    'bond0:1': [info('IPv6', 'fd00::1')],
    eth0: [info('IPv4', '169.254.1.1')],
    docker0: [info('IPv4', '172.17.0.1')],
  }));
  assert.deepEqual(
    valueOf(interfaces)?.map(({ name, driver, isUp, families }) => [name, driver, isUp, families]),
    [
      ['bond0', null, true, ['ipv4', 'ipv6']],
      ['bond0.7', null, false, []],
      ['eth0', 'ixgbe', true, []],
      ['eth1', null, false, []],
      ['wg0', null, true, []],
    ],
  );
});

test('addresses that cannot be asked for make interfaces unknown', () => {
  using tree = buildTree({ ...ROUTES, ...net('wg0', 'up') });
  const interfaces = readInterfaces(tree.root, () => {
    throw new Error('EPERM');
  });
  assert.equal(interfaces.state, 'unreadable');
});

test('default routes are told by family and interface, each once, without those that reject', () => {
  using tree = buildTree(ROUTES);
  assert.deepEqual(valueOf(readDefaultRoutes(tree.root)), [
    { family: 'ipv4', interfaceName: 'bond0' },
    { family: 'ipv6', interfaceName: 'wg0' },
  ]);
  using old = buildTree({ 'proc/net/route': ROUTES['proc/net/route'] });
  assert.deepEqual(valueOf(readDefaultRoutes(old.root)), [{ family: 'ipv4', interfaceName: 'bond0' }]);
  using bare = buildTree({});
  assert.equal(readDefaultRoutes(bare.root).state, 'absent');
});
