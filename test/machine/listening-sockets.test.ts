import assert from 'node:assert/strict';
import { test } from 'node:test';
import { readEphemeralPorts, readListeningSockets } from '../../src/machine/listening-sockets.ts';
import { valueOf } from '../../src/machine/reading.ts';
import { buildTree } from '../support/tree-builder.ts';

const HEADER =
  '  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode';
const row = (local: string, state: string, inode: number) =>
  `   0: ${local} 00000000:0000 ${state} 00000000:00000000 00:00000000 00000000     0        0 ${inode} 1 0 100 0 0 10 0`;
const table = (...rows: readonly string[]) => [HEADER, ...rows, ''].join('\n');

const TCP = table(
  row('0100007F:0277', '0A', 101),
  row('050200C0:0016', '01', 102),
  row('00000000:0016', '0A', 103),
);
const TCP6 = table(
  row('00000000000000000000000000000000:0050', '0A', 104),
  row('B80D0120000000000000000001000000:01BB', '0A', 0),
  row('0000000000000000FFFF00000100007F:1F90', '0A', 105),
);

test('listening sockets are told with address, port, and the process that has them', () => {
  using tree = buildTree({
    'proc/net/tcp': TCP,
    'proc/net/tcp6': TCP6,
    'proc/1/fd/3': { link: 'socket:[103]' },
    'proc/1/cgroup': '0::/init.scope\n',
    'proc/1/comm': 'systemd\n',
    'proc/40/fd/4': { link: 'socket:[103]' },
    'proc/40/fd/0': { link: '/dev/null' },
    'proc/40/cgroup': '0::/system.slice/ssh.service\n',
    'proc/40/comm': 'sshd\n',
    'proc/41/fd/7': { link: 'socket:[104]' },
    'proc/41/cgroup': '3:cpu:/x\n1:name=systemd:/system.slice/nginx.service\n0::/other\n',
    'proc/42/fd/': '',
  });
  assert.deepEqual(valueOf(readListeningSockets(tree.root)), [
    { address: '0.0.0.0', port: 22, controlGroup: '/init.scope', holder: 'systemd' },
    { address: '::', port: 80, controlGroup: '/system.slice/nginx.service', holder: null },
    { address: '2001:db8::1', port: 443, controlGroup: null, holder: null },
    { address: '127.0.0.1', port: 631, controlGroup: null, holder: null },
    { address: '::ffff:7f00:1', port: 8080, controlGroup: null, holder: null },
  ]);
});

test('a kernel without IPv6 has those of IPv4, and a table that is not understood is unreadable', () => {
  using four = buildTree({ 'proc/net/tcp': TCP });
  assert.equal(valueOf(readListeningSockets(four.root))?.length, 2);
  for (const broken of [
    '  0: nonsense',
    row('0100007F:027', '0A', 1),
    '   0: 0100007F:0277 00000000:0000 0A',
  ])
    for (const file of ['proc/net/tcp', 'proc/net/tcp6']) {
      using tree = buildTree({ 'proc/net/tcp': TCP, [file]: table(broken) });
      assert.equal(readListeningSockets(tree.root).state, 'unreadable', broken);
    }
  using bare = buildTree({});
  assert.equal(readListeningSockets(bare.root).state, 'absent');
});

test('the ports that the kernel gives at random are a range', () => {
  const path = 'proc/sys/net/ipv4/ip_local_port_range';
  using tree = buildTree({ [path]: '32768\t60999\n' });
  assert.deepEqual(valueOf(readEphemeralPorts(tree.root)), [32_768, 60_999]);
  using broken = buildTree({ [path]: '32768\n' });
  assert.equal(readEphemeralPorts(broken.root).state, 'unreadable');
});
