import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { test } from 'node:test';
import { KhopError } from '../../src/error.ts';
import { chooseRescue, chooseWithoutHome } from '../../src/guard/choose-rescue.ts';
import type { HomePlan } from '../../src/guard/home-plan.ts';
import { planRescueLogin, type RescueLogin, rescueBytes } from '../../src/guard/rescue-login.ts';
import { planRescue } from '../../src/guard/rescue-plan.ts';
import type { GuardWorld } from '../../src/guard/world.ts';
import type { ProgramFiles } from '../../src/machine/program-files.ts';
import type { Reading } from '../../src/machine/reading.ts';
import type { SshServer } from '../../src/machine/ssh-server.ts';
import type { RescueOrder } from '../../src/plan/capture/rescue.ts';
import type { LoadPlan } from '../../src/plan/load-plan.ts';
import { quietWorld } from '../support/switch-world.ts';
import { buildTree } from '../support/tree-builder.ts';

const MIB = 2 ** 20;
const file = (path: string, size = 10) => ({
  name: path.replace(/^.*\//, ''),
  path,
  bytes: new Uint8Array(size),
});
const LIBC = file('/lib/x86_64-linux-gnu/libc.so.6', MIB);
const BUSYBOX: ProgramFiles = { program: file('/usr/bin/busybox'), loader: undefined, libraries: [LIBC] };
const SSHD: ProgramFiles = {
  program: file('/usr/sbin/sshd'),
  loader: file('/lib64/ld-linux-x86-64.so.2'),
  libraries: [LIBC],
};
const SERVER: SshServer = {
  port: 2222,
  programs: [SSHD],
  hostKeys: [Buffer.from('secret of the host')],
  authorizedKeys: Buffer.from('ssh-ed25519 AAAA admin\n'),
  keyFiles: ['/etc/ssh/host', '/root/.ssh/authorized_keys'],
};
const LOOP = { releases: ['6.1'], reason: '6.1 died 2 times' };
const HOME: HomePlan = {
  ...{ state: 'planned', title: 'Debian 6.1', inputs: [] },
  wayHome: { region: { start: 0n, end: 20n * BigInt(MIB) } } as never,
};

function worldWith(over: Partial<GuardWorld> = {}): GuardWorld {
  return {
    ...quietWorld('/nowhere'),
    readProgramFiles: (name: string) =>
      name === 'busybox'
        ? { state: 'read', source: name, value: BUSYBOX }
        : { state: 'absent', source: name },
    readNetworkPath: () => ({
      state: 'read',
      source: 'x',
      value: {
        ...{ interfaceName: 'eth0', macAddress: '52:54:00:12:34:56', modules: ['virtio_net'] },
        ...{ address: Uint8Array.of(10, 0, 2, 15), netmask: Uint8Array.of(255, 255, 255, 0) },
        gateway: Uint8Array.of(10, 0, 2, 2),
        onLink: undefined,
      },
    }),
    readSshServer: async () => ({ state: 'read', source: 'sshd -T', value: SERVER }),
    ...over,
  } as Partial<GuardWorld> as GuardWorld;
}

async function loginOf(world = worldWith()): Promise<Reading<RescueLogin>> {
  return await planRescueLogin(world, 30_000);
}

test('the server of a rescue is the machine’s own: its port, its keys, and root by key alone', async () => {
  const login = await loginOf();
  assert.ok(login.state === 'read');
  const { server, files, modules, address } = login.value;
  assert.equal(address, 'root@10.0.2.15 -p 2222');
  assert.deepEqual(modules, ['virtio_net']);
  for (const path of ['/usr/sbin/sshd', ...SERVER.keyFiles])
    assert.ok(login.value.inputs.includes(path), path);
  assert.equal(server.deadlineMs, 50_000);
  const words = server.command.join(' ');
  assert.match(words, /^\/usr\/sbin\/sshd -D -e -f \/dev\/null /);
  for (const option of [
    ...['PermitRootLogin=prohibit-password', 'PasswordAuthentication=no', 'KbdInteractiveAuthentication=no'],
    ...['Port=2222', 'HostKey=/rescue/host-key-0', 'AuthorizedKeysFile=/rescue/authorized_keys'],
  ])
    assert.ok(words.includes(`-o ${option}`), option);
  // sshd takes no host key that others could read.
  assert.deepEqual(
    files.map(({ path, mode }) => [path, mode]),
    [
      ['/rescue/host-key-0', 0o600],
      ['/rescue/authorized_keys', 0o600],
    ],
  );
});

test('without a way to the outside or a server there is nobody who logs in, and why is known', async () => {
  const absent = { state: 'unreadable', source: '/proc/net/route', reason: 'no route leads there' } as const;
  assert.deepEqual(await loginOf(worldWith({ readNetworkPath: () => absent })), absent);
  const closed = { state: 'unreadable', source: 'sshd -T', reason: 'PermitRootLogin is no' } as const;
  assert.deepEqual(await loginOf(worldWith({ readSshServer: async () => closed })), closed);
});

test('a shell alone brings nothing of a server, one with a login says where', async () => {
  const alone = planRescue(worldWith(), LOOP, HOME, undefined)!;
  assert.equal(alone.server, undefined);
  assert.match(alone.note, /exit +starts Debian 6\.1 again/);
  assert.ok(!alone.files.some(({ path }) => /sshd|profile|leave/.test(path)));
  const login = await loginOf();
  assert.ok(login.state === 'read');
  const both = planRescue(worldWith(), LOOP, HOME, login.value)!;
  const paths = both.files.map(({ path }) => path);
  assert.deepEqual([...new Set(paths)], paths, 'each file is there once');
  for (const path of ['/bin/busybox', '/usr/sbin/sshd', LIBC.path, '/etc/profile', '/bin/leave'])
    assert.ok(paths.includes(path), path);
  assert.match(both.note, /ssh root@10\.0\.2\.15 -p 2222 +shows the same/);
  assert.match(both.note, /leave +starts Debian 6\.1 again/);
});

/** A machine that has only these programs. */
function worldOf(...names: readonly string[]): GuardWorld {
  return worldWith({
    readProgramFiles: (name) => {
      if (!names.includes(name)) return { state: 'absent', source: name };
      const program = file(`/usr/bin/${name}`);
      return { state: 'read', source: name, value: { program, loader: undefined, libraries: [LIBC] } };
    },
  });
}

test('without busybox the console has a note and no shell, and Enter leaves', () => {
  const order = planRescue(worldOf(), LOOP, HOME, undefined)!;
  assert.equal(order.command, undefined);
  assert.match(order.note, /died 2 times/);
  assert.match(order.note, /Enter +starts Debian 6\.1 again/);
  assert.doesNotMatch(order.note, /exit|reboot|leave/);
  assert.deepEqual(
    order.files.map(({ path }) => path),
    ['/rescue/note'],
  );
});

test('without busybox who logs in has the distribution’s sh, and without that nobody can', async () => {
  const login = await loginOf();
  assert.ok(login.state === 'read');
  const order = planRescue(worldOf('sh', 'cat'), LOOP, HOME, login.value)!;
  assert.equal(order.command, undefined);
  assert.deepEqual(order.server, login.value.server);
  const paths = order.files.map(({ path }) => path);
  for (const path of ['/bin/sh', '/bin/cat', '/usr/sbin/sshd', LIBC.path, '/etc/profile', '/bin/leave'])
    assert.ok(paths.includes(path), path);
  assert.ok(!paths.some((path) => /busybox|tail/.test(path)));
  assert.match(order.note, /leave +starts Debian 6\.1 again[^]*Enter +does so, too/);
  assert.equal(planRescue(worldOf('cat'), LOOP, HOME, login.value), undefined);
});

test('what a shell without any tools shows at a login is the log, the steps and the note', async () => {
  const login = await loginOf();
  assert.ok(login.state === 'read');
  const order = planRescue(worldOf('sh'), LOOP, HOME, login.value)!;
  const profile = order.files.find(({ path }) => path === '/etc/profile')!;
  using tree = buildTree({
    'rescue/dmesg.txt': 'a \\n log\n',
    'rescue/chain.txt': 'captured 1\n',
    'rescue/note': order.note,
  });
  const text = Buffer.from(profile.bytes).toString().replaceAll('/rescue/', `${tree.root}/rescue/`);
  const { stdout, stderr } = spawnSync('sh', ['-c', `PATH=\n${text}`], { encoding: 'utf8' });
  assert.deepEqual([stdout, stderr], [`a \\n log\ncaptured 1\n${order.note}`, '']);
});

/** What was planned: whether somebody can log in, and how the person leaves. */
function plansOf(fits: (order: RescueOrder, home: HomePlan) => boolean) {
  return (order: RescueOrder, home: HomePlan): LoadPlan => {
    if (!fits(order, home)) throw new KhopError('E_PLAN', 'too small', { hint: '' });
    return { server: order.server !== undefined, home: home.state } as never;
  };
}

test('who can log in is worth more than a kernel that waits, and a shell more than neither', async () => {
  const login = await loginOf();
  assert.ok(login.state === 'read');
  const order = planRescue(worldWith(), LOOP, HOME, login.value)!;
  const need = BigInt(rescueBytes(order));
  const kept = 20n * BigInt(MIB);
  const choose = (roomBytes: bigint, fits: (order: RescueOrder, home: HomePlan) => boolean = () => true) =>
    chooseRescue(worldWith(), { loop: LOOP, home: HOME, login, roomBytes }, plansOf(fits));
  const best = choose(need + kept + BigInt(MIB));
  assert.deepEqual(best?.plan, { server: true, home: 'planned' });
  assert.deepEqual(best?.inputs, login.value.inputs);
  const instead = choose(need + BigInt(MIB));
  assert.deepEqual(instead?.plan, { server: true, home: 'firmware' });
  assert.deepEqual(instead?.rescueLogin, { ...login, value: login.value.address });
  const tight = choose(need - BigInt(MIB));
  assert.deepEqual(tight?.plan, { server: false, home: 'planned' });
  assert.match(JSON.stringify(tight?.rescueLogin), /too small/);
  assert.deepEqual([best?.rescueShell, instead?.rescueShell, tight?.rescueShell], [true, true, true]);
  const bare = choose(0n, ({ command }) => command === undefined);
  assert.deepEqual([bare?.plan, bare?.rescueShell], [{ server: false, home: 'planned' }, false]);
  assert.equal(
    choose(need + kept, () => false),
    undefined,
  );
});

test('without busybox a loop ends in a rescue all the same, with a login where there is a sh', async () => {
  const login = await loginOf();
  assert.ok(login.state === 'read');
  const roomBytes = BigInt(100 * MIB);
  const choose = (...names: readonly string[]) =>
    chooseRescue(
      worldOf(...names),
      { loop: LOOP, home: HOME, login, roomBytes },
      plansOf(() => true),
    );
  const bare = choose();
  assert.deepEqual([bare?.plan, bare?.rescueShell], [{ server: false, home: 'planned' }, false]);
  assert.match(JSON.stringify(bare?.rescueLogin), /neither busybox nor sh/);
  const withSh = choose('sh');
  assert.deepEqual([withSh?.plan, withSh?.rescueShell], [{ server: true, home: 'planned' }, false]);
  assert.equal(withSh?.rescueLogin?.state, 'read');
});

test('why nobody can log in is told where nothing else is wrong, and nothing where it was not asked for', () => {
  const closed = { state: 'unreadable', source: 'sshd -T', reason: 'PermitRootLogin is no' } as const;
  const choose = (login: Reading<RescueLogin> | undefined) =>
    chooseRescue(
      worldWith(),
      { loop: LOOP, home: HOME, login, roomBytes: 0n },
      plansOf(() => true),
    );
  assert.deepEqual(choose(closed)?.rescueLogin, closed);
  assert.equal(choose(undefined)?.rescueLogin, undefined);
});

test('a person beside a kernel that ends a loop has what that leaves of the room, at the least a note', async () => {
  const login = await loginOf();
  assert.ok(login.state === 'read');
  const need = BigInt(rescueBytes(planRescue(worldWith(), LOOP, HOME, login.value)!));
  const kept = 20n * BigInt(MIB);
  const choose = (roomBytes: bigint, fits: (order: RescueOrder) => boolean = () => true) => {
    const orders: RescueOrder[] = [];
    const chosen = chooseWithoutHome(worldWith(), { loop: LOOP, home: HOME, login, roomBytes }, (order) => {
      orders.push(order);
      return plansOf(fits)(order, HOME);
    });
    return { chosen, order: orders.at(-1)! };
  };
  const { chosen: best, order } = choose(need + kept + BigInt(MIB));
  assert.deepEqual([best?.home, best?.rescueShell, best?.inputs], [HOME, true, login.value.inputs]);
  assert.deepEqual(best?.rescueLogin, { ...login, value: login.value.address });
  assert.match(order.note, /6\.1 died 2 times\.\n\*\*\* Debian 6\.1 was to start instead, and cannot be/);
  assert.match(order.note, /leave +restarts the machine through the firmware/);
  const tight = choose(need + kept - BigInt(MIB));
  assert.deepEqual([tight.order.server, tight.chosen?.rescueShell], [undefined, true]);
  assert.match(JSON.stringify(tight.chosen?.rescueLogin), /too small/);
  const bare = choose(kept);
  assert.deepEqual(
    [bare.order.command, bare.chosen?.rescueShell, bare.chosen?.inputs],
    [undefined, false, []],
  );
  assert.match(bare.order.note, /Enter +restarts the machine through the firmware/);
  assert.equal(choose(kept, () => false).chosen, undefined);
});
