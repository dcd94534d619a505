import assert from 'node:assert/strict';
import { test } from 'node:test';
import { DEFAULT_GUARD_SETTINGS } from '../../src/guard/guard-settings.ts';
import type { ReportTarget } from '../../src/guard/report-target.ts';
import { planTarget, planTargetOrNone } from '../../src/guard/target-plan.ts';
import type { GuardWorld } from '../../src/guard/world.ts';
import type { RawAreaState } from '../../src/machine/raw-area.ts';
import { quietWorld } from '../support/switch-world.ts';
import { buildTree } from '../support/tree-builder.ts';

const bytes = (...parts: readonly number[]) => Uint8Array.from(parts);
const ID = new Uint8Array(16).fill(7);

/** A machine with an ext4 disk, a partition and a network card. */
function worldWith(over: Partial<GuardWorld> = {}, area: RawAreaState = { state: 'empty' }): GuardWorld {
  return {
    ...quietWorld('/nowhere'),
    readReportPlace: (path) => ({
      state: 'read',
      source: path,
      value: {
        fileSystem: 'ext4',
        options: '',
        identity: { offset: 1128, bytes: ID },
        folder: path.slice(1),
        device: '/dev/vda2',
        modules: ['virtio_blk'],
      },
    }),
    bootLoader: {
      read: () => assert.fail('the boot loader was read'),
      obstacles: () => assert.fail('the boot loader was looked at'),
      apply: () => assert.fail('the boot loader was changed'),
    },
    rebootThroughFirmware: () => assert.fail('a reboot was asked for'),
    collectModules: () => assert.fail('modules were collected'),
    trySsh: () => assert.fail('another machine was logged in to'),
    readSshServer: () => assert.fail('sshd was asked'),
    tryCurl: () => assert.fail('a server was asked'),
    tryEncryption: () => assert.fail('something was encrypted'),
    readProgramFiles: (name) => ({ state: 'absent', source: name }),
    findMount: () => ({ state: 'read', source: 'x', value: '/mnt' }),
    rawAreas: {
      find: () => ({ state: 'read', source: 'x', value: '/dev/vda3' }),
      read: () => area,
      modules: () => ({ state: 'read', source: 'x', value: ['nvme'] }),
      label: () => assert.fail('a label was written'),
    },
    resolveHost: async () => bytes(192, 0, 2, 1),
    readNetworkPath: () => ({
      state: 'read',
      source: 'x',
      value: {
        interfaceName: 'eth0',
        macAddress: '52:54:00:12:34:56',
        address: bytes(10, 0, 2, 15),
        netmask: bytes(255, 255, 255, 0),
        gateway: bytes(10, 0, 2, 2),
        onLink: undefined,
        modules: ['virtio_net'],
      },
    }),
    ...over,
  };
}

const planFor = (to: ReportTarget, world: GuardWorld) =>
  planTarget(world, { ...DEFAULT_GUARD_SETTINGS, deadlineSeconds: 100, to });

const FOLDER: ReportTarget = { kind: 'folder' };
const UUID: ReportTarget = { kind: 'file-system', uuid: 'abcd', folder: '/crashes' };
const RAW: ReportTarget = { kind: 'raw', partition: 'aa-02' };
const HTTP: ReportTarget = { kind: 'http', host: 'logs', port: 8080, path: '/c/' };

test('a file system is reached by its own identity, with its driver among the modules', async () => {
  for (const [to, folder] of [
    [FOLDER, 'nowhere/state/crashes'],
    [UUID, 'mnt/crashes'],
  ] as const) {
    const plan = await planFor(to, worldWith());
    assert.ok(plan.state === 'planned' && plan.target.kind === 'file-system');
    assert.deepEqual(plan.target.identity, { offset: 1128, bytes: ID });
    assert.equal(plan.target.folder, folder);
    assert.equal(plan.target.deadlineMs, 50_000);
    assert.deepEqual(plan.modules, ['virtio_blk', 'ext4']);
  }
});

test('an empty partition gets a fresh id and a label, one that is khop’s keeps its own', async () => {
  const fresh = await planFor(RAW, worldWith());
  assert.ok(fresh.state === 'planned' && fresh.target.kind === 'raw');
  assert.deepEqual(fresh.label, { device: '/dev/vda3', id: fresh.target.id });
  const known = await planFor(RAW, worldWith({}, { state: 'ours', id: ID }));
  assert.ok(known.state === 'planned' && known.target.kind === 'raw');
  assert.deepEqual([known.target.id, known.label, known.modules], [ID, undefined, ['nvme']]);
});

test('a partition with something else is refused', async () => {
  await assert.rejects(planFor(RAW, worldWith({}, { state: 'foreign' })), { code: 'E_REFUSED' });
});

test('a web server is reached through the interface as it is now', async () => {
  const plan = await planFor(HTTP, worldWith());
  assert.ok(plan.state === 'planned' && plan.target.kind === 'http');
  assert.deepEqual(plan.target, {
    kind: 'http',
    address: bytes(192, 0, 2, 1),
    port: 8080,
    host: 'logs:8080',
    path: '/c/',
    network: {
      macAddress: '52:54:00:12:34:56',
      address: bytes(10, 0, 2, 15),
      netmask: bytes(255, 255, 255, 0),
      gateway: bytes(10, 0, 2, 2),
      onLink: undefined,
    },
    deadlineMs: 50_000,
  });
  assert.equal(plan.where, 'http://logs:8080/c/, through eth0');
});

test('a web server behind TLS gets curl, which counts among what the guard was armed of', async () => {
  using tree = buildTree({ 'etc/ssl/certs/ca-certificates.crt': 'certificates' });
  const curl = { name: 'curl', path: '/usr/bin/curl', bytes: new Uint8Array(10) };
  const world: GuardWorld = {
    ...worldWith({
      readProgramFiles: (name) => ({
        state: 'read',
        source: name,
        value: { program: curl, loader: undefined, libraries: [] },
      }),
    }),
    folders: { ...worldWith().folders, root: tree.root },
  };
  const to = { kind: 'https', host: 'logs', port: 443, path: '/c/', authorities: null } as const;
  const plan = await planFor(to, world);
  assert.ok(plan.state === 'planned' && plan.target.kind === 'https');
  assert.equal(plan.target.url, 'https://logs/c/');
  assert.equal(plan.where, 'https://logs/c/, through eth0');
  assert.deepEqual(plan.brought?.inputs, [curl.path, `${tree.root}/etc/ssl/certs/ca-certificates.crt`]);
  assert.ok((plan.brought?.workingBytes ?? 0) > 0);
});

test('the usual folder may be out of reach, a place that was named only when nobody is there', async () => {
  const unreadable = {
    state: 'unreadable',
    source: 'x',
    reason: 'dm-0 comes up only with programs',
  } as const;
  const lost = worldWith({
    readReportPlace: () => unreadable,
    readNetworkPath: () => unreadable,
    rawAreas: { ...worldWith().rawAreas, find: () => ({ state: 'absent', source: '/dev/disk/x' }) },
  });
  assert.deepEqual(await planFor(FOLDER, lost), { state: 'nowhere', reason: unreadable.reason });
  for (const to of [UUID, RAW, HTTP]) {
    const without = await planTargetOrNone(lost, { ...DEFAULT_GUARD_SETTINGS, to });
    assert.match(without.state === 'nowhere' ? without.reason : '', /cannot be reached by the panic kernel/);
    await assert.rejects(planFor(to, lost), { code: 'E_NOT_FOUND', message: /cannot be reached/ });
  }
});
