import assert from 'node:assert/strict';
import type { NetworkInterfaceInfo } from 'node:os';
import { test } from 'node:test';
import { addressBytes, readNetworkPath, resolveHost } from '../../src/machine/network-path.ts';
import { buildTree } from '../support/tree-builder.ts';

const HEADER = 'Iface\tDestination\tGateway\tFlags\tRefCnt\tUse\tMetric\tMask\tMTU\tWindow\tIRTT';

/** A row of /proc/net/route, addresses as they are written. */
function row(name: string, to: string, through: string, mask: string, metric = 0, flags = '0003'): string {
  const word = (address: string) =>
    Buffer.from(addressBytes(address)!).readUInt32LE().toString(16).toUpperCase().padStart(8, '0');
  return [name, word(to), word(through), flags, 0, 0, metric, word(mask), 0, 0, 0].join('\t');
}

const DEVICE = 'sys/devices/pci0000:00/0000:00:03.0';

/** Two cards and a bridge. */
function machine(...rows: readonly string[]) {
  return buildTree({
    'proc/net/route': [HEADER, ...rows, ''].join('\n'),
    'sys/class/net/eth0': { link: '../../devices/pci0000:00/0000:00:03.0/virtio0/net/eth0' },
    [`${DEVICE}/driver`]: { link: '../../../bus/pci/drivers/virtio-pci' },
    'sys/bus/pci/drivers/virtio-pci/module': { link: '../../../../module/virtio_pci' },
    'sys/module/virtio_pci/initstate': 'live\n',
    [`${DEVICE}/virtio0/driver`]: { link: '../../../../bus/virtio/drivers/virtio_net' },
    'sys/bus/virtio/drivers/virtio_net/module': { link: '../../../../module/virtio_net' },
    'sys/module/virtio_net/initstate': 'live\n',
    [`${DEVICE}/virtio0/net/eth0/address`]: '52:54:00:12:34:56\n',
    'sys/class/net/br0': { link: '../../devices/virtual/net/br0' },
    'sys/devices/virtual/net/br0/address': '52:54:00:12:34:57\n',
  });
}

function card(address: string, netmask: string): NetworkInterfaceInfo[] {
  const cidr = null;
  return [
    { address: 'fe80::1', netmask: 'ffff::', family: 'IPv6', mac: 'x', internal: false, cidr, scopeid: 2 },
    { address, netmask, family: 'IPv4', mac: '52:54:00:12:34:56', internal: false, cidr },
  ];
}

const NAMED = { eth0: card('10.0.2.15', '255.255.255.0'), br0: card('10.1.0.1', '255.255.0.0') };
const INTERFACES = () => NAMED;
const DEFAULT = row('eth0', '0.0.0.0', '10.0.2.2', '0.0.0.0', 100);
const LOCAL = row('eth0', '10.0.2.0', '0.0.0.0', '255.255.255.0', 0, '0001');

const bytes = (...parts: readonly number[]) => Uint8Array.from(parts);

test('a neighbour is reached directly, everybody else through the gateway, with the modules of the card', () => {
  using tree = machine(DEFAULT, LOCAL);
  const common = {
    interfaceName: 'eth0',
    macAddress: '52:54:00:12:34:56',
    address: bytes(10, 0, 2, 15),
    netmask: bytes(255, 255, 255, 0),
    modules: ['virtio_net', 'virtio_pci'],
  };
  const near = readNetworkPath(tree.root, bytes(10, 0, 2, 2), INTERFACES);
  assert.deepEqual(near.state === 'read' && near.value, { ...common, gateway: undefined, onLink: undefined });
  const far = readNetworkPath(tree.root, bytes(192, 0, 2, 1), INTERFACES);
  assert.deepEqual(far.state === 'read' && far.value, {
    ...common,
    gateway: bytes(10, 0, 2, 2),
    onLink: undefined,
  });
});

test('who is on the same cable although the netmask leaves him out is told: gateway, neighbour or everybody', () => {
  const alone = { eth0: card('10.132.0.5', '255.255.255.255') };
  const toGateway = row('eth0', '10.132.0.1', '0.0.0.0', '255.255.255.255', 0, '0005');
  const wayTo = (to: Uint8Array, ...rows: readonly string[]) => {
    using tree = machine(...rows);
    const path = readNetworkPath(tree.root, to, () => alone);
    assert.ok(path.state === 'read');
    return { gateway: path.value.gateway, onLink: path.value.onLink };
  };
  const [gateway, anywhere] = [bytes(10, 132, 0, 1), bytes(0, 0, 0, 0)];
  const cloud = [row('eth0', '0.0.0.0', '10.132.0.1', '0.0.0.0'), toGateway];
  assert.deepEqual(wayTo(bytes(192, 0, 2, 1), ...cloud), { gateway, onLink: gateway });
  assert.deepEqual(wayTo(anywhere, ...cloud), { gateway, onLink: gateway });
  assert.deepEqual(wayTo(gateway, ...cloud), { gateway: undefined, onLink: gateway });
  const direct = row('eth0', '0.0.0.0', '0.0.0.0', '0.0.0.0', 0, '0001');
  assert.deepEqual(wayTo(anywhere, direct), { gateway: undefined, onLink: anywhere });
});

test('of two equal routes the one with the lower metric counts, and rejecting ones do not', () => {
  using tree = machine(
    row('br0', '0.0.0.0', '10.1.0.2', '0.0.0.0', 200),
    DEFAULT,
    row('br0', '192.0.2.0', '0.0.0.0', '255.255.255.0', 0, '0201'),
  );
  const path = readNetworkPath(tree.root, bytes(192, 0, 2, 1), INTERFACES);
  assert.equal(path.state === 'read' && path.value.interfaceName, 'eth0');
});

test('what a bare kernel could not bring up is refused with the reason', () => {
  const throwing = () => {
    throw new Error('A system error occurred: uv_interface_addresses returned Unknown system error 97');
  };
  const refusals = [
    [[row('br0', '0.0.0.0', '10.1.0.2', '0.0.0.0')], INTERFACES, /br0 is no network card/],
    [[LOCAL], INTERFACES, /no route/],
    [[DEFAULT], () => ({ lo: NAMED.br0 }), /eth0 has no IPv4 address/],
    [[DEFAULT], throwing, /addresses of eth0 cannot be read: .*uv_interface_addresses/],
  ] as const;
  for (const [rows, interfaces, reason] of refusals) {
    using tree = machine(...rows);
    const path = readNetworkPath(tree.root, bytes(192, 0, 2, 1), interfaces);
    assert.match(path.state === 'unreadable' ? path.reason : path.state, reason);
  }
  using bare = buildTree({});
  assert.equal(readNetworkPath(bare.root, bytes(1, 2, 3, 4), INTERFACES).state, 'absent');
});

test('addresses are taken as they are, and what is none is not found', async () => {
  assert.deepEqual(await resolveHost('192.0.2.7'), bytes(192, 0, 2, 7));
  for (const text of ['1.2.3', '1.2.3.256', '1.2.3.4.5', 'a.b.c.d', ''])
    assert.equal(addressBytes(text), undefined);
  await assert.rejects(resolveHost('no-such-host.invalid'), { code: 'E_NOT_FOUND' });
});
